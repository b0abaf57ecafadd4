"""A recipe made in Python, with a scripted model, a filter of the user's own and its rows in memory."""

from __future__ import annotations

from typing import Any

import textsynth as ts

LABELS = {"delivery": "asks where a parcel is", "refund": "asks for money back"}
SEEDS = [{"text": f"where is my {noun} now", "label": "delivery"} for noun in ("lamp", "chair", "kettle", "tent")]
SEEDS += [{"text": f"give me back what I paid for the {noun}", "label": "refund"} for noun in ("sofa", "shoes")]
ANSWER = "1. {word} and {word} number {n}\n2. my {word} went {n} miles with a {word}\n3. WHO IS THERE"


class Shouting(ts.Filter):
    """Keeps texts of which at most `share` of the characters are capitals."""

    share: float = 0.5

    def check(self, record: ts.Record) -> ts.Verdict | None:
        share = round(sum(map(str.isupper, record.text)) / len(record.text), 4)
        return ts.Verdict("is written in capitals", share, self.share) if share > self.share else None


def make_tickets(**changes: Any) -> ts.Recipe:
    """Return the recipe, with other sections where `changes` gives them."""
    sections: dict[str, Any] = {
        "name": "tickets",
        "labels": LABELS,
        "models": {"generator": ts.models.Scripted(pattern=ANSWER)},
        "sources": {"seeds": SEEDS},
        "generate": [ts.generate.Labelled(source="seeds")],
        "filter": [ts.filter.Length(min_words=3), ts.filter.ExactDuplicate, Shouting(share=0.4)],
        "select": [],
        "want": {"label": 10},
    }
    return ts.make_recipe(**(sections | changes))
