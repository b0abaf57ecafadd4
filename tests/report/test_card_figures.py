"""The figures of the card, and the card after an evaluation."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.export.outcomes import outcome, record
from tests.report.evaluations import small
from textsynth.core.errors import RunError, UsageError
from textsynth.export.dataset import write_dataset
from textsynth.export.run_result import CardFigure
from textsynth.export.viewer_check import viewer_problems
from textsynth.report.card_figures import run_figures, write_evaluation_and_card
from textsynth.store.evaluation import check_card, write_evaluation
from textsynth.store.owned_files import FILE as LIST_OF_FILES
from textsynth.store.owned_files import OwnedFiles

CHECKS = [("filter", "length"), ("filter", "agreement")]


def figure_names(**changes: object) -> list[str]:
    figures = run_figures(outcome(**changes))
    return [figure.path.removeprefix("figures/").removesuffix(".svg") for figure in figures]


def test_every_part_of_the_result_that_has_numbers_has_a_figure() -> None:
    assert figure_names(checks=CHECKS) == ["labels", "funnel", "confidence-agreement"]
    evaluated = figure_names(checks=CHECKS, evaluation=small())
    assert evaluated[3:] == ["evaluation-words", "evaluation-embeddings", "evaluation-length"]
    assert figure_names(labels={}, dropped=(), confidence_steps=(), task="summarization") == []
    assert figure_names(selected=(), checks=CHECKS) == ["funnel"]


def test_figures_do_not_depend_on_the_order_of_the_texts() -> None:
    result = outcome()
    reordered = outcome(checks=CHECKS, selected=result.selected[::-1], dropped=result.dropped[::-1])
    assert run_figures(reordered) == run_figures(outcome(checks=CHECKS))


def test_of_very_many_labels_those_with_the_fewest_texts_are_shown() -> None:
    labels = {f"label {n}": "" for n in range(90)}
    selected = [record(n, f"label {n % 90}") for n in range(900)]
    (labels_figure, *_) = run_figures(outcome(labels=labels, selected=selected))
    assert "the 40 with the fewest" in labels_figure.title


ARMS = {
    "seeds": {"words": {"macro_f1": 0.5, "interval": [0.4, 0.6], "train_rows": 20}},
    "seeds_selected": {"words": {"macro_f1": 0.6, "interval": [0.5, 0.7], "train_rows": 50}},
}
EVALUATION: dict[str, Any] = {
    "classifiers": ["words"],
    "arms": ARMS,
    "data": {"test": 300},
    "verdict": {"sentences": ["They help."]},
}


def test_the_card_contains_the_evaluation_and_figures_of_an_earlier_one_are_deleted(tmp_path: Path) -> None:
    earlier = CardFigure("figures/evaluation-embeddings.svg", "Scores", "of an earlier evaluation", "<svg/>")
    write_dataset(tmp_path / "dataset", outcome(figures=[earlier]))
    parquet = {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")}
    write_evaluation_and_card(tmp_path, EVALUATION)
    card = (tmp_path / "dataset" / "README.md").read_text(encoding="utf-8")
    assert "- They help." in card
    assert "Nothing was measured on real data" not in card
    figures = {path.name for path in (tmp_path / "dataset" / "figures").iterdir()}
    assert figures == {"evaluation-words.svg"}
    assert "(figures/evaluation-words.svg)" in card
    assert parquet == {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")}
    assert not viewer_problems(tmp_path / "dataset")
    assert not list((tmp_path / "dataset").glob(".*"))


def test_without_a_data_set_only_the_evaluation_is_written(tmp_path: Path) -> None:
    write_evaluation_and_card(tmp_path, EVALUATION)
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == ["evaluation.json"]


def test_a_card_and_an_evaluation_of_which_only_one_was_written_are_noticed(tmp_path: Path) -> None:
    write_dataset(tmp_path / "dataset", outcome())
    write_evaluation_and_card(tmp_path, EVALUATION)
    check_card(tmp_path)
    other = {**EVALUATION, "verdict": {"sentences": ["They harm."]}}
    write_evaluation(tmp_path, other, card="the card with this evaluation, which was not written")
    with pytest.raises(UsageError, match=r"README\.md: is not the card that belongs to evaluation\.json: .* again"):
        check_card(tmp_path)
    write_evaluation_and_card(tmp_path, other)
    check_card(tmp_path)
    with (tmp_path / "dataset" / "README.md").open("a") as card:
        card.write("A sentence of my own.\n")
    check_card(tmp_path)


def killed_at(step: int, run: Path, evaluation: dict[str, Any]) -> bool:
    """Write an evaluation in a process that dies before its file operation `step`; return whether it has so many."""
    process = os.fork()
    if not process:
        steps = itertools.count(1)

        def die(event: str, paths: tuple[Any, ...]) -> None:
            if event in ("os.rename", "os.remove") and Path(paths[0]).exists() and next(steps) == step:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(die)
        write_evaluation_and_card(run, evaluation)
        os._exit(0)
    return os.waitpid(process, 0)[1] == signal.SIGKILL


def content(run: Path) -> dict[str, bytes]:
    """Return the content of a run's files without the list of them, which grows."""
    files = (path for path in run.rglob("*") if path.is_file() and path.name != LIST_OF_FILES)
    return {str(path.relative_to(run)): path.read_bytes() for path in files}


def test_an_evaluation_that_is_killed_at_any_step_is_noticed_and_completed_by_the_next_one(tmp_path: Path) -> None:
    other = {
        **EVALUATION, "classifiers": ["embeddings"], "verdict": {"sentences": ["They harm."]},
        "arms": {name: {"embeddings": scores["words"]} for name, scores in ARMS.items()},
    }  # fmt: skip
    base, expected = tmp_path / "base", tmp_path / "expected"
    write_dataset(base / "dataset", outcome())
    write_evaluation_and_card(base, EVALUATION)
    shutil.copytree(base, expected)
    write_evaluation_and_card(expected, other)
    consistent = {step: False for step in range(1, 20)}
    for step in consistent:
        run = tmp_path / str(step)
        shutil.copytree(base, run)
        if not killed_at(step, run, other):
            break
        with contextlib.suppress(UsageError):
            check_card(run)
            consistent[step] = True
            shown = json.loads((run / "evaluation.json").read_text())["verdict"]["sentences"][0]
            assert shown in (run / "dataset" / "README.md").read_text()
        assert not list(OwnedFiles(run).obstacles(["dataset"]))
        write_evaluation_and_card(run, other)
        assert content(run) == content(expected)
    # evaluation.json, a figure, the card, and the figure of the earlier evaluation
    assert [consistent[number] for number in range(1, step)] == [True, False, False, True]


def test_a_card_that_cannot_be_written_is_an_error_and_stays_unchanged(tmp_path: Path) -> None:
    write_dataset(tmp_path / "dataset", outcome())
    (tmp_path / "dataset" / "figures").write_text("a file where the folder of figures should be")
    with pytest.raises(RunError, match="the card cannot be written"):
        write_evaluation_and_card(tmp_path, EVALUATION)
    assert "They help" not in (tmp_path / "dataset" / "README.md").read_text(encoding="utf-8")
