"""Whole runs whose texts have several labels: plan, selection, quota table, and continuing an interrupted run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contexts import context
from tests.runner.recipes import digest
from textsynth.core.errors import RecipeError
from textsynth.core.records import Completion, Provenance, Record
from textsynth.generate.labelled import Labelled
from textsynth.recipe import Recipe, read_recipe
from textsynth.runner import RunSummary, run
from textsynth.runner.estimate import estimate
from textsynth.runner.label_set_allocation import allocate_sets
from textsynth.runner.quota import Quota, QuotaCell
from textsynth.runner.selection import select
from textsynth.select.balanced import Balanced

RECIPE = """\
version: 1
name: several
multi_label: true
models: {{generator: {{scripted: {{function: "./answers.py:answer"}}}}}}
labels: {{delivery: asks where a parcel is, refund: asks for money back, praise: says something nice}}
sources: {{seeds: {{rows: {{path: seeds.csv, separator: ";"}}}}}}
generate: [{{labelled: {{source: seeds, {options}}}}}]
filter: [exact_duplicate]
select: {select}
want: {want}
{sections}
"""
ANSWERS = """
def answer(request):
    return "\\n".join(f"{number}. text {number} of {request.key}" for number in range(1, 6))
"""
LABELS = ("delivery", "refund", "praise")
TWO_IN_THREE = ["delivery;refund", "refund;praise", "delivery"] * 4


def recipe_of(
    folder: Path,
    *,
    want: str = "{total: 12}",
    options: str = "shots: 2",
    seeds: Sequence[str] = TWO_IN_THREE,
    select: str = "[]",
    sections: str = "",
) -> Recipe:
    folder.mkdir(parents=True, exist_ok=True)
    rows = "".join(f"seed number {number} here,{labels}\n" for number, labels in enumerate(seeds))
    (folder / "seeds.csv").write_text(f"text,label\n{rows}")
    (folder / "answers.py").write_text(ANSWERS)
    path = folder / "several.yaml"
    path.write_text(RECIPE.format(want=want, options=options, select=select, sections=sections))
    return read_recipe(path)


def labels_of(result: RunSummary) -> list[tuple[str, ...]]:
    """Return the names of the labels of each selected text."""
    rows = [
        row
        for path in sorted((result.folder / "dataset").rglob("*.parquet"))
        if path.parent.name == "data"
        for row in pq.read_table(path).column("label").to_pylist()  # type: ignore[no-untyped-call]
    ]
    return [tuple(sorted(LABELS[code] for code in codes)) for codes in rows]


def test_two_in_three_texts_have_two_labels_where_two_in_three_seeds_do(tmp_path: Path) -> None:
    result = run(recipe_of(tmp_path), out=tmp_path / "out")
    texts = labels_of(result)
    assert result.exit_code == 0
    assert len(texts) == 12
    assert 7 <= sum(len(labels) == 2 for labels in texts) <= 9
    assert set(texts) == {("delivery", "refund"), ("praise", "refund"), ("delivery",)}


def test_combinations_are_written_equally_often(tmp_path: Path) -> None:
    options = "combinations: [[refund, delivery], [praise]]"
    result = run(recipe_of(tmp_path, options=options, want="{total: 20}"), out=tmp_path / "out")
    counts = Counter(labels_of(result))
    assert counts.keys() == {("delivery", "refund"), ("praise",)}
    assert max(counts.values()) - min(counts.values()) <= 5  # one answer has five texts


@pytest.mark.parametrize("want", ["{label: 10}", "{label: 8, total: 24}"])
def test_texts_for_a_quota_of_labels_have_only_the_combinations(tmp_path: Path, want: str) -> None:
    options = "combinations: [[refund, delivery]]}}, {labelled: {source: seeds, combinations: [[praise, refund]]"
    recipe = recipe_of(tmp_path, options=options, want=want)
    result = run(recipe, out=tmp_path / "out")
    assert result.exit_code == 0
    assert set(labels_of(result)) == {("delivery", "refund"), ("praise", "refund")}


LABEL_SETS = st.lists(st.sampled_from(LABELS), min_size=1, unique=True).map(tuple)


@given(
    st.lists(LABEL_SETS, min_size=1, max_size=12), st.fixed_dictionaries({name: st.integers(1, 15) for name in LABELS})
)
def test_every_label_has_its_quota_among_the_selected_texts_where_every_answer_is_right(
    seed_labels: list[tuple[str, ...]], wanted: dict[str, int]
) -> None:
    seeds = [Record(f"seed {number}", Provenance("seeds"), labels) for number, labels in enumerate(seed_labels)]
    run_context = context(sources={"seeds": seeds}, labels=dict.fromkeys(LABELS, "meaning"), multi_label=True)
    session = Labelled(source="seeds", per_request=3).start(run_context, "labelled")
    cells = [QuotaCell({"label": name}, number, number) for name, number in wanted.items()]
    quota = Quota(cells, {"labelled": None}, patience=5)
    accepted: list[Record] = []
    while not quota.met:
        requests = session.plan_requests(quota.deficits("labelled"), 4)
        assert requests
        quota.record_planned(requests)
        texts: dict[int, list[Record]] = {}
        for index, request in enumerate(requests):
            key = f"answer {len(accepted)} {index}"
            answer = Completion("\n".join(f"{number}. text {number} of {key}" for number in range(1, 4)))
            parsed = session.parse_response(request, key, answer)
            texts[index] = [record for record in parsed if isinstance(record, Record)]
        quota.commit(requests, texts)
        accepted += [record for records in texts.values() for record in records]
    for selectors in ([], [Balanced()]):
        selected, surplus = select(accepted, cells, selectors, run_context)
        counts = Counter(label for record in selected for label in record.labels)
        assert all(counts[name] >= number for name, number in wanted.items())
        assert len(selected) <= sum(wanted.values())
        assert len(selected) + len(surplus) == len(accepted)
        assert {record.labels for record in selected + surplus} == {record.labels for record in accepted}


@given(
    st.dictionaries(LABEL_SETS, st.integers(1, 9), min_size=1),
    st.dictionaries(st.sampled_from(LABELS), st.integers(1, 12)),
    st.integers(0, 30) | st.none(),
)
def test_the_allocation_never_takes_more_than_there_is_and_never_exceeds_the_total(
    available: dict[tuple[str, ...], int], wanted: dict[str, int], total: int | None
) -> None:
    available = {tuple(sorted(labels)): count for labels, count in available.items()}
    counts = allocate_sets(available, wanted, total)
    assert all(0 <= counts[labels] <= count for labels, count in available.items())
    by_label = Counter({name: sum(n for labels, n in counts.items() if name in labels) for name in LABELS})
    at_most = Counter({name: sum(n for labels, n in available.items() if name in labels) for name in LABELS})
    if total is None:
        assert all(by_label[name] >= min(number, at_most[name]) for name, number in wanted.items())
    else:
        assert sum(counts.values()) <= total
        if not wanted:
            assert sum(counts.values()) == min(total, sum(available.values()))


def test_cells_of_label_and_attribute_are_filled_without_texts_that_no_cell_needs() -> None:
    label_sets = [("delivery",), ("refund",), ("delivery", "refund"), ("refund", "praise"), ("delivery", "praise")]
    accepted = [
        Record(f"text {number}", Provenance("labelled"), labels, {"tone": "plain"})
        for number, labels in enumerate(label_sets)
    ]
    cells = [QuotaCell({"label": name, "tone": "plain"}, 1, 1) for name in LABELS]
    selected, surplus = select(accepted, cells, [], context(sources={}, labels={}, multi_label=True))
    assert [record.labels for record in selected] == [("delivery",), ("refund", "praise")]
    assert len(surplus) == 3


def test_a_run_meets_the_quota_of_each_label_and_its_table_counts_each_label_of_a_text(tmp_path: Path) -> None:
    result = run(recipe_of(tmp_path, want="{label: 8}"), out=tmp_path / "out")
    counts = Counter(label for labels in labels_of(result) for label in labels)
    assert result.exit_code == 0
    assert min(counts.values()) >= 8
    assert counts.total() > len(labels_of(result))
    assert {row["cell"]["label"]: row["selected"] for row in result.quota} == dict(counts)


def test_with_a_total_and_a_quota_for_each_label_both_are_met(tmp_path: Path) -> None:
    result = run(recipe_of(tmp_path, want="{total: 12, label: 6}", select="[balanced]"), out=tmp_path / "out")
    texts = labels_of(result)
    counts = Counter(label for labels in texts for label in labels)
    assert result.exit_code == 0
    assert len(texts) == 12
    assert min(counts.values()) >= 6


def test_a_run_that_is_interrupted_and_continued_gives_the_same_texts(tmp_path: Path) -> None:
    whole = run(recipe_of(tmp_path, want="{label: 30}"), out=tmp_path / "whole")
    again = run(recipe_of(tmp_path, want="{label: 30}"), out=tmp_path / "again")
    budget = "budget: {requests: 3}"
    cut = run(recipe_of(tmp_path, want="{label: 30}", sections=budget), out=tmp_path / "cut")
    assert cut.exit_code == 3
    continued = run(recipe_of(tmp_path, want="{label: 30}"), out=tmp_path / "cut")
    assert digest(whole.folder) == digest(again.folder) == digest(continued.folder)


def test_the_estimate_explains_the_label_sets_and_counts_a_text_once(tmp_path: Path) -> None:
    plan = estimate(recipe_of(tmp_path, want="{label: 30}"))
    assert (
        "labelled writes for 3 label sets, 2 of them with several labels, each as often as the seeds have it: "
        "about 67 % of the texts get several labels"
    ) in plan.notes
    assert 30 <= plan.texts < 90


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("options", "combinations: [[refund, delivry]]"), "labelled.combinations has 'delivry', which `labels` does "),
        (("options", "combinations: [[refund, delivry]]"), "did you mean 'delivery'"),
        (
            ("options", "combinations: [[refund, delivery], [refund]]"),
            r"want.label: no text can have label 'praise', because it is in none of the combinations of generate: add ",
        ),
        (("want", "{total: 12, label: 13}"), "the total is 12, but the quota of the label 'delivery' is 13"),
    ],
)
def test_what_no_run_could_do_is_an_issue_of_the_recipe(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        recipe_of(tmp_path, **{"want": "{label: 3}", **dict([change])})  # type: ignore[arg-type]


def test_a_label_in_no_combination_is_left_out_where_it_has_no_quota(tmp_path: Path) -> None:
    recipe_of(tmp_path, options="combinations: [[refund, delivery]]", want="{total: 4}")
    text = (tmp_path / "several.yaml").read_text()
    own = text.replace("praise: says something nice", "praise: {description: says something nice, want: 0}")
    (tmp_path / "several.yaml").write_text(own.replace("want: {total: 4}", "want: {label: 4}"))
    result = run(read_recipe(tmp_path / "several.yaml"), out=tmp_path / "out")
    assert (result.exit_code, set(labels_of(result))) == (0, {("delivery", "refund")})


def test_combinations_need_texts_with_several_labels(tmp_path: Path) -> None:
    recipe_of(tmp_path, options="combinations: [[refund, delivery]]")
    path = tmp_path / "several.yaml"
    path.write_text(path.read_text().replace("multi_label: true\n", ""))
    with pytest.raises(RecipeError, match="combinations needs texts with several labels: `multi_label: true`"):
        read_recipe(path)
