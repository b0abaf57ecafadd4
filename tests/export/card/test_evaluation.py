"""The evaluation on a card: the same text whether it was there when the run ended or was added later."""

from __future__ import annotations

from typing import Any

import pytest

from tests.export.outcomes import HOSTILE, run_result
from textsynth.export.card import card
from textsynth.export.card.evaluation import evaluation_section, harm_before_gain, weight_sentence, with_evaluation
from textsynth.export.run_result import CardFigure, CardMetadata
from textsynth.export.splits import SplitCounts

EVALUATION = {
    "classifiers": ["words"],
    "arms": {
        "seeds": {"words": {"macro_f1": 0.5, "interval": [0.4, 0.6], "train_rows": 20}},
        "seeds_selected": {"words": {"macro_f1": 0.61234, "interval": None, "train_rows": 50}},
        "seeds_replicated": {"words": {"macro_f1": 0.55, "interval": [0.45, 0.65], "train_rows": 50}},
        "raw": {"words": {"macro_f1": 0.1, "train_rows": 90}},
    },
    "data": {"test": 300},
}
DIFFERENCE = {
    "arm": "seeds_selected",
    "baseline": "seeds",
    "classifier": "words",
    "difference": -0.02,
    "interval": [-0.04, -0.01],
}
HARMFUL: dict[str, Any] = {
    **EVALUATION,
    "differences": [DIFFERENCE, {**DIFFERENCE, "classifier": "embeddings", "interval": [-0.04, 0.01]}],
    "verdict": {"test_copies": 7, "labels_worse": ["a_b"], "sentences": ["They harm.", HOSTILE]},
    "domain_shift": {"auc_words": 0.9, "auc_embeddings": 0.8},
    "privacy": {"share": 0.97, "overfits": True},
    "fidelity": {"worst_column": {"column": "attribute a_b", "score": 0.567}},
}
HELPFUL: dict[str, Any] = {**EVALUATION, "verdict": {"test_copies": 0, "sentences": ["They help."]}}
FIGURES = [CardFigure("figures/evaluation-words.svg", "Scores", "macro-F1: seeds .5", "<svg/>")]


def card_with(evaluation: dict[str, Any], **changes: Any) -> str:
    """Return the card of a run that ended with this evaluation; {} for none."""
    sentences = (evaluation.get("verdict") or {}).get("sentences", ())
    figures = FIGURES if evaluation else ()
    result = run_result(evaluation=evaluation, evaluation_sentences=sentences, figures=figures, **changes)
    return card(result, [], {"train": SplitCounts(0, {})}, ["a note"])


def test_scores_are_a_table_with_intervals_for_the_training_sets_that_are_known() -> None:
    text = evaluation_section(["They help."], weight_sentence(0.3), EVALUATION)
    assert text.startswith("- They help.\n- The column `weight` is 0.3")
    assert "| real seeds alone | TF-IDF words | 20 | 0.500 (0.400 to 0.600) |" in text
    assert "| seeds and these texts | TF-IDF words | 50 | 0.612 |" in text
    assert "| real seeds, repeated to as many rows | TF-IDF words | 50 | 0.550 (0.450 to 0.650) |" in text
    assert "tested on 300 real ones" in text
    assert "0.100" not in text


def test_without_scores_there_is_no_table() -> None:
    assert evaluation_section(["They help."], "", {}) == "- They help."


CHANGES: list[dict[str, Any]] = [
    {},
    {
        "license": "cc-by-4.0",
        "recipe_text": "# a\n\n## Evaluation on real data\n\n## Known limitations\n\n- **These texts harm** a\n",
    },
    {
        "prompt_texts": {"labelled": "```\n## Notes\n````\n"},
        "metadata": CardMetadata(description=HOSTILE, citation="@x{## License}"),
    },
    {"labels": {}, "task": "summarization"},
]


@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize("later", [HELPFUL, HARMFUL])
@pytest.mark.parametrize("earlier", [{}, HELPFUL, HARMFUL])
def test_a_later_evaluation_gives_the_card_of_a_run_that_ended_with_it(
    earlier: dict[str, Any], later: dict[str, Any], changes: dict[str, Any]
) -> None:
    assert with_evaluation(card_with(earlier, **changes), later, FIGURES) == card_with(later, **changes)


def test_the_sentence_on_the_column_weight_stays() -> None:
    fitted = card_with(HELPFUL, weight=0.3)
    assert "- The column `weight` is 0.3 for every row" in fitted
    assert with_evaluation(fitted, HARMFUL, FIGURES) == card_with(HARMFUL, weight=0.3)


def test_a_later_evaluation_removes_every_limitation_that_an_earlier_one_measured() -> None:
    lines = list(harm_before_gain(HARMFUL))
    assert len(lines) == 8
    assert lines[-2].startswith("These texts overfit their seeds: 97% of them are nearer to a seed")
    assert (
        lines[-1] == "The form of these texts differs from real ones most in: attribute a\\_b (similarity 0.57 of 1)."
    )
    before, after = card_with(HARMFUL), with_evaluation(card_with(HARMFUL), HELPFUL, FIGURES)
    assert all(f"- {line}\n" in before for line in lines)
    assert not [line for line in lines if f"- {line}\n" in after]
