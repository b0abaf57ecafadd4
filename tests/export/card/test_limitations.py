"""Intended use, known limitations, and the sentences about labellers and their gold rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from tests.export.outcomes import record, run_result
from tests.golden import GOLD
from textsynth.core.records import REVIEW_DECISION
from textsynth.export.card import card
from textsynth.export.card.calibration import calibration_limitations, calibration_scores
from textsynth.export.card.limitations import intended_use, limitations
from textsynth.export.run_result import CardMetadata, CheckInfo, QuotaStatus

EVALUATION: dict[str, Any] = {
    "differences": [
        {"arm": "seeds_selected", "baseline": "seeds", "classifier": "embeddings", "difference": -0.02,
         "interval": [-0.036, -0.004]},
        {"arm": "seeds_selected", "baseline": "seeds", "classifier": "words", "difference": 0.01,
         "interval": [-0.008, 0.029]},
        {"arm": "raw", "baseline": "seeds", "classifier": "words", "difference": -0.5, "interval": [-0.6, -0.4]},
    ],
    "verdict": {"test_copies": 7, "labels_worse": ["a_b", "c"]},
    "domain_shift": {"auc_words": 0.931, "auc_embeddings": 0.55},
}  # fmt: skip


def test_harm_contamination_and_domain_shift_come_first() -> None:
    lines = limitations(run_result(evaluation=EVALUATION)).split("\n")
    assert lines[0] == (
        "- **These texts harm** a classifier of frozen embeddings when added to the real seeds "
        "(macro-F1 -0.020, 95 % interval -0.036 to -0.004)."
    )
    assert lines[1].startswith("- No clear gain for a classifier of TF-IDF words")
    assert "7 of the texts are copies of test rows" in lines[2]
    assert lines[3] == "- Labels with a lower score when these texts are added: a\\_b, c."
    assert "by their words (AUC 0.93; 0.5 is chance" in lines[4]
    assert "embeddings (AUC" not in "\n".join(lines)


def test_a_labelled_data_set_without_an_evaluation_says_that_nothing_was_measured() -> None:
    assert "Nothing was measured on real data" in limitations(run_result())
    assert "Nothing was measured" not in limitations(run_result(labels={}, task="summarization"))


def test_topics_that_no_check_looked_for_are_named() -> None:
    assert "No check looked for personal data or for harmful content." in limitations(run_result())
    personal_data = CheckInfo("filter", "personal_data-2", frozenset({"personal data"}))
    text = limitations(run_result(checks=[personal_data]))
    assert "Names, postal addresses and persons described in words were not." in text
    assert "No check looked for harmful content." in text
    harmful = CheckInfo("filter", "./safety.py", frozenset({"harmful content"}))
    assert "No check looked" not in limitations(run_result(checks=[personal_data, harmful]))
    assert "Names, postal addresses" not in limitations(run_result(checks=[harmful]))


def test_low_confidence_missed_quotas_and_pending_texts_have_numbers() -> None:
    selected = [record(n).with_scores({"agreement": 0.4 if n < 12 else 0.6, "length": 0.1}) for n in range(100)]
    quota = [QuotaStatus({"label": f"label_{n}"}, 10, 10 - (n < 7)) for n in range(9)]
    text = limitations(run_result(selected=selected, quota=quota))
    assert "- 12 % of the texts have a confidence under .5 by agreement (12 of 100)." in text
    assert "by length" not in text
    assert "- 7 of 9 quota cells have fewer texts than requested: label\\_0 (9 of 10)" in text
    assert "and 2 more." in text
    assert "- 1 text waits for a person; such doubtful texts are not in the data set." in text


def test_a_quota_cell_is_named_by_its_values_and_misses_no_negative_number_of_texts() -> None:
    assert QuotaStatus({"label": "refund", "tone": "angry"}, 5, 3).name == "refund, angry"
    assert QuotaStatus({}, 5, 3).name == "total"
    assert [QuotaStatus({}, 5, selected).missing for selected in (3, 5, 9)] == [2, 0, 0]


def test_the_author_s_intended_use_replaces_the_task_s_and_what_is_out_of_scope_is_added() -> None:
    metadata = CardMetadata(intended_use="routing *only*", out_of_scope="credit scores")
    text = intended_use(run_result(metadata=metadata))
    assert text.startswith("- Intended: routing \\*only\\*\n")
    assert "- Out of scope: measuring how good a model is" in text
    assert text.endswith("- Out of scope: credit scores")
    assert "Training a classifier" in intended_use(run_result())


def test_the_number_of_labels_that_people_reviewed_is_stated() -> None:
    selected = [replace(record(0), fields={REVIEW_DECISION: "keep"}), *(record(n) for n in range(1, 4))]
    checked = run_result(selected=selected, labellers=("choice",))
    assert "The labels are checked by choice, 1 of 4 of them by people." in limitations(checked)
    assert "deciding about a person by these labels, of which people have reviewed 1 of 4." in intended_use(checked)
    requested = run_result(selected=selected)
    assert "The labels are those of the requests, 1 of 4 of them checked by people." in limitations(requested)
    assert "The labels are those of the requests, not checked by people." in limitations(run_result())
    not_reviewed = run_result(labellers=("choice",))
    assert "checked by choice, not by people." in limitations(not_reviewed)
    assert "which no person has set." in intended_use(not_reviewed)


def test_a_calibrated_labeller_has_its_accuracy_with_an_interval() -> None:
    (line,) = calibration_limitations(run_result(labellers=("choice",), calibrations={"choice": GOLD}))
    assert line == (
        "choice was right on 84 % (77–90 %) of 120 gold rows, and on 95 % (88–98 %) of the 84 that reached its "
        "threshold; the texts of this data set may be easier or harder than these rows."
    )


def test_without_gold_rows_above_the_threshold_there_is_no_second_accuracy() -> None:
    summary = cast("Any", {name: value for name, value in GOLD.items() if name != "kept"})
    (line,) = calibration_limitations(run_result(labellers=("choice",), calibrations={"choice": summary}))
    assert line.startswith("choice was right on 84 % (77–90 %) of 120 gold rows; the texts")


def test_a_labeller_without_gold_rows_is_not_calibrated() -> None:
    result = run_result(labellers=("choice", "choice-2"), calibrations={"choice": GOLD})
    assert list(calibration_limitations(result))[1] == (
        "The confidence by choice\\-2 is not calibrated: it was compared with no gold rows."
    )
    assert list(calibration_limitations(run_result(labellers=()))) == []
    assert list(calibration_limitations(run_result(labellers=("choice",), selected=[]))) == []


def test_the_card_has_the_accuracy_by_label_among_the_scores() -> None:
    text = card(run_result(labellers=("choice",), calibrations={"choice": GOLD}), [], {}, [])
    scores = text[text.index("## Scores") :]
    assert "84 % of 120 gold rows labelled correctly" in scores
    assert "| late\\_delivery | 40 | 78 % | 62–88 % |" in scores
    assert "choice was right on 84 %" in text[: text.index("## How it was made")]
    assert calibration_scores(run_result()) == ""
