from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from textsynth.core.errors import SourceError, UsageError
from textsynth.recipe import read_recipe
from textsynth.recipe.init import init_recipe, read_labels, read_seeds, recipe_text, yaml_scalar

ROWS = "text,label\nwhere is my money,refund\nmy parcel is late,delivery\nmoney back please,refund\n"
TRAPS = ["yes", "no", "on", "off", "y", "null", "~", "true", "012", "1e3", "12:30:45", "2024-01-31", "3", "re: fund"]
TRAPS += [
    "# hash",
    "- dash",
    "*star",
    "&anchor",
    "!tag",
    "{a: b}",
    "[a]",
    "'quoted'",
    '"quoted"',
    "a\\b",
    "亀 🐢",
    "%x",
]


def seeds_file(folder: Path, text: str = ROWS, name: str = "examples.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def parsed(folder: Path) -> dict[str, object]:
    found = yaml.safe_load((folder / "recipe.yaml").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def test_labels_alone_make_a_recipe_that_runs_as_it_is_and_a_file_to_fill(tmp_path: Path) -> None:
    started = init_recipe(tmp_path / "tickets", labels="refund, delivery,other")
    assert [path.name for path in started.files] == ["recipe.yaml", "seeds.csv"]
    assert "textsynth validate" in started.sentence
    recipe = parsed(tmp_path / "tickets")
    assert recipe["name"] == "tickets"
    assert recipe["labels"] == {"refund": "refund", "delivery": "delivery", "other": "other"}
    assert recipe["generate"] == [{"labelled": {"about": ""}}]
    assert "sources" not in recipe
    assert (tmp_path / "tickets" / "seeds.csv").read_text() == "text,label\n"


def test_examples_bring_their_labels_in_their_order(tmp_path: Path) -> None:
    init_recipe(tmp_path / "out", seeds=seeds_file(tmp_path))
    recipe = parsed(tmp_path / "out")
    assert list(recipe["labels"]) == ["refund", "delivery"]  # type: ignore[call-overload]
    assert recipe["sources"] == {"seeds": {"rows": {"path": "../examples.csv", "text": "text", "label": "label"}}}
    assert recipe["generate"][1] == {"paraphrase": {"from": "seeds", "share": 0.3}}  # type: ignore[index]
    assert not (tmp_path / "out" / "seeds.csv").exists()


def test_columns_are_found_by_their_usual_names(tmp_path: Path) -> None:
    seeds = read_seeds(
        seeds_file(tmp_path, "id,Intent,Utterance\n1,refund,money back\n2,other,hello there\n"), tmp_path
    )
    assert (seeds.text, seeds.label, seeds.labels) == ("Utterance", "Intent", ("refund", "other"))


def test_examples_without_labels_are_paraphrased(tmp_path: Path) -> None:
    init_recipe(tmp_path / "out", seeds=seeds_file(tmp_path, '{"text": "good morning"}\n', "texts.jsonl"))
    recipe = parsed(tmp_path / "out")
    assert recipe["task"] == "paraphrase"
    assert "labels" not in recipe
    assert recipe["generate"] == [{"paraphrase": {"from": "seeds"}}]


def test_rows_with_several_labels_make_a_recipe_of_many(tmp_path: Path) -> None:
    rows = '{"text": "late and broken", "label": ["delivery", "refund"]}\n'
    init_recipe(tmp_path / "out", seeds=seeds_file(tmp_path, rows, "texts.jsonl"))
    assert parsed(tmp_path / "out")["many"] is True


def test_labels_and_examples_together_keep_the_order_and_the_meanings_given(tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("# ours\ndelivery: asks where: a parcel is\n\nrefund\nother\n", encoding="utf-8")
    init_recipe(tmp_path / "out", labels=str(labels), seeds=seeds_file(tmp_path))
    named = {"delivery": "asks where: a parcel is", "refund": "refund", "other": "other"}
    assert parsed(tmp_path / "out")["labels"] == named


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ('["card_arrival", "other"]', {"card_arrival": "", "other": ""}),
        ('{"a": "means a", "b": "means b"}', {"a": "means a", "b": "means b"}),
    ],
)
def test_labels_from_json(tmp_path: Path, content: str, found: dict[str, str]) -> None:
    path = tmp_path / "labels.json"
    path.write_text(content, encoding="utf-8")
    assert read_labels(str(path)) == found


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[1, 2]", "list of names or an object"),
        ('"a"', "list of names or an object"),
        ("[", "no JSON"),
        ('{"a": "x", "a": "y"}', "'a' is there twice"),
        ('["a", ""]', "one line without spaces at its ends, found ''"),
        ('["a", "b\\nc"]', "one line without spaces"),
        ('["a", "<<"]', "'<<'"),
        (json.dumps(["a", "b" * 300]), "300 characters"),
        ('["only"]', "at least 2 labels"),
        ('[["a"], ["b"]]', "list of names or an object"),
        ('{"a": {"b": "c"}}', "list of names or an object"),
    ],
)
def test_broken_json_of_labels(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "labels.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SourceError, match=told) as caught:
        read_labels(str(path))
    assert "labels.json" in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ("a,b,a", "'a' is there twice"),
        ("a", r"at least 2 labels, found \['a'\]"),
        (",", "at least 2 labels"),
        ("missing.txt", "--labels missing.txt: no such file in"),
        ("missing.csv", "--labels missing.csv: no such file in"),
        ("no/such/file", "'no/such/file' cannot be read"),
    ],
)
def test_broken_lists_of_labels(labels: str, told: str) -> None:
    with pytest.raises(SourceError, match=told):
        read_labels(labels)


