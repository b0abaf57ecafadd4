"""A pass over shards selects and drops what an ordinary run does, however the rows are divided."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sharded.passes import FILTERS, read_rows, run_rows, shard_rows, write_set
from textsynth.core.errors import RecipeError, SourceError, UsageError
from textsynth.recipe import read_recipe
from textsynth.sharded import filter_shards
from textsynth.text.normalize import jaccard, word_set

VOCABULARY = "card parcel refund bank order late lost please when where money twice tracking number shop help van fee"
WORDS = VOCABULARY.split()
SPLITS = ("{train: 1.0}", "{train: 0.9, validation: 0.1}", "{a: 0.2, b: 0.3, c: 0.5}")
FILTER_LISTS = (
    FILTERS,
    "[exact_duplicate, near_duplicate]",
    "[near_duplicate, exact_duplicate, {length: {min_words: 3, max_words: 9}}]",
    "[near_duplicate, {length: {max_words: 8}}]",
    "[{near_duplicate: {similarity: 0.4}}, refusal]",
    "[exact_duplicate, {length: {min_words: 3}}]",
    "[refusal, language]",
)


def edited(text: str, rng: random.Random) -> str:
    """Return the text with other letters and punctuation, or with a word or two replaced."""
    kind = rng.randrange(4)
    if kind == 0:
        return text
    if kind == 1:
        return f"{text.upper()} !"
    words = text.split()
    for _ in range(kind - 1):
        words[rng.randrange(len(words))] = rng.choice(WORDS)
    return " ".join(words)


def texts_with_duplicates(count: int, rng: random.Random) -> list[str]:
    """Return texts of 1 to 14 words, of which about half are edited copies of earlier ones."""
    texts: list[str] = []
    for _ in range(count):
        if texts and rng.random() < 0.5:
            texts.append(edited(rng.choice(texts), rng))
        else:
            texts.append(" ".join(rng.choices(WORDS, k=rng.randint(1, 14))))
    return texts


def divided(rows: list[dict[str, Any]], files: int) -> list[list[dict[str, Any]]]:
    """Return the rows in files that are not empty."""
    size = max(1, -(-len(rows) // files))
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def check_same(ran: dict[str, list[dict[str, Any]]], sharded: dict[str, list[dict[str, Any]]]) -> None:
    """Check that both have the same texts with the same outcome.

    Of several similar selected texts, a run names the most similar of those that were selected when it compared the
    text, which may be later ones where the text waited for another one.
    """
    assert sharded["data"] == ran["data"]
    assert sharded["provenance"] == ran["provenance"]
    selected = {row["id"]: row["text"] for row in ran["data"]}
    for row, other in zip(sharded["dropped"], ran["dropped"], strict=True):
        if row != other:
            assert row["step"] == other["step"] == "near_duplicate"
            for named in (row, other):
                similarity = jaccard(word_set(row["text"]), word_set(selected[named["duplicate_of"]]))
                assert named["score"] == round(similarity, 4) >= named["limit"]
            assert {**row, "duplicate_of": "", "score": 0} == {**other, "duplicate_of": "", "score": 0}


@settings(max_examples=12)
@given(
    st.integers(0, 10**9),
    st.sampled_from(FILTER_LISTS),
    st.sampled_from(SPLITS),
    st.integers(1, 4),
    st.integers(1, 5),
    st.integers(1, 60),
)
def test_the_verdicts_and_the_splits_are_those_of_a_run(
    seed: int, filters: str, splits: str, files: int, shards: int, count: int
) -> None:
    """Slow: a run and a pass over shards for each example."""
    texts = texts_with_duplicates(count, random.Random(seed))
    with tempfile.TemporaryDirectory() as folder:
        rows = divided([{"text": text} for text in texts], files)
        recipe = write_set(Path(folder), rows, filters=filters, splits=splits)
        result, sharded = shard_rows(recipe, shards=shards)
        check_same(run_rows(recipe), sharded)
        assert result.texts == count
        assert result.selected == len(sharded["data"])
        assert sum(result.reasons.values()) == len(sharded["dropped"])


def test_many_long_texts_have_the_verdicts_of_a_run(tmp_path: Path) -> None:
    rng = random.Random(3)
    words = [f"{first}{second}" for first in WORDS for second in WORDS]
    texts = [" ".join(rng.choices(words, k=rng.randint(8, 30))) for _ in range(1500)]
    texts += [edited(rng.choice(texts), rng) for _ in range(500)]
    recipe = write_set(tmp_path, divided([{"text": text} for text in texts], 5))
    result, sharded = shard_rows(recipe, shards=7)
    check_same(run_rows(recipe), sharded)
    assert result.pairs > 200
    assert result.compared < 1500


def test_texts_that_share_most_of_their_words_have_the_verdicts_of_a_run(tmp_path: Path) -> None:
    rng = random.Random(4)
    words = [f"w{number}" for number in range(20_000)]
    texts = [" ".join([*words[:40], *rng.choices(words[40:], k=10)]) for _ in range(900)]
    texts += [edited(rng.choice(texts), rng) for _ in range(100)]
    recipe = write_set(tmp_path, divided([{"text": text} for text in texts], 3))
    lines: list[str] = []
    filter_shards(recipe, out=str(tmp_path / "shards"), shards=4, log=lines.append)
    assert any("joining these groups" in line for line in lines)
    check_same(run_rows(recipe), read_rows(tmp_path / "shards"))


def test_labels_and_fields_are_those_of_a_run_and_equal_rows_are_numbered_alike(tmp_path: Path) -> None:
    rows = [
        {"text": "where is my parcel", "label": "delivery", "ticket": "7"},
        {"text": "where is my parcel", "label": "delivery", "ticket": "3"},
        {"text": "I want my money back", "label": "refund", "ticket": "4"},
        {"text": "where is my parcel", "label": "refund", "ticket": "3"},
        {"text": "my money back please", "label": "refund", "ticket": "1"},
    ]
    labels = "labels: {refund: asks for money back, delivery: asks where a parcel is}\n"
    source = "{rows: {path: raw, fields: [ticket]}}"
    recipe = write_set(tmp_path, divided(rows, 3), labels=labels, source=source, filters="[exact_duplicate]")
    _, sharded = shard_rows(recipe, shards=2)
    assert sharded == run_rows(recipe)
    assert {row["id"] for row in sharded["data"]} >= {row["duplicate_of"] for row in sharded["dropped"]}


LABELS = "labels: {delivery: asks where a parcel is, refund: asks for money back, other: all else}\nmulti_label: true\n"


def test_splits_are_stratified_by_the_labels_of_all_texts(tmp_path: Path) -> None:
    rng = random.Random(9)
    names = ("delivery", "refund", "other")
    texts = [" ".join(rng.choices(WORDS, k=7)) for _ in range(120)]
    rows = [{"text": text, "label": rng.sample(names, k=rng.choice((1, 1, 2)))} for text in texts]
    files = [[{**row, "label": "|".join(row["label"])} for row in part] for part in divided(rows, 4)]
    recipe = write_set(
        tmp_path, files, labels=LABELS, source="{rows: {path: raw, separator: '|'}}", splits=SPLITS[2], filters="[]"
    )
    result, sharded = shard_rows(recipe, shards=5)
    assert sharded == run_rows(recipe)
    assert result.splits == {"a": 24, "b": 36, "c": 60}


@pytest.mark.parametrize("splits", SPLITS[:2])
@pytest.mark.parametrize("task", ["summarization", "paraphrasing"])
def test_texts_of_one_source_text_are_one_family_in_whatever_shards_they_are(
    tmp_path: Path, task: str, splits: str
) -> None:
    rng = random.Random(10)
    documents = [" ".join(rng.choices(WORDS, k=12)) for _ in range(40)]
    column = {"summarization": "document", "paraphrasing": "original"}[task]
    rows = [{"text": " ".join(rng.choices(WORDS, k=6)), column: rng.choice(documents)} for _ in range(150)]
    field = {"summarization": "document", "paraphrasing": "source_text"}[task]
    source = f"{{rows: {{path: raw, text: text, fields: {{{field}: {column}}}}}}}"
    recipe = write_set(tmp_path, divided(rows, 3), task=task, source=source, splits=splits, filters="[]")
    result, sharded = shard_rows(recipe, shards=4)
    assert sharded == run_rows(recipe)
    families = {row["family"] for row in sharded["provenance"]}
    assert len(families) <= len(documents)
    assert result.selected == 150


def test_a_filter_that_reads_another_source_reads_it_in_every_task(tmp_path: Path) -> None:
    (tmp_path / "seeds.csv").write_text("text\nplease send the card to my new address\n", encoding="utf-8")
    recipe = write_set(
        tmp_path,
        [[{"text": "please send the card to my new address today"}], [{"text": "what is the fee for a transfer"}]],
        filters="[{copies_source: {source: seeds}}, exact_duplicate]",
        source="raw, seeds: seeds.csv",
    )
    _, sharded = shard_rows(recipe)
    assert sharded == run_rows(recipe)
    assert [row["step"] for row in sharded["dropped"]] == ["copies_source"]


def test_load_dataset_reads_the_shards(tmp_path: Path) -> None:
    texts = texts_with_duplicates(60, random.Random(5))
    recipe = write_set(tmp_path, divided([{"text": text} for text in texts], 2), splits="{train: 0.8, test: 0.2}")
    result, sharded = shard_rows(recipe, shards=3)
    out = str(tmp_path / "shards")
    dataset = load_dataset(out)
    assert {name: len(rows) for name, rows in dataset.items()} == result.splits
    assert min(result.splits.values()) > 0
    assert sum(result.splits.values()) == result.selected
    assert len(load_dataset(out, "dropped")["train"]) == len(sharded["dropped"])
    assert len(load_dataset(out, "provenance")["train"]) == result.selected
    assert len(list((tmp_path / "shards" / "data").glob("train-*-of-00003.parquet"))) == 3


def test_the_shards_can_be_in_any_folder_of_fsspec(tmp_path: Path) -> None:
    import fsspec

    texts = texts_with_duplicates(40, random.Random(6))
    recipe = write_set(tmp_path, divided([{"text": text} for text in texts], 2))
    url = f"memory://{tmp_path.name}"
    result = filter_shards(recipe, out=url, shards=2)
    filesystem = fsspec.filesystem("memory")
    names = [name for name in filesystem.find(url) if "/data/" in name]
    assert len(names) == 2
    tables = [pq.read_table(filesystem.open(name)) for name in names]
    assert sum(map(len, tables)) == result.selected
    _, here = shard_rows(recipe, shards=2)
    rows = [{**row, "split": "train"} for table in tables for row in table.to_pylist()]
    assert sorted(rows, key=lambda row: str(row["id"])) == here["data"]


@pytest.mark.parametrize("source", ["'raw/part-*'", "{rows: {path: 'r*/*.*', text: text}}", "memory://{name}/raw"])
def test_the_files_may_be_those_of_a_pattern_or_at_a_url(tmp_path: Path, source: str) -> None:
    import fsspec

    source = source.replace("{name}", tmp_path.name)
    texts = texts_with_duplicates(60, random.Random(8))
    recipe = write_set(tmp_path, divided([{"text": text} for text in texts], 4), source=source)
    fsspec.filesystem("memory").put(str(tmp_path / "raw"), f"memory://{tmp_path.name}/", recursive=True)
    result, sharded = shard_rows(recipe, shards=3)
    assert result.texts == 60
    check_same(run_rows(recipe), sharded)


def test_a_file_without_the_labels_that_others_have_is_one_sentence(tmp_path: Path) -> None:
    labels = "labels: {delivery: asks where a parcel is, refund: asks for money back}\n"
    files = [[{"text": "where is my parcel", "label": "delivery"}], [{"text": "I want my money back"}]]
    recipe = write_set(tmp_path, files, labels=labels, source="{rows: {path: 'raw/*'}}")
    for action in (run_rows, shard_rows):
        with pytest.raises((SourceError, RecipeError)) as raised:
            action(recipe)
        assert "part-1.parquet" in str(raised.value) or "without a label" in str(raised.value)


LABELLED = """\
select: []
labels: {a: a text, b: another text}
models: {generator: {scripted: {pattern: "A"}}}
label: [{choice: {model: generator, min_confidence: 0.5}}]
"""

# ---- continuing, and what a pass refuses


def test_an_interrupted_pass_continues_from_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = texts_with_duplicates(50, random.Random(7))
    filters = "[./fails.py, exact_duplicate, near_duplicate]"
    (tmp_path / "fails.py").write_text(
        "import os\nimport textsynth as ts\n\n\nclass Fails(ts.Filter):\n    def check(self, record):\n"
        "        if 'FAILS' in os.environ and 'refund' in record.text:\n            raise OSError('disk')\n",
        encoding="utf-8",
    )
    recipe = write_set(tmp_path, divided([{"text": text} for text in texts], 2), filters=filters)
    out = tmp_path / "shards"
    with monkeypatch.context() as environment:
        environment.setenv("FAILS", "1")
        with pytest.raises(OSError, match="disk"):
            filter_shards(recipe, out=str(out), shards=3)
    written = {path.name: path.stat().st_mtime_ns for path in (out / "work").glob("rows-*")}
    assert len(written) == 2
    lines: list[str] = []
    result = filter_shards(recipe, out=str(out), shards=3, log=lines.append)
    assert lines[0].startswith("step 1 of")
    assert not (out / "work").exists()
    check_same(run_rows(recipe), read_rows(out))
    assert filter_shards(recipe, out=str(out), shards=3) == result
    with pytest.raises(UsageError, match="another number of shards; name another folder"):
        filter_shards(recipe, out=str(out), shards=4)


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    recipe = write_set(tmp_path, [[{"text": "where is my parcel"}]])
    with pytest.raises(UsageError, match="is not empty, it has 'raw'"):
        filter_shards(recipe, out=str(tmp_path), shards=1)
    assert not (tmp_path / "work").exists()
    with pytest.raises(UsageError, match="between 1 and 65,536, found 0"):
        filter_shards(recipe, out=str(tmp_path / "out"), shards=0)
    with pytest.raises(UsageError, match="is a file; name a folder"):
        filter_shards(recipe, out=str(tmp_path / "recipe.yaml"), shards=1)


def test_a_work_folder_of_another_pass_is_refused(tmp_path: Path) -> None:
    recipe = write_set(tmp_path, [[{"text": "where is my parcel"}]])
    work = tmp_path / "work"
    work.mkdir()
    (work / "plan.json").write_text('{"fingerprint": "0"}', encoding="utf-8")
    with pytest.raises(UsageError, match="holds an unfinished pass of another recipe"):
        filter_shards(recipe, out=str(tmp_path / "out"), work=str(work))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("select: []", "select: []\nwant: {total: 3}", "want: all texts in shards that pass the filters are selected"),
        ("filter: [", "filter: [semantic_duplicate, ", "semantic_duplicate compares texts with accepted ones"),
        ("filter: [", "filter: [near_duplicate, ", "texts are compared once in this way"),
        ("generate: [existing]", "generate: [existing, perturb]", "the generator is existing"),
        ("raw: raw", "raw: {rows: {path: raw, limit: 3}}", "sources.raw cannot be read in shards"),
        ("select: []", LABELLED, "texts in shards are not labelled"),
    ],
)
def test_what_cannot_be_done_in_shards_is_one_sentence(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    write_set(tmp_path, [[{"text": "where is my parcel", "label": "a"}]])
    path = tmp_path / "recipe.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(RecipeError) as raised:
        filter_shards(read_recipe(path), out=str(tmp_path / "out"))
    assert any(sentence in str(issue) for issue in raised.value.issues)
    assert not (tmp_path / "out").exists()


def test_an_error_in_a_file_names_the_file_and_the_line(tmp_path: Path) -> None:
    recipe = write_set(tmp_path, [[{"text": "where is my parcel"}, {"text": " "}]])
    with pytest.raises(SourceError, match=r"raw/part-0\.jsonl:2: 'text' is blank"):
        filter_shards(recipe, out=str(tmp_path / "out"))
