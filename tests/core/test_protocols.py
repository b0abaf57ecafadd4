from __future__ import annotations

from pathlib import Path

import pytest

from tests.contexts import context
from textsynth.core.errors import UsageError
from textsynth.core.options import SamplingOptions
from textsynth.core.protocols import (
    Filter,
    Generator,
    Labeller,
    Selector,
    Source,
    StatelessFilterSession,
    merge_sampling,
)
from textsynth.core.records import Provenance, Record, Sampling, Verdict
from textsynth.core.registry import class_name, component_class, component_names, load_component
from textsynth.filter.length import Length

OWN = "from textsynth import Filter\n\nclass MyOwn(Filter):\n    def check(self, record):\n        return None\n"


def test_an_item_is_found_by_section_and_name() -> None:
    assert load_component("filter", "length") is Length
    assert "length" in component_names("filter")
    assert component_names("filter") == sorted(component_names("filter"))


def test_a_helper_beside_the_items_is_none() -> None:
    assert component_class("generate", "candidates") is None
    assert "candidates" not in component_names("generate")
    assert component_class("filter", "no_such_item") is None


@pytest.mark.parametrize(("name", "cls"), [("near_duplicate", "NearDuplicate"), ("length", "Length")])
def test_the_class_is_named_like_the_file(name: str, cls: str) -> None:
    assert class_name(name) == cls


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("lenght", "filter has no component 'lenght'; did you mean 'length'?"),
        ("../records", "filter has no component"),
        ("os.path", "filter has no component"),
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
        load_component("filter", name, tmp_path)


def test_a_file_beside_the_recipe_is_an_item(tmp_path: Path) -> None:
    (tmp_path / "my_own.py").write_text(OWN, encoding="utf-8")
    found = load_component("filter", "./my_own.py", tmp_path)
    assert found.__name__ == "MyOwn"
    assert issubclass(found, Filter)


def test_a_module_that_lacks_a_package_says_so_and_does_not_vanish(tmp_path: Path) -> None:
    (tmp_path / "needy.py").write_text("import no_such_package_at_all", encoding="utf-8")
    with pytest.raises(UsageError, match="ModuleNotFoundError"):
        load_component("filter", "./needy.py", tmp_path)


def test_a_later_layer_of_sampling_wins_where_it_says_something() -> None:
    prompt = SamplingOptions.model_validate({"temperature": 0.7, "max_tokens": 99})
    step = SamplingOptions.model_validate({"temperature": 0.0})
    assert merge_sampling(prompt, step) == Sampling(temperature=0.0, max_tokens=99)
    assert merge_sampling() == Sampling()


def test_a_filter_of_single_records_judges_each_in_order_and_remembers_nothing() -> None:
    batch = [Record(text, Provenance("x")) for text in ("ab", "abc", "a")]
    judge = StatelessFilterSession(
        lambda record: Verdict("short", len(record.text), 2) if len(record.text) < 2 else None
    )
    assert judge.evaluate_batch(batch) == [None, None, Verdict("short", 1, 2)]
    judge.commit(batch)
    assert judge.evaluate_batch(batch[:1]) == [None]
    assert isinstance(Length().start(context()), StatelessFilterSession)


def test_the_bases_do_nothing_by_themselves() -> None:
    record = Record("a", Provenance("x"))
    for call in (
        lambda: Source().read(Path(), name="x", seed=0),
        lambda: Generator().start(context(), "x"),
        lambda: Filter().check(record),
        lambda: Labeller().start(context(), "x"),
        lambda: Selector().select([record], {}, context()),
    ):
        with pytest.raises(NotImplementedError):
            call()
