from __future__ import annotations

from collections import Counter

from tests.contexts import LABELS, context, rows
from textsynth.core.protocols import QuotaDeficit
from textsynth.core.records import Completion, Record
from textsynth.generate.paraphrase import STYLES, Paraphrase


def test_every_parent_takes_every_style_once_before_any_comes_again() -> None:
    writer = Paraphrase().start(context(), "paraphrase")
    asks = writer.plan_requests([QuotaDeficit({"label": "refund"}, 25)], 512)
    pairs = Counter((ask.parent_ids, ask.fields["style"]) for ask in asks)
    assert len(pairs) == 5 * len(STYLES)
    assert set(pairs.values()) == {1}
    assert len(set(ask.fields["style"] for ask in asks[:5])) > 1
    again = writer.plan_requests([QuotaDeficit({"label": "refund"}, 5)], 512)
    assert len(again) == 5


def test_every_pair_comes_up_whatever_the_number_of_parents() -> None:
    for each in range(1, 12):
        writer = Paraphrase().start(context(sources={"seeds": rows(each=each)}), "paraphrase")
        asks = writer.plan_requests([QuotaDeficit({"label": "refund"}, each * len(STYLES))], 512)
        assert len({(ask.parent_ids, ask.fields["style"]) for ask in asks}) == each * len(STYLES)


def test_once_through_ends_when_every_pair_was_used() -> None:
    writer = Paraphrase(styles=("shorter", "longer")).start(context(), "paraphrase")
    everything = [QuotaDeficit({}, 10**9, single_pass=True)]
    assert len(writer.plan_requests(everything, 20)) == 20
    assert len(writer.plan_requests(everything, 20)) == 10
    assert writer.plan_requests(everything, 20) == []


def test_label_fields_and_parent_travel_with_the_paraphrase() -> None:
    seeds = rows(each=1)
    writer = Paraphrase(styles=("shorter",)).start(context(sources={"seeds": seeds}), "paraphrase")
    (ask,) = writer.plan_requests([QuotaDeficit({"label": "delivery"}, 1)], 8)
    (found,) = writer.parse_response(ask, "key", Completion("1. Where is it?"))
    assert isinstance(found, Record)
    parent = next(seed for seed in seeds if seed.label == "delivery")
    assert found.labels == ("delivery",)
    assert found.provenance.parent_ids == (parent.id,)
    assert found.fields == {"source_text": parent.text, "style": "shorter"}


def test_a_label_without_parents_is_not_asked_for() -> None:
    writer = Paraphrase().start(context(sources={"seeds": rows(labels=["refund"])}), "paraphrase")
    assert writer.plan_requests([QuotaDeficit({"label": "praise"}, 5)], 8) == []


def test_small_models_get_the_completion_form() -> None:
    writer = Paraphrase().start(context(form="completion"), "paraphrase")
    asks = writer.plan_requests([QuotaDeficit({"label": label}, 1) for label in LABELS], 8)
    assert all(ask.prompt is not None and ask.prompt.text for ask in asks)