@pytest.mark.parametrize("name", ["labels.csv", "labels.tsv", "labels.jsonl", "labels.parquet"])
def test_a_table_is_no_file_of_labels(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("name,meaning\nrefund,asks for money back\n")
    with pytest.raises(SourceError, match="--seeds reads examples from one, and a file of labels"):
        read_labels(str(tmp_path / name))


def test_the_labels_of_a_recipe_are_a_file_of_labels(tmp_path: Path) -> None:
    (tmp_path / "labels.yaml").write_text("labels:\n  refund: asks for money back\n  other:\n")
    assert read_labels(str(tmp_path / "labels.yaml")) == {"refund": "asks for money back", "other": ""}
    (tmp_path / "labels.txt").write_text("labels:\nrefund: asks for money back\n")
    assert list(read_labels(str(tmp_path / "labels.txt"))) == ["labels", "refund"]


def test_a_file_of_labels_must_be_utf_8(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_bytes(b"caf\xe9\nbar\n")
    with pytest.raises(SourceError, match="not UTF-8"):
        read_labels(str(tmp_path / "labels.txt"))


@pytest.mark.parametrize(
    ("labels", "rows", "told"),
    [
        (None, "id,score\n1,2\n", r"no column looks like the text.*'id', 'score'"),
        ("refund,other", ROWS, r"'delivery' is not among --labels"),
        ("refund,delivary", ROWS, "did you mean 'delivary'"),
        ("refund,delivery", "text\nhello\n", "no column looks like a label"),
        (None, "text,label\n", "no rows"),
        (None, "text,label\nhello,\n", "blank"),
        (None, "text,label\nhello, refund\n", "spaces at its ends, found ' refund'"),
    ],
)
def test_broken_examples_leave_nothing_behind(tmp_path: Path, labels: str | None, rows: str, told: str) -> None:
    with pytest.raises(SourceError, match=told):
        init_recipe(tmp_path / "out", labels=labels, seeds=seeds_file(tmp_path, rows))
    assert not (tmp_path / "out").exists()


def test_without_anything_the_quickstart_is_copied_whole(tmp_path: Path) -> None:
    started = init_recipe(tmp_path / "first")
    assert sorted(path.name for path in started.files) == ["quickstart_seeds.csv", "recipe.yaml"]
    assert f"textsynth run {tmp_path / 'first' / 'recipe.yaml'}" in started.sentence
    recipe = read_recipe(tmp_path / "first" / "recipe.yaml")
    assert recipe.sources["seeds"].read(recipe.base, name="seeds", seed=0)
    assert "textsynth run recipe.yaml" in recipe.text


def test_a_bundled_recipe_stands_alone(tmp_path: Path) -> None:
    init_recipe(tmp_path / "out", recipe="summaries")
    assert read_recipe(tmp_path / "out" / "recipe.yaml").name == "summaries"
    with pytest.raises(UsageError, match="there is no bundled recipe 'sumaries'; did you mean 'summaries'"):
        init_recipe(tmp_path / "other", recipe="sumaries")
    with pytest.raises(UsageError, match="leave --labels and --seeds out"):
        init_recipe(tmp_path / "other", labels="a,b", recipe="summaries")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("there", ["recipe.yaml", "seeds.csv"])
def test_nothing_is_overwritten(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match=f"{there}: is there already"):
        init_recipe(tmp_path, labels="a,b")
    assert (tmp_path / there).read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_is_a_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UsageError, match="cannot be written"):
        init_recipe(tmp_path / "file", labels="a,b")


@pytest.mark.parametrize(("folder", "name"), [("my tickets!", "my-tickets"), ("...", "my-texts"), ("2024", "2024")])
def test_the_name_comes_from_the_folder(tmp_path: Path, folder: str, name: str) -> None:
    init_recipe(tmp_path / folder, labels="a,b")
    assert parsed(tmp_path / folder)["name"] == name


@pytest.mark.parametrize("text", TRAPS)
def test_yamls_traps_are_quoted(text: str) -> None:
    assert yaml.safe_load(f"a: {yaml_scalar(text)}") == {"a": text}
    assert yaml.safe_load(f"a: {{{yaml_scalar(text)}: {yaml_scalar(text)}}}") == {"a": {text: text}}


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60))
@example("a\u2028b")
@example("\x85")
@example("\ufeff")
@example("x" * 60 + " " + "y" * 60)
def test_any_text_survives_as_yaml_on_one_line(text: str) -> None:
    assert len(yaml_scalar(text).splitlines()) == 1
    assert yaml.safe_load(f"{yaml_scalar(text)}: {yaml_scalar(text)}") == {text: text}


