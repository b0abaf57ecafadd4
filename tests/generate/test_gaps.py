"""Topics of real rows that the seeds lack: found, labelled, planned, and covered at the end of a run."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from tests.contexts import context
from tests.runner.recipes import digest
from textsynth.core.errors import RecipeError, UsageError
from textsynth.core.gap_summary import Gaps
from textsynth.core.records import GenerationRequest, Provenance, Record
from textsynth.core.sessions import QuotaDeficit
from textsynth.generate.gaps import GapOptions, find_gaps, with_coverage
from textsynth.generate.labelled import Labelled
from textsynth.hub.payload import read_payload
from textsynth.recipe import read_recipe
from textsynth.runner import run
from textsynth.runner.estimate import estimate
from textsynth.store.manifest import read_manifest
from textsynth.text.normalize import words_of

LABELS = {"parcel": "asks where a parcel is", "refund": "asks for money back", "invoice": "asks for an invoice"}
SEEDS = [
    *(f"where is my parcel with the {thing}" for thing in ("lamp", "tent", "sofa", "kettle", "vase", "coat")),
    *(f"please refund my money for the {thing}" for thing in ("lamp", "tent", "sofa", "kettle", "vase", "coat")),
]
COVERED = [f"where is my parcel with the {thing}" for thing in ("chair", "shoes", "desk", "bicycle")]
INVOICES = [f"send me an invoice for the {thing}" for thing in ("lamp", "tent", "sofa", "kettle", "vase", "coat")]
PASSWORDS = [f"my new password fails again on the {thing}" for thing in ("phone", "site", "tablet", "laptop", "watch")]
COMPANIES = [
    "I need an invoice for my company",
    "can I get an invoice for my company",
    "please send an invoice to my company",
    "my company needs an invoice with VAT",
    "an invoice with VAT for my company please",
    "your invoice lacks the name of my company",
]
PRIVATE = "send me an invoice for the desk to anna.berg@posteo.de"
TESTED = "could I have the receipt again"


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Return unit vectors of the words of each text: texts with common words are similar."""
    vectors = np.zeros((len(texts), 512), np.float32)
    for row, text in enumerate(texts):
        for word in words_of(text):
            vectors[row, zlib.crc32(word.encode()) % 512] += 1
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def records(texts: Sequence[str], name: str) -> list[Record]:
    return [Record(text, Provenance(name)) for text in texts]


def seeds() -> list[Record]:
    return [Record(text, Provenance("seeds"), ("parcel" if "parcel" in text else "refund",)) for text in SEEDS]


def search(
    texts: Sequence[str] = (*COVERED, *INVOICES, *PASSWORDS), **options: object
) -> tuple[Gaps, list[list[Record]]]:
    sources = {"seeds": seeds(), "tickets": records(texts, "tickets")}
    return find_gaps(
        GapOptions(**{"in": "tickets", "min_confidence": 0.2, **options}),
        context(sources=sources, labels=LABELS, embed=embed),
        sources["seeds"],
        lambda shown: ["@" not in row.text for row in shown],
        "7:labelled",
    )


def test_the_topics_that_no_seed_has_are_found_named_and_labelled() -> None:
    gaps, shown = search((*COVERED, *INVOICES, *PASSWORDS, PRIVATE))
    summary = gaps.summary
    assert (summary["rows"], summary["left_out"], summary["uncovered"]) == (15, 1, 11)
    invoices, passwords = summary["regions"]
    assert (invoices["rows"], passwords["rows"]) == (6, 5)
    assert set(gaps.texts[0]) == set(INVOICES)
    assert invoices["label"] == "invoice"  # by its description, as it has no seeds
    assert type(invoices["label"]) is str
    assert set(invoices["name"].split()) <= {"send", "me", "an", "invoice", "for"}
    assert passwords["nearest_seed"] < summary["similarity"]
    assert not any("@" in row.text for rows in shown for row in rows)
    assert {row.text for row in shown[0]} == set(INVOICES)


def test_a_topic_whose_label_is_not_certain_gets_no_text_unless_the_recipe_names_its_label() -> None:
    unsure = search(min_confidence=0.9)[0].summary
    assert [region["label"] for region in unsure["regions"]] == [None, None]
    assert [region["wanted"] for region in unsure["regions"]] == [0, 0]
    assert "for 2 of these no text is written" in unsure["sentence"]
    name = unsure["regions"][1]["name"]
    mapped = search(min_confidence=0.9, labels={name: "parcel"}, want=4)[0].summary
    assert [(region["label"], region["wanted"]) for region in mapped["regions"]] == [(None, 0), ("parcel", 4)]
    first = search()[0].summary["regions"][0]["name"]
    assert search(labels={first: None})[0].summary["regions"][0]["wanted"] == 0


def test_the_order_of_nothing_but_the_rows_matters_and_a_sample_is_drawn_with_the_seed() -> None:
    assert search() == search()
    sampled = search(rows=10, min_rows=2)[0].summary
    assert sampled["rows"] == 10
    assert sampled == search(rows=10, min_rows=2)[0].summary


