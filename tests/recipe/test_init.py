from __future__ import annotations

import json
import re
import tempfile
import unicodedata
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from textsynth.core.errors import SourceError, UsageError
from textsynth.recipe import read_recipe
from textsynth.recipe.init import init_recipe, read_labels, read_seeds, recipe_text, yaml_scalar

ROWS = "text,label\nwhere is my money,refund\nmy parcel is late,delivery\nmoney back please,refund\n"
AMBIGUOUS = [
    "yes",
    "no",
    "on",
    "off",
    "y",
    "null",
    "~",
    "true",
    "012",
    "1e3",
    "12:30:45",
    "2024-01-31",
    "3",
    "re: fund",
]
AMBIGUOUS += [
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


def write_seeds(folder: Path, text: str = ROWS, name: str = "examples.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def load_recipe(folder: Path) -> dict[str, object]:
    recipe = yaml.safe_load((folder / "recipe.yaml").read_text(encoding="utf-8"))
    assert isinstance(recipe, dict)
    return recipe


def test_a_task_alone_gives_a_valid_recipe_with_placeholders_for_its_labels(tmp_path: Path) -> None:
    init_recipe(tmp_path / "out", task="pairs")
    recipe = read_recipe(tmp_path / "out" / "recipe.yaml")
    assert (recipe.task_name, list(recipe.labels)) == ("pairs", ["label_a", "label_b"])
    assert [item.name for item in recipe.generate] == ["pair"]
    assert (tmp_path / "out" / "seeds.csv").read_text() == "text_a,text_b,label\n"
    init_recipe(tmp_path / "texts", task="classification")
    assert (tmp_path / "texts" / "seeds.csv").read_text() == "text,label\n"
    assert read_recipe(tmp_path / "texts" / "recipe.yaml").task_name == "classification"


@pytest.mark.parametrize("columns", ["text_a,text_b,label", "premise,hypothesis,label", "other,text_b,text_a,label"])
def test_the_examples_of_a_task_have_the_columns_of_its_texts(columns: str, tmp_path: Path) -> None:
    texts = ",".join(f"the {name}" for name in columns.split(",")[:-1])
    seeds = write_seeds(tmp_path, f"{columns}\n{texts},yes\n{texts} x,no\n")
    init_recipe(tmp_path / "out", seeds=seeds, task="pairs")
    recipe = read_recipe(tmp_path / "out" / "recipe.yaml")
    assert list(recipe.labels) == ["yes", "no"]
    (row, _) = recipe.sources["seeds"].read(recipe.base, name="seeds", seed=0)
    expected = ("the premise", "the hypothesis") if "premise" in columns else ("the text_a", "the text_b")
    assert (row.text, row.field_text("text_b").removesuffix(" x")) == expected


def test_examples_without_the_columns_of_the_task_are_an_error(tmp_path: Path) -> None:
    seeds = write_seeds(tmp_path)
    with pytest.raises(
        SourceError, match="the task pairs reads the texts of a row from the columns text_a, text_b, but"
    ):
        init_recipe(tmp_path / "out", seeds=seeds, task="pairs")
    with pytest.raises(UsageError, match="did you mean 'pairs'"):
        init_recipe(tmp_path / "out", task="pair")
    with pytest.raises(UsageError, match="--task summarization: its texts are written from given ones"):
        init_recipe(tmp_path / "out", task="summarization", labels="a,b")
    with pytest.raises(UsageError, match="leave --labels, --seeds and --task out"):
        init_recipe(tmp_path / "out", task="pairs", labels="a,b", recipe="quickstart")
    init_recipe(tmp_path / "out", seeds=seeds, task="paraphrasing")
    assert read_recipe(tmp_path / "out" / "recipe.yaml").task_name == "paraphrasing"


def test_labels_alone_make_a_recipe_and_an_empty_seeds_file(tmp_path: Path) -> None:
    result = init_recipe(tmp_path / "tickets", labels="refund, delivery,other")
    assert [path.name for path in result.files] == ["recipe.yaml", "seeds.csv"]
    assert "textsynth validate" in result.sentence
    recipe = load_recipe(tmp_path / "tickets")
    assert recipe["name"] == "tickets"
    assert recipe["labels"] == {"refund": "refund", "delivery": "delivery", "other": "other"}
    assert recipe["generate"] == [{"labelled": {"domain": ""}}]
    assert "sources" not in recipe
    assert (tmp_path / "tickets" / "seeds.csv").read_text() == "text,label\n"


def test_labels_are_taken_from_the_examples_in_their_order(tmp_path: Path) -> None:
    init_recipe(tmp_path / "out", seeds=write_seeds(tmp_path))
    recipe = load_recipe(tmp_path / "out")
    assert list(recipe["labels"]) == ["refund", "delivery"]  # type: ignore[call-overload]
    assert recipe["sources"] == {"seeds": {"rows": {"path": "../examples.csv", "text": "text", "label": "label"}}}
    assert recipe["generate"][1] == {"paraphrase": {"source": "seeds", "share": 0.3}}  # type: ignore[index]
    assert not (tmp_path / "out" / "seeds.csv").exists()


def test_columns_are_found_by_common_names(tmp_path: Path) -> None:
    seeds = read_seeds(
        write_seeds(tmp_path, "id,Intent,Utterance\n1,refund,money back\n2,other,hello there\n"), tmp_path
    )
    assert (seeds.text, seeds.label, seeds.labels) == ("Utterance", "Intent", ("refund", "other"))


def test_examples_without_labels_make_a_recipe_that_paraphrases(tmp_path: Path) -> None:
    init_recipe(tmp_path / "out", seeds=write_seeds(tmp_path, '{"text": "good morning"}\n', "texts.jsonl"))
    recipe = load_recipe(tmp_path / "out")
    assert recipe["task"] == "paraphrasing"
    assert "labels" not in recipe
    assert recipe["generate"] == [{"paraphrase": {"source": "seeds"}}]


def test_rows_with_several_labels_make_a_multi_label_recipe(tmp_path: Path) -> None:
    rows = '{"text": "late and broken", "label": ["delivery", "refund"]}\n'
    init_recipe(tmp_path / "out", seeds=write_seeds(tmp_path, rows, "texts.jsonl"))
    assert load_recipe(tmp_path / "out")["multi_label"] is True


def test_labels_with_examples_keep_their_order_and_descriptions(tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("# ours\ndelivery: asks where: a parcel is\n\nrefund\nother\n", encoding="utf-8")
    init_recipe(tmp_path / "out", labels=str(labels), seeds=write_seeds(tmp_path))
    expected = {"delivery": "asks where: a parcel is", "refund": "refund", "other": "other"}
    assert load_recipe(tmp_path / "out")["labels"] == expected


@pytest.mark.parametrize(
    ("content", "labels"),
    [
        ('["card_arrival", "other"]', {"card_arrival": "", "other": ""}),
        ('{"a": "is a", "b": "is b"}', {"a": "is a", "b": "is b"}),
    ],
)
def test_labels_are_read_from_json(tmp_path: Path, content: str, labels: dict[str, str]) -> None:
    path = tmp_path / "labels.json"
    path.write_text(content, encoding="utf-8")
    assert read_labels(str(path)) == labels


@pytest.mark.parametrize(
    ("content", "phrase"),
    [
        ("[1, 2]", "list of names or an object"),
        ('"a"', "list of names or an object"),
        ("[", "no JSON"),
        ('{"a": "x", "a": "y"}', "'a' is given twice"),
        ('["a", ""]', "one line without spaces at its ends, found ''"),
        ('["a", "b\\nc"]', "one line of visible characters"),
        ('["a", "<<"]', "'<<'"),
        (json.dumps(["a", "b" * 300]), "300 characters"),
        ('["only"]', "at least 2 labels"),
        ('[["a"], ["b"]]', "list of names or an object"),
        ('{"a": {"b": "c"}}', "list of names or an object"),
    ],
)
def test_json_that_holds_no_labels_is_an_error(tmp_path: Path, content: str, phrase: str) -> None:
    path = tmp_path / "labels.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SourceError, match=phrase) as caught:
        read_labels(str(path))
    assert "labels.json" in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "phrase"),
    [
        ("a,b,a", "'a' is given twice"),
        ("a", r"at least 2 labels, found \['a'\]"),
        (",", "at least 2 labels"),
        ("missing.txt", "--labels missing.txt: no such file in"),
        ("missing.csv", "--labels missing.csv: no such file in"),
        ("no/such/file", "'no/such/file' cannot be read"),
    ],
)
def test_a_wrong_list_of_labels_is_an_error(labels: str, phrase: str) -> None:
    with pytest.raises(SourceError, match=phrase):
        read_labels(labels)


@pytest.mark.parametrize("name", ["labels.csv", "labels.tsv", "labels.jsonl", "labels.parquet"])
def test_a_table_is_not_read_as_a_file_of_labels(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("name,meaning\nrefund,asks for money back\n")
    with pytest.raises(SourceError, match="--seeds reads examples from one, and a file of labels"):
        read_labels(str(tmp_path / name))


def test_the_labels_section_of_a_recipe_is_a_file_of_labels(tmp_path: Path) -> None:
    (tmp_path / "labels.yaml").write_text("labels:\n  refund: asks for money back\n  other:\n")
    assert read_labels(str(tmp_path / "labels.yaml")) == {"refund": "asks for money back", "other": ""}
    (tmp_path / "labels.txt").write_text("labels:\nrefund: asks for money back\n")
    assert list(read_labels(str(tmp_path / "labels.txt"))) == ["labels", "refund"]


def test_a_file_of_labels_must_be_utf_8(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_bytes(b"caf\xe9\nbar\n")
    with pytest.raises(SourceError, match="not UTF-8"):
        read_labels(str(tmp_path / "labels.txt"))


@pytest.mark.parametrize(
    ("labels", "rows", "phrase"),
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
def test_wrong_examples_are_an_error_and_nothing_is_written(
    tmp_path: Path, labels: str | None, rows: str, phrase: str
) -> None:
    with pytest.raises(SourceError, match=phrase):
        init_recipe(tmp_path / "out", labels=labels, seeds=write_seeds(tmp_path, rows))
    assert not (tmp_path / "out").exists()


def test_without_arguments_the_quickstart_is_copied(tmp_path: Path) -> None:
    result = init_recipe(tmp_path / "first")
    assert sorted(path.name for path in result.files) == ["quickstart_seeds.csv", "recipe.yaml"]
    assert f"textsynth run {tmp_path / 'first' / 'recipe.yaml'}" in result.sentence
    recipe = read_recipe(tmp_path / "first" / "recipe.yaml")
    assert recipe.sources["seeds"].read(recipe.base, name="seeds", seed=0)
    assert "textsynth run recipe.yaml" in recipe.text


def test_a_bundled_recipe_is_copied_without_labels_or_examples(tmp_path: Path) -> None:
    init_recipe(tmp_path / "out", recipe="summaries")
    assert read_recipe(tmp_path / "out" / "recipe.yaml").name == "summaries"
    with pytest.raises(UsageError, match="there is no bundled recipe 'sumaries'; did you mean 'summaries'"):
        init_recipe(tmp_path / "other", recipe="sumaries")
    with pytest.raises(UsageError, match="leave --labels, --seeds and --task out"):
        init_recipe(tmp_path / "other", labels="a,b", recipe="summaries")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("existing", ["recipe.yaml", "seeds.csv"])
def test_no_file_is_overwritten(tmp_path: Path, existing: str) -> None:
    (tmp_path / existing).write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match=f"{existing}: this file exists already"):
        init_recipe(tmp_path, labels="a,b")
    assert (tmp_path / existing).read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be_created_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UsageError, match="cannot be written"):
        init_recipe(tmp_path / "file" / "folder", labels="a,b")


def test_a_file_in_place_of_the_folder_may_be_meant_as_the_examples(tmp_path: Path) -> None:
    (tmp_path / "seeds.csv").write_text("", encoding="utf-8")
    with pytest.raises(UsageError, match=r"is a file, and init writes into a folder.*init FOLDER --seeds \S+seeds.csv"):
        init_recipe(tmp_path / "seeds.csv", labels="a,b")


@pytest.mark.parametrize(("folder", "name"), [("my tickets!", "my-tickets"), ("...", "my-texts"), ("2024", "2024")])
def test_the_name_comes_from_the_folder(tmp_path: Path, folder: str, name: str) -> None:
    init_recipe(tmp_path / folder, labels="a,b")
    assert load_recipe(tmp_path / folder)["name"] == name


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_ambiguous_scalars_are_quoted(text: str) -> None:
    assert yaml.safe_load(f"a: {yaml_scalar(text)}") == {"a": text}
    assert yaml.safe_load(f"a: {{{yaml_scalar(text)}: {yaml_scalar(text)}}}") == {"a": {text: text}}


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60))
@example("a\u2028b")
@example("\x85")
@example("\ufeff")
@example("x" * 60 + " " + "y" * 60)
def test_any_text_is_written_as_yaml_on_one_line(text: str) -> None:
    assert len(yaml_scalar(text).splitlines()) == 1
    assert yaml.safe_load(f"{yaml_scalar(text)}: {yaml_scalar(text)}") == {text: text}


