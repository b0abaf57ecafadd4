from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contexts import context
from textsynth.core.errors import RecipeError, UsageError
from textsynth.core.records import GenerationRequest, Provenance, Record
from textsynth.core.sessions import QuotaDeficit
from textsynth.generate.dependency_tree import fit_tree, mutual_information
from textsynth.generate.fitted_attributes import FitOptions, fit_attributes
from textsynth.generate.labelled import Labelled
from textsynth.generate.surface_features import FEATURES, describe_features
from textsynth.recipe import read_recipe
from textsynth.recipe.context import fit_to_sources, read_sources
from textsynth.runner.quota import quota_cells

NAMES = {"question": "is a question", "news": "states something"}
COLUMN = st.lists(st.sampled_from("abc"), min_size=30, max_size=30)


def rows(number: int = 200) -> list[Record]:
    """Return questions that are short and end with ?, three of four rows, and long statements with a place."""
    rng = random.Random(5)
    records = []
    for index in range(number):
        question = index % 4 > 0
        words = " ".join(rng.choice(("red", "green", "blue")) for _ in range(3 if question else 20))
        text = f"where is {words} number {index}?" if question else f"It is {words}, {index}."
        records.append(Record(text, Provenance("real"), ("question" if question else "news",), {"place": "north"}))
    return records


def plan(number: int, cell: Mapping[str, str], **fit: object) -> list[GenerationRequest]:
    options = {"source": "real", **fit}
    generator = Labelled(per_request=1, shots=0, fit=options).fitted_to(
        {"real": rows()}, list(NAMES), multi_label=False
    )
    session = generator.start(context(sources={"real": rows()}, labels=NAMES), "labelled")
    return session.plan_requests([QuotaDeficit(cell, number)], number)


@settings(max_examples=30)
@given(COLUMN, COLUMN, COLUMN)
def test_a_tree_without_smoothing_has_the_shares_of_each_column_and_of_each_pair_that_it_connects(
    first: Sequence[str], second: Sequence[str], third: Sequence[str]
) -> None:
    table = {"first": first, "second": second, "third": third}
    shares: dict[str, dict[str, float]] = {}
    for node in fit_tree(table, smoothing=0, floor=0, values={}):
        parents = {"": 1.0} if node.parent is None else shares[node.parent]
        shares[node.name] = dict.fromkeys(node.tables[next(iter(node.tables))], 0.0)
        for parent, weight in parents.items():
            for value, share in node.tables[parent].items():
                shares[node.name][value] += weight * share
                if node.parent is not None:
                    pairs = Counter(zip(table[node.parent], table[node.name], strict=True))
                    assert weight * share == pytest.approx(pairs[parent, value] / 30)
        assert shares[node.name] == pytest.approx({value: n / 30 for value, n in Counter(table[node.name]).items()})


@settings(max_examples=30)
@given(COLUMN, COLUMN, st.floats(0, 0.2))
def test_every_value_has_the_floor_over_all_rows(first: Sequence[str], second: Sequence[str], floor: float) -> None:
    shares: dict[str, Mapping[str, float]] = {}
    for node in fit_tree({"first": first, "second": second}, smoothing=1, floor=floor, values={"first": "abcd"}):
        parents = {"": 1.0} if node.parent is None else shares[node.parent]
        mean: Counter[str] = Counter()
        for parent, weight in parents.items():
            assert sum(node.tables[parent].values()) == pytest.approx(1)
            mean.update({value: weight * share for value, share in node.tables[parent].items()})
        assert min(mean.values()) >= floor - 1e-9
        shares[node.name] = mean


def test_independent_columns_are_not_connected_and_dependent_ones_are() -> None:
    rng = random.Random(1)
    first = [rng.choice("abcdef") for _ in range(300)]
    noise = [rng.choice("uvwxyz") for _ in range(300)]
    copy = [value if rng.random() < 0.7 else "a" for value in first]
    parents = {
        node.name: node.parent
        for node in fit_tree({"first": first, "noise": noise, "copy": copy}, smoothing=1, floor=0, values={})
    }
    assert parents["copy"] == "first"
    assert mutual_information(first, copy) > 0.5 > abs(mutual_information(first, noise))


