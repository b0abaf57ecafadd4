from __future__ import annotations

from collections import Counter

from tests.contexts import LABELS, context, rows
from textsynth.core.records import Completion, Provenance, Record
from textsynth.core.sessions import QuotaDeficit
from textsynth.generate.paraphrase import STYLES, Paraphrase


def test_every_text_takes_every_style_once_before_any_pair_is_used_again() -> None:
    session = Paraphrase().start(context(), "paraphrase")
    requests = session.plan_requests([QuotaDeficit({"label": "refund"}, 25)], 512)
    pairs = Counter((request.parent_ids, request.fields["style"]) for request in requests)
    assert len(pairs) == 5 * len(STYLES)
    assert set(pairs.values()) == {1}
    assert len(set(request.fields["style"] for request in requests[:5])) > 1
    assert len(session.plan_requests([QuotaDeficit({"label": "refund"}, 5)], 512)) == 5


def test_every_pair_is_used_whatever_the_number_of_texts() -> None:
    for each in range(1, 12):
        session = Paraphrase().start(context(sources={"seeds": rows(each=each)}), "paraphrase")
        requests = session.plan_requests([QuotaDeficit({"label": "refund"}, each * len(STYLES))], 512)
        pairs = {(request.parent_ids, request.fields["style"]) for request in requests}
        assert len(pairs) == each * len(STYLES)


def test_a_single_pass_ends_when_every_pair_was_used() -> None:
    session = Paraphrase(styles=("shorter", "longer")).start(context(), "paraphrase")
    everything = [QuotaDeficit({}, 10**9, single_pass=True)]
    assert len(session.plan_requests(everything, 20)) == 20
    assert len(session.plan_requests(everything, 20)) == 10
    assert session.plan_requests(everything, 20) == []


def test_a_paraphrase_has_the_label_the_fields_and_the_id_of_its_parent() -> None:
    seeds = rows(each=1)
    session = Paraphrase(styles=("shorter",)).start(context(sources={"seeds": seeds}), "paraphrase")
    (request,) = session.plan_requests([QuotaDeficit({"label": "delivery"}, 1)], 8)
    (record,) = session.parse_response(request, "key", Completion("1. Where is it?"))
    assert isinstance(record, Record)
    parent = next(seed for seed in seeds if seed.label == "delivery")
    assert record.labels == ("delivery",)
    assert record.provenance.parent_ids == (parent.id,)
    assert record.fields == {"source_text": parent.text, "style": "shorter"}


def test_nothing_is_requested_for_a_label_without_texts() -> None:
    session = Paraphrase().start(context(sources={"seeds": rows(labels=["refund"])}), "paraphrase")
    assert session.plan_requests([QuotaDeficit({"label": "praise"}, 5)], 8) == []


def test_base_models_get_the_completion_form_of_the_prompt() -> None:
    session = Paraphrase().start(context(form="completion"), "paraphrase")
    requests = session.plan_requests([QuotaDeficit({"label": label}, 1) for label in LABELS], 8)
    assert len(requests) == len(LABELS)
    assert all(request.prompt is not None and request.prompt.text for request in requests)


def test_a_prompt_names_all_labels_of_its_original() -> None:
    seeds = [Record("the lamp came broken, money back please", Provenance("seeds"), ("delivery", "refund"))]
    session = Paraphrase(source="seeds").start(context(sources={"seeds": seeds}, multi_label=True), "paraphrase")
    (request,) = session.plan_requests([QuotaDeficit({"label": "refund"}, 1)], 1)
    assert request.prompt is not None
    assert request.labels == ("delivery", "refund")
    label_line = "Label, which must still fit: delivery, refund (asks where a parcel is; asks for money back)"
    assert label_line in request.prompt.messages[-1].content