def test_ambiguous_labels_are_written_and_read_unchanged(tmp_path: Path) -> None:
    labels = {label: "" for label in AMBIGUOUS}
    recipe = yaml.safe_load(recipe_text("traps", labels, None))
    assert list(recipe["labels"]) == AMBIGUOUS
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(AMBIGUOUS), encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        init_recipe(Path(folder), labels=str(path))
        assert list(load_recipe(Path(folder))["labels"]) == AMBIGUOUS  # type: ignore[call-overload]


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=30),
        st.sampled_from(["", "this: or that", "yes", "# no comment", "${HOME}"]),
        min_size=2,
        max_size=5,
    )
)
@settings(max_examples=30, deadline=None)
@example(dict.fromkeys(AMBIGUOUS, ""))
@example({"${HOME}": "", "a*b": "", "a.b": ""})
@example({"0": "", "\u00e9": "x", "\uf978": "this: or that"})
def test_random_labels_make_a_recipe_with_these_labels(labels: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.json"
        path.write_text(json.dumps(labels), encoding="utf-8")
        init_recipe(Path(folder) / "new", labels=str(path))
        recipe = read_recipe(Path(folder) / "new" / "recipe.yaml")
    # Label names have one Unicode form.
    normalized = {unicodedata.normalize("NFC", name): description for name, description in labels.items()}
    assert list(recipe.labels) == list(normalized)
    for name, description in normalized.items():
        if description and "$" not in description:
            assert recipe.labels[name].description == description


def test_recipes_with_and_without_labels_are_read(tmp_path: Path) -> None:
    init_recipe(tmp_path / "seeded", seeds=write_seeds(tmp_path))
    recipe = read_recipe(tmp_path / "seeded" / "recipe.yaml")
    assert (recipe.name, recipe.task_name, list(recipe.labels)) == ("seeded", "classification", ["refund", "delivery"])
    init_recipe(tmp_path / "texts", seeds=write_seeds(tmp_path, "text\ngood morning\n", "texts.csv"))
    assert read_recipe(tmp_path / "texts" / "recipe.yaml").task_name == "paraphrasing"


def test_the_commented_out_sections_can_be_used(tmp_path: Path) -> None:
    init_recipe(tmp_path / "new", labels="refund,delivery")
    path = tmp_path / "new" / "recipe.yaml"
    text = path.read_text(encoding="utf-8")
    uncommented = re.sub(r"^( *)# (?=sources:|  seeds:|filter:|  - )", r"\1", text, flags=re.MULTILINE)
    assert uncommented != text
    path.write_text(uncommented.replace('labelled: {domain: ""}', "labelled: {source: seeds}"), encoding="utf-8")
    recipe = read_recipe(path)
    assert [step.name for step in recipe.filter] == ["length", "exact_duplicate", "near_duplicate"]
    assert list(recipe.sources) == ["seeds"]


def test_one_label_in_two_unicode_forms_is_given_twice(tmp_path: Path) -> None:
    forms = ",".join(unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    with pytest.raises(SourceError, match="the label 'café' is given twice"):
        init_recipe(tmp_path / "new", labels=forms)


def test_a_link_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("elsewhere")
    with pytest.raises(UsageError, match="is a symbolic link that leads nowhere"):
        init_recipe(tmp_path / "link", labels="a,b")
    assert not (tmp_path / "elsewhere").exists()
