from __future__ import annotations

from typing import Any, cast

from tests.export.outcomes import outcome
from tests.golden import GOLD
from textsynth.export.card import card
from textsynth.export.card.calibration import calibration_limitations, calibration_scores


def test_labels_that_were_tried_on_gold_rows_have_their_share_and_interval() -> None:
    (line,) = calibration_limitations(outcome(labellers=("choice",), calibrations={"choice": GOLD}))
    assert line == (
        "choice was right on 84 % (77–90 %) of 120 gold rows, and on 95 % (88–98 %) of the 84 that are as sure as the"
        " texts kept; the texts here may be easier or harder than these rows."
    )


def test_where_no_row_passes_nothing_is_said_of_those() -> None:
    found = cast("Any", {name: value for name, value in GOLD.items() if name != "kept"})
    (line,) = calibration_limitations(outcome(labellers=("choice",), calibrations={"choice": found}))
    assert line.startswith("choice was right on 84 % (77–90 %) of 120 gold rows; the texts")


def test_a_confidence_that_nobody_compared_with_known_labels_is_said_to_be_that() -> None:
    told = list(calibration_limitations(outcome(labellers=("choice", "choice-2"), calibrations={"choice": GOLD})))
    assert told[1] == (
        "The confidence by choice-2 is not calibrated: it was compared with no rows of known labels."
    ).replace("-", "\\-")
    assert list(calibration_limitations(outcome(labellers=()))) == []
    assert list(calibration_limitations(outcome(labellers=("choice",), selected=[]))) == []


def test_the_card_tells_the_rows_by_label_among_what_was_measured() -> None:
    text = card(outcome(labellers=("choice",), calibrations={"choice": GOLD}), [], {}, [])
    measured = text[text.index("## What the checks measured") :]
    assert "84 % of 120 gold rows labelled correctly" in measured
    assert "| late\\_delivery | 40 | 78 % | 62–88 % |" in measured
    assert "choice was right on 84 %" in text[: text.index("## How it was made")]
    assert calibration_scores(outcome()) == ""
