"""Broken recipes: each one is one sentence with its line, what was found and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipe.recipes import RECIPE, write_recipe
from textsynth.errors import Mistake, RecipeError
from textsynth.recipe import read_recipe

MEANS = "asks for money back"
END = len(RECIPE.splitlines()) + 1

# What stands in the recipe, what takes its place ("" puts it at the end), the line, and words of the sentence.
YAML_TRAPS = [
    ("refund:", "no:", 5, ["no is a truth value", '"no" in quotes']),
    ("refund:", "Off:", 5, ["Off is a truth value", '"Off" in quotes']),
    ("refund:", "true:", 5, ["a key is a name", "found true", '"true" in quotes']),
    ("refund:", "17:", 5, ["a key is a name", "found 17", '"17" in quotes']),
    ("refund:", "null:", 5, ["a key is a name", "found null"]),
    ("refund:", "2024-01-31:", 5, ["2024-01-31 is a date", "in quotes"]),
    ("refund:", "? [a, b]\n  :", 5, ["a key is a name", "found a list of 2"]),
    (MEANS, "yes", 5, ["yes is a truth value", '"yes" in quotes']),
    (MEANS, "7", 5, ["labels.refund.means takes text", "found 7", '"7" in quotes']),
    (MEANS, "12:30:45", 5, ["60-based", '"12:30:45" in quotes']),
    (MEANS, "2024-01-31 10:00:00", 5, ["is a date"]),
    (MEANS, "", 5, ["nothing stands after 'refund:'"]),
    (MEANS, "~", 5, ["labels.refund says nothing"]),
    (MEANS, '""', 5, ["labels.refund.means takes text (not empty)", "found ''"]),
    (MEANS, "asks: when", 5, ["a ':' stands where none can", "quotes"]),
    (MEANS, "@home", 5, ["may not begin with @", "quotes"]),
    (MEANS, '"asks', 5, ["a quote is opened and never closed"]),
    (MEANS, '"\\q"', 5, ["escape", "single quotes"]),
    (MEANS, "!!python/object/apply:os.system [ls]", 5, ["the tag !!python/object/apply:os.system"]),
    (MEANS, "!!str 12", 5, ["the tag !!str"]),
    (MEANS, "*nowhere", 5, ["there is no &nowhere before *nowhere"]),
    (MEANS, "&a [*a]", 5, ["*a stands inside its own &a"]),
    ("", "seed: 012", END, ["012", "8-based", "write 12"]),
    ("", "seed: 1e3", END, ["1e3", "write 1000"]),
    ("", "seed: 1_000", END, ["1_000", "write 1000"]),
    ("", "seed: 0o17", END, ["0o17", "in quotes"]),
    ("", "pool: .inf", END, [".inf is infinity"]),
    ("", "seed: " + "9" * 30, END, ["30 digits"]),
    ("", "language: no", END, ["no is a truth value", '"no" in quotes']),
    ("", "many: on", END, ["on is a truth value", "write true"]),
    ("", 'many: "true"', END, ["many takes true or false", "found 'true'"]),
    ("", "seed: 1\nseed: 2", END + 1, ["the key 'seed' stands twice", f"line {END}"]),
    ("{label: 5, label*tone: 1}", "{label: 5, please}", 18, ["nothing stands after 'please:'", "comma", "quotes"]),
    ("", "<<: {seed: 1}", END, ["merge keys (<<)"]),
    ("", "---\nseed: 1", END, ["a second document"]),
    ("", " seed: 1", END, ["does not line up", "indentation"]),
    ("  refund", "\trefund", 5, ["a tab indents this line"]),
    ("[hello]", "[${HELLO}]", 8, ['"${NAME}"', "quotes"]),
    ("hello]}}", "hello]", 9, ["closing bracket", "line 8"]),
    ("min_words: 3", "min_words: [" + "[" * 40 + "]" * 40 + "]", 15, ["more than 24 deep"]),
    ("min_words: 3", 'min_words: "a\\ud800"', 15, []),
]

SETTINGS = [
    ("version: 1", "version: 2", 1, ["version takes 1, found 2"]),
    ("version: 1", "versoin: 1", 1, ["no section 'versoin'", "did you mean 'version'?"]),
    ("name: bank", "name: ../bank", 2, ["name", "letters", "found '../bank'"]),
    ("task: classification", "task: clasification", 3, ["task takes 'classification', 'paraphrase' or"]),
    ("", "seed: -1", END, ["seed takes a whole number (at least 0), found -1"]),
    ("", "seed: 1.5", END, ["seed takes a whole number", "found 1.5"]),
    ("", 'seed: "7"', END, ["seed takes a whole number", "found '7': write 7 without quotes"]),
    ("", "pool: 0.5", END, ["pool takes a number (at least 1", "found 0.5"]),
    ("", "language: english", END, ["language", "such as en", "found 'english'"]),
    ("25k", "25q", 19, ["budget.requests takes a whole number such as 300, 25k or 3M", "found '25q'"]),
    ("minutes: 90", "minuts: 90", 19, ["budget has no field 'minuts'; did you mean 'minutes'?"]),
    ("{requests: 25k, tokens: 3M, minutes: 90}", "25k", 19, ["budget is a map with requests", "found '25k'"]),
    ("validation: 0.1", "validation: 0.2", 20, ["shares of all splits make 1, these make 1.1"]),
    ("validation: 0.1", "va lid: 0.1", 20, ["a split has letters", "'va lid'"]),
    ("export: {", "export: {hub: acme/bank, ", 20, ["export.hub is not done by this version"]),
    ("", "evaluate: {train: seeds}", END, ["evaluate is not done by this version"]),
    ("  refund: asks for money back\n  delay: asks where an order is", "  [refund, delay]", 4, ["labels is a map"]),
    (MEANS, "{mean: x}", 5, ["labels.refund has no field 'mean'; did you mean 'means'?"]),
    (MEANS, "{want: 3}", 5, ["labels.refund needs 'means', which is text"]),
    ("{label: 5,", "{lable: 5,", 18, ["by 'lable'", "did you mean 'label'?"]),
    ("label*tone", "label*mood", 18, ["by 'mood', which no generator varies", "tone"]),
    ("label*tone", "label*label", 18, ["found 'label*label'"]),
    ("{label: 5,", "{label: 0,", 18, ["want.label takes a whole number above 0", "found 0"]),
    ("{label: 5, label*tone: 1}", "many", 18, ["want takes a whole number", "found 'many'"]),
]

ITEMS = [
    ("exact_duplicate", "exact_dupliate", 16, ["filter has no item 'exact_dupliate'", "mean 'exact_duplicate'?"]),
    ("- exact_duplicate", "- choice", 16, ["filter has no item 'choice'", "label has one of that name"]),
    ("- exact_duplicate", "- exact_duplicate: 3", 16, ["'exact_duplicate' takes a map of its fields, found 3"]),
    ("- exact_duplicate", "- exact_duplicate:", 16, ["nothing stands after 'exact_duplicate:'", "no colon"]),
    ("- exact_duplicate", "- near_duplicate:\n    similarity: 0.8", 16, ["nothing stands after 'near_duplicate:'"]),
    ("- exact_duplicate", "- {exact_duplicate: {}, length: {}}", 16, ["one name with its fields", "found a map of"]),
    ("- exact_duplicate", "- 7", 16, ["an item is a name", "found 7"]),
    ("min_words", "minwords", 15, ["length has no field 'minwords'; did you mean 'min_words'?"]),
    ("min_words: 3", "min_words: three", 15, ["length.min_words takes a whole number", "found 'three'"]),
    ("min_words: 3", "min_words: 50", 15, ["length"]),
    ("select: []", "select: diverse", 17, ["select is a list of items, found 'diverse'", "'- '"]),
    ("select: []", "select:", 17, ["nothing stands after 'select:'"]),
    ("./writer.py", "./riter.py", 13, ["no file './riter.py' beside the recipe"]),
    ("./writer.py", "writer.py", 13, ["no item 'writer.py'", "./writer.py"]),
    ("./writer.py", "./../writer.py", 13, ["stands beside the recipe", "'./../writer.py'"]),
    ("- exact_duplicate", "- ./writer.py", 16, ["filter takes a Filter", "class Writer(Generator)"]),
    ("[plain, angry]", "[plain, 1]", 13, ["vary.tone.1 takes text, found 1", '"1" in quotes']),
    ("[plain, angry]", "plain", 13, ["vary.tone takes a list of texts, found 'plain'"]),
    ("angry]}", "angry]}, times: 10", 13, ["times takes a whole number (at least 1, at most 9), found 10"]),
    ("angry]}", "angry]}, share: 0.5", 13, ["shares of generate make 0.5"]),
    ("angry]}}", "angry]}, share: 1}\n  - ./writer.py", 13, ["leaves nothing for './writer.py-2'"]),
    ("angry]}}", "angry]}, share: 0.7}\n  - ./writer.py: {share: 0.6}", 14, ["make 1.3 in all, more than 1"]),
    ("angry]}", "angry]}, model: judg", 13, ["model is 'judg'", "did you mean 'judge'?"]),
    ("scripted", "scriptd", 8, ["models has no item 'scriptd'; did you mean 'scripted'?"]),
    ("judge: generator", "judge: generatr", 9, ["no item is called 'generatr'; did you mean 'generator'?"]),
    ("judge: generator", "judge: other\n  other: judge", 9, ["models.judge stands for itself: judge → other → judge"]),
    ("seeds.csv", "seed.csv", 11, ["sources.seeds", "seed.csv", "did you mean 'seeds.csv'?"]),
    ("{rows: {path: seeds.csv}}", "gone.csv", 11, ["sources.seeds", "gone.csv"]),
    ("{rows: {path: seeds.csv}}", "{row: {path: seeds.csv}}", 11, ["sources has no item 'row'", "mean 'rows'?"]),
    ("seeds: {rows", "gold: {rows", 11, ["gold is not done by this version"]),
    ("path: seeds.csv", "path: seeds.csv, pth: x", 11, ["rows has no field 'pth'; did you mean 'path'?"]),
    ("{rows: {path: seeds.csv}}", "{rows: {}}", 11, ["rows needs 'path', which is a path"]),
]


def broken(folder: Path, old: str, new: str) -> list[Mistake]:
    assert old in RECIPE
    text = RECIPE.replace(old, new, 1) if old else RECIPE + new + "\n"
    with pytest.raises(RecipeError) as caught:
        read_recipe(write_recipe(folder, text))
    return list(caught.value.mistakes)


@pytest.mark.parametrize(("old", "new", "line", "words"), [*YAML_TRAPS, *SETTINGS, *ITEMS])
def test_a_broken_recipe_is_one_sentence(tmp_path: Path, old: str, new: str, line: int, words: list[str]) -> None:
    mistakes = broken(tmp_path, old, new)
    assert [mistake.where for mistake in mistakes] == [f"{tmp_path / 'recipe.yaml'}:{line}"]
    for word in words:
        assert word in mistakes[0].sentence
    for jargon in ("Input should", "type=", "validation error", "Traceback"):
        assert jargon not in mistakes[0].sentence


def test_several_mistakes_are_told_at_once_in_the_order_of_their_lines(tmp_path: Path) -> None:
    text = RECIPE.replace("min_words", "minwords").replace("25k", "25q").replace("refund:", "no:") + "pol: 1\n"
    with pytest.raises(RecipeError) as caught:
        read_recipe(write_recipe(tmp_path, text), ["seed=x", "want.total=-1"])
    assert [mistake.where.rsplit(":", 1)[-1] for mistake in caught.value.mistakes] == [
        "5",
        "15",
        "19",
        str(END),
        *(mistake.where for mistake in caught.value.mistakes[-2:]),
    ]
    assert [mistake.where for mistake in caught.value.mistakes[-2:]] == ["--set 'seed=x'", "--set 'want.total=-1'"]
    assert str(caught.value).count("\n") == 5


FILES = [
    (b"", ":1", "is empty"),
    (b"# only a comment\n", ":1", "is empty"),
    (b"- a\n- b\n", ":1", "a map of sections, found a list of 2"),
    (b"just a text\n", ":1", "a map of sections, found 'just a text'"),
    (b"\xef\xbb\xbfname: a\n", ":1", "byte order mark"),
    (b"\xff\xfen\x00", ":1", "byte order mark"),
    (b"name: a\nlanguage: \xe9\n", ":2", "not UTF-8, found the byte 0xe9"),
    (b"name: a\nlanguage: \x00\n", ":2", "'\\x00' cannot stand in a recipe"),
    (b"a: &a [1,1,1,1,1,1,1,1,1]\n" + b"".join(
        b"%c: &%c [%s]\n" % (97 + n, 97 + n, b",".join([b"*%c" % (96 + n)] * 9)) for n in range(1, 9)
    ), ":6", "with its aliases this is more than 200,000 values"),
    (b"a: " + b"[" * 100_000, ":1", "deep inside each other"),
    (b"a: {" * 10_000, ":1", "more than 24 deep"),
    (b"- " * 10_000, ":1", "more than 24 deep"),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "line", "words"), FILES)
def test_a_file_that_is_no_recipe(tmp_path: Path, raw: bytes, line: str, words: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_bytes(raw)
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    assert str(caught.value).startswith(f"{path}{line}: ")
    assert words in str(caught.value)


def test_a_path_without_a_recipe(tmp_path: Path) -> None:
    write_recipe(tmp_path)
    with pytest.raises(RecipeError, match=r"recipe\.yml: there is no such file; there are: recipe\.yaml"):
        read_recipe(tmp_path / "recipe.yml")
    with pytest.raises(RecipeError, match=r"this is a folder, a recipe is a file; there are: recipe\.yaml"):
        read_recipe(tmp_path)
    with pytest.raises(RecipeError, match="and no folder"):
        read_recipe(tmp_path / "gone" / "recipe.yml")


def test_nothing_is_written_beside_a_broken_recipe(tmp_path: Path) -> None:
    path = write_recipe(tmp_path, RECIPE.replace("min_words", "minwords"))
    before = sorted(tmp_path.iterdir())
    with pytest.raises(RecipeError):
        read_recipe(path)
    assert [one for one in sorted(tmp_path.iterdir()) if one.name != "__pycache__"] == before
