from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.export.outcomes import outcome, record
from textsynth.core.records import REVIEW_DECISION
from textsynth.export.card.limitations import intended_use, limitations
from textsynth.export.run_result import CardMetadata, QuotaStatus

EVALUATION: dict[str, Any] = {
    "differences": [
        {"arm": "seeds_selected", "minus": "seeds", "classifier": "embeddings", "difference": -0.02,
         "interval": [-0.036, -0.004]},
        {"arm": "seeds_selected", "minus": "seeds", "classifier": "words", "difference": 0.01,
         "interval": [-0.008, 0.029]},
        {"arm": "raw", "minus": "seeds", "classifier": "words", "difference": -0.5, "interval": [-0.6, -0.4]},
    ],
    "verdict": {"leaks": 7, "classes_worse": ["a_b", "c"]},
    "gap": {"auc_words": 0.931, "auc_embeddings": 0.55},
}  # fmt: skip


def test_harm_leaks_and_what_gives_them_away_come_first() -> None:
    lines = limitations(outcome(evaluation=EVALUATION)).split("\n")
    assert lines[0] == (
        "- **They harm** a classifier of frozen embeddings: added to the real seeds they cost it "
        "(macro-F1 -0.020, 95 % interval -0.036 to -0.004)."
    )
    assert lines[1].startswith("- No clear gain for a classifier of TF-IDF words")
    assert "7 of the texts are copies of test rows" in lines[2]
    assert lines[3] == "- Labels that lose by these texts: a\\_b, c."
    assert "by their words (AUC 0.93; 0.5 cannot tell" in lines[4]
    assert "embeddings (AUC" not in "\n".join(lines)


def test_what_was_not_measured_is_said() -> None:
    text = limitations(outcome())
    assert "Nothing was measured on real data" in text
    assert "No check looked for personal data or for harmful content." in text
    assert "Nothing was measured" not in limitations(outcome(labels={}, task="summarization"))


def test_what_was_looked_for_of_persons_is_said_and_what_was_not() -> None:
    text = limitations(outcome(checks=[("filter", "personal_data-2")]))
    assert "Names, postal addresses and persons described in words were not." in text
    assert "No check looked for harmful content." in text
    both = limitations(outcome(checks=[("filter", "./pii.py"), ("filter", "pii"), ("filter", "safety")]))
    assert "No check looked" not in both
    assert "Names, postal addresses" not in both


def test_low_confidence_short_labels_and_doubtful_texts_have_numbers() -> None:
    some = [record(n).with_scores({"agreement": 0.4 if n < 12 else 0.6}) for n in range(100)]
    quota = [QuotaStatus({"label": f"label_{n}"}, 10, 10 - (n < 7)) for n in range(9)]
    text = limitations(outcome(selected=some, quota=quota))
    assert "- 12 % of the texts have a confidence under .5 by agreement (12 of 100)." in text
    assert "- 7 of 9 parts of the quota have fewer texts than were asked for: label\\_0 (9 of 10)" in text
    assert "and 2 more." in text
    assert "- 1 doubtful texts wait for a person" in text


def test_the_author_s_use_takes_the_place_of_ours_and_what_is_out_stays() -> None:
    about = CardMetadata(intended_use="routing *only*", out_of_scope="credit scores")
    text = intended_use(outcome(metadata=about))
    assert text.startswith("- Intended: routing \\*only\\*\n")
    assert "- Out of scope: measuring how good a model is" in text
    assert text.endswith("- Out of scope: credit scores")
    assert "Training a classifier" in intended_use(outcome())


def test_how_many_labels_people_have_looked_at_is_said() -> None:
    looked = [record(n) for n in range(4)]
    looked[0] = replace(looked[0], fields={REVIEW_DECISION: "keep"})
    told = outcome(selected=looked, labellers=("choice",))
    assert "The labels are checked by choice, 1 of 4 of them by people." in limitations(told)
    assert "deciding about a person by these labels, of which people have looked at 1 of 4." in intended_use(told)
    asked = outcome(selected=looked, labellers=())
    assert "The labels are those that were asked for, 1 of 4 of them seen by people." in limitations(asked)
    nobody = outcome(labellers=("choice",))
    assert "checked by choice, not by people." in limitations(nobody)
    assert "which no person has set." in intended_use(nobody)
