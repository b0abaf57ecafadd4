from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.export.outcomes import outcome, record
from tests.report.evaluations import small
from textsynth.core.errors import RunError
from textsynth.export.dataset import write_dataset
from textsynth.export.run_result import CardFigure
from textsynth.export.viewer_check import viewer_problems
from textsynth.report.card_figures import run_figures, update_card

CHECKS = [("filter", "length"), ("filter", "agreement")]


def paths(**changes: object) -> list[str]:
    return [one.path.removeprefix("figures/").removesuffix(".svg") for one in run_figures(outcome(**changes))]


def test_each_part_that_has_numbers_has_its_picture() -> None:
    assert paths(checks=CHECKS) == ["labels", "funnel", "measures-agreement"]
    told = paths(checks=CHECKS, evaluation=small())
    assert told[3:5] == ["proof-words", "proof-embeddings"]
    assert paths(labels={}, dropped=(), task="summarization") == []
    assert paths(selected=(), checks=CHECKS) == ["funnel"]


def test_pictures_do_not_depend_on_the_order_of_the_texts() -> None:
    told = outcome()
    again = outcome(checks=CHECKS, selected=told.selected[::-1], dropped=told.dropped[::-1])
    assert run_figures(again) == run_figures(outcome(checks=CHECKS))


def test_very_many_labels_and_reasons_stay_a_picture() -> None:
    labels = {f"label {n}": "" for n in range(90)}
    some = [record(n, f"label {n % 90}") for n in range(900)]
    (shown, *_) = run_figures(outcome(labels=labels, selected=some))
    assert "the 40 with the fewest" in shown.title


ARMS = {
    "seeds": {"words": {"macro_f1": 0.5, "interval": [0.4, 0.6], "n": 20}},
    "seeds_selected": {"words": {"macro_f1": 0.6, "interval": [0.5, 0.7], "n": 50}},
}
EVALUATION: dict[str, Any] = {
    "classifiers": ["words"],
    "arms": ARMS,
    "data": {"test": 300},
    "verdict": {"sentences": ["They help."]},
}


def test_the_card_tells_it_and_the_pictures_of_another_one_go(tmp_path: Path) -> None:
    before = CardFigure("figures/proof-embeddings.svg", "Scores", "of another one", "<svg/>")
    write_dataset(tmp_path / "dataset", outcome(figures=[before]))
    rows = {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")}
    update_card(tmp_path, EVALUATION)
    card = (tmp_path / "dataset" / "README.md").read_text(encoding="utf-8")
    assert "- They help." in card
    assert "Nothing was measured on real data" not in card
    figures = {path.name for path in (tmp_path / "dataset" / "figures").iterdir()}
    assert figures == {"proof-words.svg"}
    assert "(figures/proof-words.svg)" in card
    assert rows == {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")}
    assert not viewer_problems(tmp_path / "dataset")
    assert not list((tmp_path / "dataset").glob(".*"))


def test_a_run_without_a_data_set_is_left_alone(tmp_path: Path) -> None:
    update_card(tmp_path, EVALUATION)
    assert not list(tmp_path.iterdir())


def test_a_card_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    write_dataset(tmp_path / "dataset", outcome())
    (tmp_path / "dataset" / "figures").write_text("a file stands in the way")
    with pytest.raises(RunError, match="the card cannot be written"):
        update_card(tmp_path, EVALUATION)
    assert "They help" not in (tmp_path / "dataset" / "README.md").read_text(encoding="utf-8")