def test_labels_of_a_real_list_survive(tmp_path: Path) -> None:
    labels = {label: "" for label in TRAPS}
    recipe = yaml.safe_load(recipe_text("traps", labels, None))
    assert list(recipe["labels"]) == TRAPS
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(TRAPS), encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        init_recipe(Path(folder), labels=str(path))
        assert list(parsed(Path(folder))["labels"]) == TRAPS  # type: ignore[call-overload]


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=30),
        st.sampled_from(["", "means this: or that", "yes", "# no comment", "${HOME}"]),
        min_size=2,
        max_size=5,
    )
)
@settings(max_examples=30, deadline=None)
@example(dict.fromkeys(TRAPS, ""))
@example({"${HOME}": "", "a*b": "", "a.b": ""})
def test_any_labels_make_a_recipe_that_is_read_as_they_were_given(labels: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.json"
        path.write_text(json.dumps(labels), encoding="utf-8")
        init_recipe(Path(folder) / "new", labels=str(path))
        recipe = read_recipe(Path(folder) / "new" / "recipe.yaml")
    assert list(recipe.labels) == list(labels)
    for name, meaning in labels.items():
        if meaning and "$" not in meaning:
            assert recipe.labels[name].description == meaning


def test_each_kind_of_start_passes_the_reader(tmp_path: Path) -> None:
    init_recipe(tmp_path / "seeded", seeds=seeds_file(tmp_path))
    recipe = read_recipe(tmp_path / "seeded" / "recipe.yaml")
    assert (recipe.name, recipe.task, list(recipe.labels)) == ("seeded", "classification", ["refund", "delivery"])
    init_recipe(tmp_path / "texts", seeds=seeds_file(tmp_path, "text\ngood morning\n", "texts.csv"))
    assert read_recipe(tmp_path / "texts" / "recipe.yaml").task == "paraphrase"


def test_what_is_commented_out_works_when_the_marks_are_taken_away(tmp_path: Path) -> None:
    init_recipe(tmp_path / "new", labels="refund,delivery")
    path = tmp_path / "new" / "recipe.yaml"
    text = path.read_text(encoding="utf-8")
    opened = re.sub(r"^( *)# (?=sources:|  seeds:|filter:|  - )", r"\1", text, flags=re.MULTILINE)
    assert opened != text
    path.write_text(opened.replace('labelled: {domain: ""}', "labelled: {source: seeds}"), encoding="utf-8")
    recipe = read_recipe(path)
    assert [item.name for item in recipe.filter] == ["length", "exact_duplicate", "near_duplicate"]
    assert list(recipe.sources) == ["seeds"]
