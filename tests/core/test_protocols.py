from __future__ import annotations

from pathlib import Path

import pytest

from tests.contexts import context
from textsynth.core.errors import UsageError
from textsynth.core.options import SamplingOptions
from textsynth.core.protocols import (
    EachRecord,
    Filter,
    Generator,
    Labeller,
    Selector,
    Source,
    camel,
    find,
    item_class,
    item_names,
    sampling_of,
)
from textsynth.core.records import Origin, Record, Sampling, Verdict
from textsynth.filter.length import Length

OWN = "from textsynth import Filter\n\nclass MyOwn(Filter):\n    def check(self, record):\n        return None\n"


def test_an_item_is_found_by_section_and_name() -> None:
    assert find("filter", "length") is Length
    assert "length" in item_names("filter")
    assert item_names("filter") == sorted(item_names("filter"))


def test_a_helper_beside_the_items_is_none() -> None:
    assert item_class("generate", "candidates") is None
    assert "candidates" not in item_names("generate")
    assert item_class("filter", "no_such_item") is None


@pytest.mark.parametrize(("name", "cls"), [("near_duplicate", "NearDuplicate"), ("length", "Length")])
def test_the_class_is_named_like_the_file(name: str, cls: str) -> None:
    assert camel(name) == cls


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("lenght", "filter has no item 'lenght'; did you mean 'length'?"),
        ("../records", "filter has no item"),
        ("os.path", "filter has no item"),
        ("./missing.py", "no file './missing.py' beside the recipe, looked for"),
        ("./text.txt", "is no Python file"),
        ("./broken.py", "cannot be loaded: line 1: ZeroDivisionError"),
        ("./empty.py", "defines no class 'Empty' that is a step"),
    ],
)
def test_an_item_that_cannot_be_had_is_a_sentence(tmp_path: Path, name: str, told: str) -> None:
    for file, text in (("text.txt", ""), ("broken.py", "1 / 0"), ("empty.py", "Empty = 3")):
        (tmp_path / file).write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=told.replace(".", r"\.").replace("?", r"\?")):
        find("filter", name, tmp_path)


def test_a_file_beside_the_recipe_is_an_item(tmp_path: Path) -> None:
    (tmp_path / "my_own.py").write_text(OWN, encoding="utf-8")
    found = find("filter", "./my_own.py", tmp_path)
    assert found.__name__ == "MyOwn"
    assert issubclass(found, Filter)


def test_a_module_that_lacks_a_package_says_so_and_does_not_vanish(tmp_path: Path) -> None:
    (tmp_path / "needy.py").write_text("import no_such_package_at_all", encoding="utf-8")
    with pytest.raises(UsageError, match="ModuleNotFoundError"):
        find("filter", "./needy.py", tmp_path)


def test_a_later_layer_of_sampling_wins_where_it_says_something() -> None:
    prompt = SamplingOptions.model_validate({"temperature": 0.7, "max_tokens": 99})
    step = SamplingOptions.model_validate({"temperature": 0.0})
    assert sampling_of(prompt, step) == Sampling(temperature=0.0, max_tokens=99)
    assert sampling_of() == Sampling()


def test_a_filter_of_single_records_judges_each_in_order_and_remembers_nothing() -> None:
    batch = [Record(text, Origin("x")) for text in ("ab", "abc", "a")]
    judge = EachRecord(lambda record: Verdict("short", len(record.text), 2) if len(record.text) < 2 else None)
    assert judge.judge(batch) == [None, None, Verdict("short", 1, 2)]
    judge.settle(batch)
    assert judge.judge(batch[:1]) == [None]
    assert isinstance(Length().begin(context()), EachRecord)


def test_the_bases_do_nothing_by_themselves() -> None:
    record = Record("a", Origin("x"))
    for call in (
        lambda: Source().read(Path(), name="x", seed=0),
        lambda: Generator().begin(context(), "x"),
        lambda: Filter().check(record),
        lambda: Labeller().begin(context(), "x"),
        lambda: Selector().pick([record], {}, context()),
    ):
        with pytest.raises(NotImplementedError):
            call()
