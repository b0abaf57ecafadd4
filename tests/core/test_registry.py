from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.cli.run_cli import run_cli
from textsynth import filter as filters
from textsynth import models
from textsynth.core.errors import UsageError
from textsynth.core.protocols import Filter
from textsynth.core.registry import (
    SECTIONS,
    class_name,
    component_class,
    component_names,
    load_component,
    load_plugin,
    locate_plugin_error,
    snake_case,
)
from textsynth.filter.length import Length

PACKAGE = Path(__file__).parents[2] / "textsynth"


@pytest.mark.parametrize(("file", "cls"), [("near_duplicate", "NearDuplicate"), ("length", "Length")])
def test_a_class_is_named_like_its_file(file: str, cls: str) -> None:
    assert (class_name(file), snake_case(cls)) == (cls, file)


def test_a_component_is_found_by_section_and_name() -> None:
    assert load_component("filter", "length") is Length
    assert "length" in component_names("filter")
    assert component_names("filter") == sorted(component_names("filter"))


def test_a_helper_module_of_a_section_is_no_component() -> None:
    assert component_class("generate", "candidates") is None
    assert "candidates" not in component_names("generate")
    assert component_class("filter", "no_such_filter") is None


@pytest.mark.parametrize("section", SECTIONS)
def test_every_component_is_an_attribute_of_its_section(section: str) -> None:
    package = __import__(f"textsynth.{section}", fromlist=["x"])
    for name in component_names(section):
        assert getattr(package, class_name(name)) is load_component(section, name)
        assert class_name(name) in dir(package)


@pytest.mark.parametrize("section", SECTIONS)
def test_type_checkers_and_editors_see_every_component(section: str) -> None:
    """A new component works without this import; only with it do editors complete its name and its fields."""
    tree = ast.parse((PACKAGE / section / "__init__.py").read_text(encoding="utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    for name in component_names(section):
        line = f"from textsynth.{section}.{name} import {class_name(name)} as {class_name(name)}"
        assert f"textsynth.{section}.{name}" in imported, f"textsynth/{section}/__init__.py lacks the line: {line}"


def test_a_name_that_is_no_component_is_an_error_with_the_nearest_one() -> None:
    with pytest.raises(AttributeError, match=r"textsynth\.filter has no 'NearDuplicat'; did you mean 'NearDuplicate'"):
        _ = filters.NearDuplicat  # type: ignore[attr-defined]
    for name in ("near_dup", "NEARDUPLICATE", "Columns", "_private"):
        assert not hasattr(filters, name)
    assert not hasattr(models, "Wire")


@pytest.mark.parametrize(
    ("section", "name", "message"),
    [
        ("filter", "lenght", "filter has no component 'lenght'; did you mean 'length'?"),
        ("filter", "faithful", "filter has no component 'faithful'; it was renamed to 'faithfulness'"),
        ("task", "paraphrase", "task has no component 'paraphrase'; it was renamed to 'paraphrasing'"),
        ("filter", "../records", "filter has no component"),
        ("filter", "os.path", "filter has no component"),
        ("filter", "./missing.py", "no file './missing.py' beside the recipe, looked for"),
        ("filter", "./text.txt", "is no Python file"),
        ("filter", "./broken.py", "cannot be loaded: line 1: ZeroDivisionError"),
        ("filter", "./needy.py", "cannot be loaded: line 1: ModuleNotFoundError"),
        ("filter", "./empty.py", "defines no class 'Empty' that is a step"),
    ],
)
def test_a_component_that_cannot_be_loaded_is_a_sentence(tmp_path: Path, section: str, name: str, message: str) -> None:
    needy = "import no_such_package_at_all"
    files = {"text.txt": "", "broken.py": "1 / 0", "needy.py": needy, "empty.py": "Empty = 3"}
    for file, text in files.items():
        (tmp_path / file).write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load_component(section, name, tmp_path)
    assert message in str(caught.value)


OWN_FILTER = "from textsynth import Filter\n\nclass MyOwn(Filter):\n    def check(self, record):\n        return None\n"


def test_a_file_beside_the_recipe_is_a_component(tmp_path: Path) -> None:
    (tmp_path / "my_own.py").write_text(OWN_FILTER, encoding="utf-8")
    component = load_component("filter", "./my_own.py", tmp_path)
    assert component.__name__ == "MyOwn"
    assert issubclass(component, Filter)


def plugin_error(folder: Path, code: str) -> BaseException:
    """Return the error that the function `work` of a plug-in raises."""
    (folder / "own.py").write_text(code)
    plugin = load_plugin("./own.py", folder)
    with pytest.raises(ZeroDivisionError) as caught:
        plugin.work()
    return caught.value


def test_an_error_of_a_plugin_is_located_in_its_file(tmp_path: Path) -> None:
    error = plugin_error(tmp_path, "def work():\n    return 1 / 0\n")
    assert locate_plugin_error(error) == "own.py:2: ZeroDivisionError: division by zero"
    error.add_note("of the text 'a b'")
    assert locate_plugin_error(error) == "own.py:2: ZeroDivisionError: division by zero, of the text 'a b'"


def test_an_error_without_a_plugin_is_not_located() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        divmod(1, 0)
    assert locate_plugin_error(caught.value) is None


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import os\n1 / 0\n", "line 2: ZeroDivisionError: division by zero"),
        ("def work(:\n", "SyntaxError: "),
        ("\nimport nothing_of_this_name\n", "line 2: ModuleNotFoundError"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_an_error_with_its_line(tmp_path: Path, code: str, message: str) -> None:
    (tmp_path / "own.py").write_text(code)
    with pytest.raises(UsageError) as caught:
        load_plugin("./own.py", tmp_path)
    assert f"'./own.py' cannot be loaded: {message}" in str(caught.value)


RECIPE = """\
name: own
models: {generator: {scripted: {pattern: "1. my {word} number {n}"}}}
labels: {refund: asks for money back, delivery: asks where a parcel is}
generate: [labelled]
filter: [length, ./own.py]
select: []
want: {label: 2}
"""
FILTER = '''\
import textsynth as ts


class Own(ts.Filter):
    """A filter of the user's own."""

    def {method}:
        return {value}
'''
CHECK = "check(self, record)"
START = "start(self, context)"


@pytest.mark.parametrize("command", ["run", "preview"])
@pytest.mark.parametrize(
    ("method", "value", "message"),
    [
        (CHECK, "1 / 0", "own.py:8: ZeroDivisionError: division by zero, of the text 'my "),
        (CHECK, "False", "./own.py: the verdict on the text 'my "),
        (CHECK, "ts.Verdict('bad', limits=3)", "own.py:8: TypeError: "),
        (START, "1 / 0", "own.py:8: ZeroDivisionError: division by zero"),
        ("chek(self, record)", "None", "the class Own does nothing yet: it needs def check(self, record)"),
    ],
)
def test_a_mistake_in_a_users_own_filter_is_a_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str, method: str, value: str, message: str
) -> None:
    (tmp_path / "own.py").write_text(FILTER.format(method=method, value=value))
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    out = ["--out", str(tmp_path / "run")] if command == "run" else []
    result = run_cli(capsys, command, str(tmp_path / "recipe.yaml"), *out)
    assert result.code == 2
    assert message in result.err
    assert "Traceback" not in result.err