def test_features_are_described_in_words() -> None:
    texts = ["Where is it?", "no idea", "CALL ME NOW!", "Ask @anna about #7."]
    described = describe_features(texts, FEATURES)
    assert described["end_mark"] == [
        "ends with a question mark", "ends without . ? or !", "ends with an exclamation mark", "ends with a full stop"
    ]  # fmt: skip
    assert described["casing"][1:3] == ["all in lower case", "all in capital letters"]
    assert described["hashtag"] == ["contains no hashtag"] * 3 + ["contains a hashtag"]
    assert described["mention"][3] == "contains a name after @"
    assert described["digits"][2:] == ["contains no digits", "contains digits"]
    assert set(describe_features([f"word {'more ' * n}" for n in range(40)], ["length"])["length"]) == {
        "about 4 words", "about 12 words", "about 20 words", "about 28 words", "about 36 words"
    }  # fmt: skip


def test_a_plan_has_the_real_shares_and_a_cell_changes_those_of_the_others() -> None:
    requests = plan(100, {})
    assert Counter(request.labels for request in requests) == {("question",): 75, ("news",): 25}
    for request in requests:
        ends = request.fields["end_mark"] == "ends with a question mark"
        assert not (ends and request.fields["question"] == "contains no question mark")
    questions = plan(40, {"end_mark": "ends with a question mark"})
    assert sum(request.labels == ("question",) for request in questions) >= 38
    prompt = "\n".join(message.content for message in questions[0].prompt.messages)  # type: ignore[union-attr]
    assert "- end_mark: ends with a question mark" in prompt
    assert "- length: about " in prompt


def test_the_tree_says_what_depends_on_what_and_constant_features_are_left_out() -> None:
    fitted = fit_attributes(FitOptions(source="real"), rows(), list(NAMES), multi_label=False)
    assert "casing given label" in fitted.note or "length given label" in fitted.note
    assert "hashtag" not in fitted.attributes
    assert fitted.label_weights == pytest.approx({"question": 0.75, "news": 0.25})


@pytest.mark.parametrize(
    ("options", "records", "message"),
    [
        ({}, rows(5), "has 5 rows, and a fit needs 20"),
        ({"columns": ["colour"]}, rows(), "columns has 'colour', which 200 of 200 rows of sources.real lack"),
    ],
)
def test_a_fit_that_cannot_be_made_is_a_sentence(options: object, records: list[Record], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        fit_attributes(FitOptions(source="real", **options), records, list(NAMES), multi_label=False)  # type: ignore[arg-type]


def write_recipe(folder: Path, fit: str, rest: str = "") -> Path:
    text = "text,label\n" + "".join(f'"{record.text}",{record.label}\n' for record in rows(60))
    (folder / "real.csv").write_text(text, encoding="utf-8")
    recipe = folder / "recipe.yaml"
    recipe.write_text(
        "name: fitted\nlabels: {question: is a question, news: states something}\n"
        "models: {generator: {scripted: {}}}\nsources: {real: real.csv}\n"
        f"generate:\n  - labelled: {{fit: {fit}{rest}}}\n"
        "want: {end_mark: 4}\nfilter: [exact_duplicate]\n",
        encoding="utf-8",
    )
    return recipe


def test_a_quota_counts_the_values_of_a_fit(tmp_path: Path) -> None:
    recipe = read_recipe(write_recipe(tmp_path, "real"))
    fitted = fit_to_sources(recipe, read_sources(recipe))
    cells = list(itertools.chain.from_iterable(cell.values.values() for cell in quota_cells(fitted, None)))
    assert cells == ["ends with a question mark", "ends with a full stop"]
    assert fitted.generate[0].step.varied_attributes["end_mark"] == cells


@pytest.mark.parametrize(
    ("fit", "rest", "sentence"),
    [
        ("reel", "", "labelled.fit is 'reel', but sources has no 'reel'; did you mean 'real'?"),
        ("{source: real, columns: [label]}", "", "fit.columns: an attribute cannot be called 'label'"),
        ("real", ", attributes: {length: [short]}", "attributes.length is also an attribute of fit"),
        ("{source: real, columns: [colour]}", "", "labelled.fit: columns has 'colour', which 60 of 60 rows"),
    ],
)
def test_every_mistake_in_a_fit_has_a_sentence_with_its_line(
    tmp_path: Path, fit: str, rest: str, sentence: str
) -> None:
    with pytest.raises(RecipeError) as error:  # noqa: PT012  # the last mistake is in the rows
        recipe = read_recipe(write_recipe(tmp_path, fit, rest))
        fit_to_sources(recipe, read_sources(recipe))
    (issue,) = error.value.issues
    assert issue.where.endswith(":6")
    assert sentence in issue.sentence
