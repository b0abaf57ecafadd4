from __future__ import annotations

from textsynth.recipe.defaults import (
    RecipeFacts,
    default_filters,
    default_generate,
    default_select,
    default_want,
)


def names(items: list[str | dict[str, dict[str, str]]]) -> list[str]:
    return [item if isinstance(item, str) else next(iter(item)) for item in items]


def test_a_classification_from_seeds_gets_every_safe_check() -> None:
    facts = RecipeFacts("classification", ("seeds", "test"), labels=3, seeds="seeds", seeds_labelled=True)
    assert default_generate(facts) == [{"labelled": {"from": "seeds"}}]
    assert names(default_filters(facts)) == [
        "length",
        "refusal",
        "personal_data",
        "language",
        "exact_duplicate",
        "near_duplicate",
        "copies_source",
        "leak",
        "semantic_duplicate",
        "agreement",
    ]
    assert default_select(facts, by_label=True) == ["diverse"]
    assert default_select(facts, by_label=False) == []
    assert default_want(facts) == {"label": 100}


def test_agreement_needs_labelled_seeds_and_two_labels() -> None:
    for facts in (
        RecipeFacts("classification", ("seeds",), labels=1, seeds="seeds", seeds_labelled=True),
        RecipeFacts("classification", ("seeds",), labels=3, seeds="seeds"),
        RecipeFacts("classification", labels=3),
    ):
        assert "agreement" not in names(default_filters(facts))
    assert "copies_source" not in names(default_filters(RecipeFacts("classification", labels=3)))


def test_paraphrases_keep_their_meaning_and_summaries_stay_faithful() -> None:
    assert names(default_filters(RecipeFacts("paraphrase", ("seeds",), seeds="seeds")))[-1] == "same_meaning"
    assert names(default_filters(RecipeFacts("summarization", ("papers",), seeds="papers")))[-1] == "faithful"
    assert default_select(RecipeFacts("paraphrase"), by_label=True) == []
    assert default_want(RecipeFacts("summarization")) == {"total": 100}


def test_the_only_source_is_written_from_and_the_test_set_never() -> None:
    assert default_generate(RecipeFacts("summarization", ("papers", "test"))) == [{"summary": {"from": "papers"}}]
    assert default_generate(RecipeFacts("paraphrase", ("test",))) == ["paraphrase"]
    assert default_generate(RecipeFacts("paraphrase", ("a", "b"))) == ["paraphrase"]
    assert default_generate(RecipeFacts("classification")) == ["labelled"]


def test_given_rows_are_all_wanted() -> None:
    facts = RecipeFacts("classification", ("raw",), labels=3, only_existing=True)
    assert default_want(facts) == {}
    assert default_select(facts, by_label=True) == []
