from __future__ import annotations

from itertools import pairwise

import pytest

from tests.filter.filtering import read_rows, real_data, record, verdict_on
from textsynth.core.records import Record, Verdict
from textsynth.filter.faithfulness import Faithfulness

DOCUMENT = (
    "On Monday the city council of Lund voted for 12 new bus lines. The mayor, Anna Berg, said that they would cost"
    " 3 million a year. Convolutional neural networks had planned the routes. Two members were against it."
)


def summary(text: str) -> Record:
    return record(text, document=DOCUMENT)


@pytest.mark.parametrize(
    "text",
    [
        "Lund's council votes for twelve new bus lines.",
        "The council planned routes with CNNs, says mayor Berg.",
        "New bus lines in Lund cost 3,000,000 yearly.",
    ],
)
def test_a_faithful_summary_is_kept_with_its_support_as_score(text: str) -> None:
    verdict = verdict_on(Faithfulness(), summary(text))
    assert verdict is not None
    assert verdict.keeps
    assert verdict.score is not None
    assert 0.5 <= verdict.score <= 1
    assert verdict.limit is None


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("The council voted for 14 new bus lines.", Verdict("has a number that is not in the document: 14", 1.0, 0.0)),
        ("The council of Malmö voted for bus lines.", Verdict("has a name that is not in the document: malmö", 1, 0)),
        ("Farmers harvest wheat while rain threatens.", Verdict("too few of its words are in the document", 0.0, 0.5)),
        ("It was so.", Verdict("has no content words", 0.0, 0.5)),
        (f"{DOCUMENT} And it went on.", Verdict("is hardly shorter than the document", 1.11, 0.8)),
    ],
)
def test_a_summary_with_new_numbers_names_or_words_is_dropped(text: str, verdict: Verdict) -> None:
    assert verdict_on(Faithfulness(), summary(text)) == verdict


def test_new_names_can_be_allowed_and_texts_without_a_document_are_kept() -> None:
    verdict = verdict_on(Faithfulness(new_names=1), summary("The council of Malmö voted for new bus lines."))
    assert verdict is not None
    assert verdict.keeps
    assert verdict_on(Faithfulness(), record("a text without a document")) is None


@real_data
def test_real_summaries_are_distinguished_from_those_of_other_papers() -> None:
    papers = read_rows("scitldr/train.jsonl")
    step = Faithfulness()
    own = [step.check(record(paper["summary"], document=paper["document"])) for paper in papers]
    other = [
        step.check(record(paper["summary"], document=next_paper["document"])) for paper, next_paper in pairwise(papers)
    ]
    assert sum(verdict is not None and verdict.keeps for verdict in own) > 0.8 * len(own)
    assert sum(verdict is not None and verdict.keeps for verdict in other) < 0.05 * len(other)
