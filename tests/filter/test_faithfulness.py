from __future__ import annotations

from itertools import pairwise

import pytest

from tests.filter.benches import judged, real_data, record, rows
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
def test_what_the_document_says_is_kept_with_its_support(text: str) -> None:
    verdict = judged(Faithfulness(), summary(text))
    assert verdict is not None
    assert verdict.keeps
    assert verdict.score is not None
    assert 0.5 <= verdict.score <= 1
    assert verdict.limit is None


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("The council voted for 14 new bus lines.", Verdict("has a number that the document has not: 14", 1.0, 0.0)),
        ("The council of Malmö voted for bus lines.", Verdict("names what the document does not: malmö", 1, 0)),
        ("Farmers harvest wheat while rain threatens.", Verdict("says much that the document does not", 0.0, 0.5)),
        ("It was so.", Verdict("has no words of content", 0.0, 0.5)),
        (f"{DOCUMENT} And it went on.", Verdict("is hardly shorter than the document", 1.11, 0.8)),
    ],
)
def test_what_it_does_not_say_is_dropped(text: str, verdict: Verdict) -> None:
    assert judged(Faithfulness(), summary(text)) == verdict


def test_names_can_be_allowed_and_other_texts_are_kept() -> None:
    known = judged(Faithfulness(new_names=1), summary("The council of Malmö voted for new bus lines."))
    assert known is not None
    assert known.keeps
    assert judged(Faithfulness(), record("a text of no document")) is None


@real_data
def test_real_summaries_are_told_from_those_of_other_papers() -> None:
    papers = rows("scitldr/train.jsonl")
    judge = Faithfulness()
    own = [judge.check(record(one["summary"], document=one["document"])) for one in papers]
    other = [judge.check(record(one["summary"], document=next_one["document"])) for one, next_one in pairwise(papers)]
    assert sum(verdict is not None and verdict.keeps for verdict in own) > 0.8 * len(own)
    assert sum(verdict is not None and verdict.keeps for verdict in other) < 0.05 * len(other)