@pytest.mark.parametrize(
    ("rows", "options", "sentence"),
    [
        (COVERED[:2], {}, "only 2 rows of 2 can be used"),
        ((*COVERED, *INVOICES), {"labels": {"invoices": "refund"}}, "'invoices', which is the name of no region"),
    ],
)
def test_what_cannot_be_searched_is_an_error(rows: Sequence[str], options: dict[str, object], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        search(rows, **options)


def test_accepted_texts_cover_regions() -> None:
    gaps, _ = search()
    summary = with_coverage(gaps, ["send me an invoice for the", "anything else"], embed)
    assert [region["texts"] for region in summary["regions"]] == [1, 0]
    assert summary["regions"][0]["covered"] > 0.5
    assert summary["regions"][1]["covered"] == 0
    assert summary["sentence"].endswith("1 of 2 regions have an accepted text by now")
    assert [region["texts"] for region in with_coverage(gaps, [], embed)["regions"]] == [0, 0]


def plan(count: int) -> tuple[list[GenerationRequest], dict[str, str]]:
    sources = {"seeds": seeds(), "tickets": records((*COVERED, *INVOICES, *PASSWORDS), "tickets")}
    generator = Labelled(source="seeds", per_request=1, gaps={"in": "tickets", "min_confidence": 0})
    run_context = context(sources=sources, labels=LABELS, embed=embed)
    found = generator.with_gaps(run_context, "labelled", lambda shown: [True] * len(shown))
    cells = [dict(cell) for cell, _ in found.own_cells]
    session = found.start(run_context, "labelled")
    return session.plan_requests([QuotaDeficit(cell, count) for cell in cells], 100), cells[0]


def test_requests_for_a_topic_show_its_rows_and_name_them_as_examples() -> None:
    requests, cell = plan(4)
    ids = {row.id: row.text for row in records(INVOICES, "tickets")}
    shown: set[str] = set()
    for request in requests:
        if request.fields["gap"] != cell["gap"]:
            continue
        assert request.labels == ("invoice",)
        prompt = "\n".join(message.content for message in request.prompt.messages)  # type: ignore[union-attr]
        texts = [ids[id_] for id_ in request.example_ids if id_ in ids]
        assert len(texts) == 3
        assert all(text in prompt for text in texts)
        assert f"- topic: {cell['gap']}, like these real texts" in prompt
        assert "- gap:" not in prompt
        shown.update(texts)
    assert shown == set(INVOICES)
    assert Counter(request.fields["gap"] for request in requests).most_common(1)[0][1] == 4
    assert len({request.fields["gap"] for request in requests}) == 2
    assert plan(4)[0] == requests


RECIPE = """\
name: shop
labels:
  parcel: asks where a parcel is
  refund: asks for money back
  invoice: asks for an invoice
models: {generator: {scripted: {function: "./answers.py:answer"}}}
sources: {seeds: seeds.csv, tickets: tickets.csv, test: test.csv}
generate:
  - labelled:
      source: seeds
      gaps: {in: tickets, want: 2, min_confidence: 0.2, similarity: 0.6}
filter: [personal_data, exact_duplicate, {leak: {semantic: 1}}]
select: []
want: {label: 4}
"""
ANSWERS = """\
def answer(request):
    text = request.prompt.messages[-1].content
    if "- topic:" in text and "invoice" in text.split("- topic:")[1]:
        return "\\n".join(f"{n}. I need invoice {request.key[:3]}{n} for my company" for n in range(1, 6))
    return "\\n".join(f"{n}. text {request.key[:12]} number {n}" for n in range(1, 6))
"""


def write(folder: Path, text: str = RECIPE) -> Path:
    labelled = [f"{text},{'parcel' if 'parcel' in text else 'refund'}" for text in SEEDS]
    (folder / "seeds.csv").write_text("\n".join(["text,label", *labelled]), encoding="utf-8")
    rows = [*COVERED, *COMPANIES, PRIVATE, TESTED]
    (folder / "tickets.csv").write_text("\n".join(["text", *rows]), encoding="utf-8")
    (folder / "test.csv").write_text(f"text,label\n{TESTED},invoice\n", encoding="utf-8")
    (folder / "answers.py").write_text(ANSWERS, encoding="utf-8")
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_a_run_writes_for_each_topic_and_reports_what_covers_it(tmp_path: Path) -> None:
    recipe = read_recipe(write(tmp_path))
    summary = run(recipe, out=tmp_path / "out")
    assert summary.exit_code == 0
    (gaps,) = read_manifest(tmp_path / "out")["gaps"].values()
    assert gaps["left_out"] == 2  # the row with an e-mail address, and the test row
    (region,) = gaps["regions"]
    assert (region["label"], region["rows"], region["wanted"]) == ("invoice", 6, 2)
    assert region["texts"] >= 2
    assert region["covered"] > 0
    rows = {tuple(row["cell"].values()): row["selected"] for row in summary.quota}
    assert rows["invoice", region["name"]] >= 2
    provenance = pq.read_table(tmp_path / "out" / "dataset" / "provenance").to_pylist()
    ids = {row.id for row in records(COMPANIES, "tickets")}
    for row in provenance:
        is_of_topic = json.loads(row["attributes"]).get("gap") == region["name"]
        assert bool(ids & set(row["example_ids"])) == is_of_topic
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert region["name"] in page
    assert PRIVATE not in page
    assert any(
        note.startswith("prompts show rows of tickets, and no filter drops") for note in summary.manifest["notes"]
    )
    pushed = json.loads(str(read_payload(tmp_path / "out").files["manifest.json"].content, "utf-8"))
    assert pushed["gaps"]["labelled"]["regions"][0]["examples"] == []


def test_a_run_with_topics_is_the_same_at_any_concurrency_and_asks_nothing_again(tmp_path: Path) -> None:
    """May take over ten seconds: each of three runs embeds rows."""
    folders = [tmp_path / name for name in ("one", "many")]
    for folder, concurrency in zip(folders, (1, 32), strict=True):
        folder.mkdir()
        text = RECIPE.replace('"./answers.py:answer"', f'"./answers.py:answer", concurrency: {concurrency}')
        run(read_recipe(write(folder, text)), out=folder / "out")
    assert digest(folders[0] / "out") == digest(folders[1] / "out")
    (folders[0] / "out" / "manifest.json").unlink()  # as after a run that was killed before its end
    again = run(read_recipe(folders[0] / "recipe.yaml"), out=folders[0] / "out")
    assert again.manifest["requests"]["sent"] == 0
    assert digest(folders[0] / "out") == digest(folders[1] / "out")


@pytest.mark.usefixtures("_own_cache")
def test_the_topics_are_known_before_a_run(tmp_path: Path) -> None:
    plan = estimate(read_recipe(write(tmp_path)))
    (region,) = plan.gaps["labelled"]["regions"]
    assert (region["label"], region["wanted"], region["texts"]) == ("invoice", 2, 0)
    assert any("looks for gaps: 6 of 10 rows of tickets are unlike every seed" in note for note in plan.notes)


def test_copies_of_shown_rows_are_dropped_by_default(tmp_path: Path) -> None:
    text = "\n".join(line for line in RECIPE.splitlines() if not line.startswith("filter:"))
    filters = read_recipe(write(tmp_path, text)).filter
    assert [item.step.compares_with for item in filters if item.name.startswith("copies_source")] == [
        ("seeds",),
        ("tickets",),
    ]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("      source: seeds\n", "", "gaps compares rows with the seeds, and there are none: name their source"),
        ("in: tickets", "in: test", "labelled.gaps is 'test', whose rows are test rows"),
        ("in: tickets", "in: mail", "labelled.gaps is 'mail', but sources has no 'mail'"),
        ("want: 2", "labels: {a topic: refunds}", "the label 'refunds', which `labels` does not list"),
        ("similarity: 0.6}", "similarity: 0.6}\n      attributes: {gap: [a, b]}", "the name of the field that"),
    ],
)
def test_mistakes_of_gaps_have_a_line(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    with pytest.raises(RecipeError) as error:
        read_recipe(write(tmp_path, RECIPE.replace(old, new)))
    assert any(sentence in issue.sentence for issue in error.value.issues), str(error.value)


def test_more_texts_of_gaps_than_the_total_is_an_error(tmp_path: Path) -> None:
    text = RECIPE.replace("want: {label: 4}", "want: {total: 5}").replace("want: 2", "want: 9")
    with pytest.raises(RecipeError) as error:
        run(read_recipe(write(tmp_path, text)), out=tmp_path / "out")
    assert "the total is 5, but cases and gaps of generate want 9 texts" in str(error.value)


def test_without_labels_each_topic_gets_texts_and_with_several_labels_only_those_that_the_recipe_names() -> None:
    sources = {"seeds": seeds(), "tickets": records((*COVERED, *INVOICES, *PASSWORDS), "tickets")}

    def cells(
        names: dict[str, str], *, multi_label: bool = False, **options: object
    ) -> list[tuple[dict[str, str], int]]:
        run_context = context(sources=sources, labels=names, embed=embed, multi_label=multi_label)
        generator = Labelled(source="seeds", gaps={"in": "tickets", **options})
        own = generator.with_gaps(run_context, "labelled", lambda shown: [True] * len(shown)).own_cells
        return [(dict(cell), number) for cell, number in own]

    names = [cell["gap"] for cell, _ in cells({})]
    assert len(names) == 2
    assert [list(cell) for cell, _ in cells({})] == [["gap"], ["gap"]]
    assert cells(LABELS, multi_label=True) == []
    assert cells(LABELS, multi_label=True, labels={names[1]: "refund"}) == [({"label": "refund", "gap": names[1]}, 10)]
