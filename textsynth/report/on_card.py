"""An evaluation on the card of the data set that it judged: what was measured after the run is pushed with the rest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from textsynth.core.errors import RunError, UsageError
from textsynth.core.formatting import storable
from textsynth.export.card.evaluation import with_proof
from textsynth.export.dataset import write_pictures
from textsynth.report.pictures import proof_pictures
from textsynth.store.evaluation import forget_evaluation, read_evaluation


def put_on_card(run: Path, evaluation: Mapping[str, Any]) -> None:
    """Tell an evaluation on the card of a run's data set, with its pictures; what the card told of another one goes.

    Nothing happens where the run has no data set. Raises RunError where the disk does not take it; then the card is as
    it was.
    """
    path = run / "dataset" / "README.md"
    if not path.is_file():
        return
    pictures = proof_pictures(evaluation)
    try:
        card = with_proof(path.read_text(encoding="utf-8"), evaluation, pictures)
        write_pictures(path.parent, pictures)
        fresh = path.with_name(".README.md.new")
        fresh.write_text(storable(card), encoding="utf-8", newline="\n")
        fresh.replace(path)
        told = {one.path for one in pictures}
        for old in (path.parent / "figures").glob("proof-*.svg"):
            if old.relative_to(path.parent).as_posix() not in told:
                old.unlink()
    except OSError as fault:
        raise RunError(f"{path}: the card cannot be written: {fault.strerror or fault}") from fault


def tell_again(run: Path, *, same: bool) -> None:
    """Tell the evaluation of a run on its new card where the data set is the `same`, else take the evaluation away."""
    try:
        told = read_evaluation(run) if same else None
    except UsageError:
        told = None
    if told is None:
        forget_evaluation(run)
    else:
        put_on_card(run, told)
