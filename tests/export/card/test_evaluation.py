"""What an evaluation says on a card, when the run ends and when it comes later: the same."""

from __future__ import annotations

from typing import Any

import pytest

from tests.export.outcomes import HOSTILE, outcome
from textsynth.export.card import card
from textsynth.export.card.evaluation import evaluation_section, harm_before_gain, weight_sentence, with_evaluation
from textsynth.export.run_result import CardFigure, CardMetadata

EVALUATION = {
    "classifiers": ["words"],
    "arms": {
        "seeds": {"words": {"macro_f1": 0.5, "interval": [0.4, 0.6], "n": 20}},
        "seeds_selected": {"words": {"macro_f1": 0.61234, "interval": None, "n": 50}},
        "raw": {"words": {"macro_f1": 0.1, "n": 90}},
    },
    "data": {"test": 300},
}
HARMFUL: dict[str, Any] = {
    **EVALUATION,
    "differences": [
        {
            "arm": "seeds_selected",
            "minus": "seeds",
            "classifier": "words",
            "difference": -0.02,
            "interval": [-0.04, -0.01],
        }
    ],
    "verdict": {"leaks": 7, "classes_worse": ["a_b"], "sentences": ["They harm.", HOSTILE]},
    "gap": {"auc_words": 0.9, "auc_embeddings": 0.8},
}
HELPFUL: dict[str, Any] = {**EVALUATION, "verdict": {"leaks": 0, "sentences": ["They help."]}}
PICTURES = [CardFigure("figures/proof-words.svg", "Scores", "macro-F1: seeds .5", "<svg/>")]


def test_scores_stand_in_words_with_their_intervals() -> None:
    text = evaluation_section(["They help."], weight_sentence(0.3), EVALUATION)
    assert text.startswith("- They help.\n- The column `weight` is 0.3")
    assert "| real seeds alone | TF-IDF words | 20 | 0.500 (0.400 to 0.600) |" in text
    assert "| seeds and these texts | TF-IDF words | 50 | 0.612 |" in text
    assert "tested on 300 real ones" in text
    assert "0.100" not in text
    assert "|" not in evaluation_section(["They help."], "", {})


def made(evaluation: dict[str, Any], **more: Any) -> str:
    told = (evaluation.get("verdict") or {}).get("sentences", ())
    pictures = PICTURES if evaluation else ()
    return card(
        outcome(evaluation=evaluation, evaluation_sentences=told, figures=pictures, **more),
        [],
        {"train": []},
        ["a note"],
    )


AUTHORS: list[dict[str, Any]] = [
    {},
    {"license": "cc-by-4.0", "recipe_text": "# a\n\n## Proof on real data\n\n## Known limits\n\n- They harm\n"},
    {
        "prompt_texts": {"labelled": "```\n## Notes\n````\n"},
        "about": CardMetadata(description=HOSTILE, citation="@x{## Licence}"),
    },
    {"labels": {}, "task": "summarization"},
]


@pytest.mark.parametrize("more", AUTHORS)
@pytest.mark.parametrize("later", [HELPFUL, HARMFUL])
@pytest.mark.parametrize("earlier", [{}, HELPFUL, HARMFUL])
def test_a_later_evaluation_gives_the_card_that_the_run_would_have_had(
    earlier: dict[str, Any], later: dict[str, Any], more: dict[str, Any]
) -> None:
    assert with_evaluation(made(earlier, **more), later, PICTURES) == made(later, **more)


def test_what_the_column_weight_is_stays() -> None:
    fitted = made(HELPFUL, weight=0.3)
    assert "- The column `weight` is 0.3 for every row" in fitted
    assert with_evaluation(fitted, HARMFUL, PICTURES) == made(HARMFUL, weight=0.3)


def test_every_line_about_harm_is_known_again() -> None:
    lines = list(harm_before_gain(HARMFUL))
    assert len(lines) == 5
    assert not [line for line in lines if f"- {line}\n" in with_evaluation(made(HARMFUL), HELPFUL, PICTURES)]
