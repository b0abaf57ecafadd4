from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.cli.run_cli import run_cli
from textsynth import filter as filters
from textsynth import models
from textsynth.core.errors import UsageError
from textsynth.core.registry import (
    SECTIONS,
    class_name,
    component_names,
    load_component,
    load_plugin,
    locate_plugin_error,
    snake_case,
)

PACKAGE = Path(__file__).parents[2] / "textsynth"


@pytest.mark.parametrize(("file", "cls"), [("near_duplicate", "NearDuplicate"), ("length", "Length")])
def test_the_class_is_named_like_the_file(file: str, cls: str) -> None:
    assert (class_name(file), snake_case(cls)) == (cls, file)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_item_is_a_name_of_its_section(section: str) -> None:
    package = __import__(f"textsynth.{section}", fromlist=["x"])
    for name in component_names(section):
        assert getattr(package, class_name(name)) is load_component(section, name)
        assert class_name(name) in dir(package)


@pytest.mark.parametrize("section", SECTIONS)
def test_type_checkers_and_editors_see_every_item(section: str) -> None:
    """A new item works without this line; only with it do editors complete its name and its fields."""
    tree = ast.parse((PACKAGE / section / "__init__.py").read_text(encoding="utf-8"))
    seen = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    for name in component_names(section):
        line = f"from textsynth.{section}.{name} import {class_name(name)} as {class_name(name)}"
        assert f"textsynth.{section}.{name}" in seen, f"textsynth/{section}/__init__.py lacks the line: {line}"


def test_what_is_no_item_is_refused_with_the_nearest() -> None:
    with pytest.raises(AttributeError, match=r"textsynth\.filter has no 'NearDuplicat'; did you mean 'NearDuplicate'"):
        _ = filters.NearDuplicat  # type: ignore[attr-defined]
    for name in ("near_dup", "NEARDUPLICATE", "Columns", "_private"):
        assert not hasattr(filters, name)
    assert not hasattr(models, "Wire")


RECIPE = """\
name: own
models: {generator: {scripted: {pattern: "1. my {word} number {n}"}}}
labels: {refund: asks for money back, delivery: asks where a parcel is}
generate: [labelled]
filter: [length, ./own.py]
select: []
want: {label: 2}
"""
CLASS = '''\
import textsynth as ts


class Own(ts.Filter):
    """Keeps what it keeps."""

    def {method}:
        return {value}
'''
CHECK = "check(self, record)"
BEGIN = "start(self, context)"


def fault_of(folder: Path, code: str) -> BaseException:
    (folder / "own.py").write_text(code)
    own = load_plugin("./own.py", folder)
    with pytest.raises(ZeroDivisionError) as caught:
        own.work()
    return caught.value


def test_a_fault_names_the_line_of_the_users_file(tmp_path: Path) -> None:
    fault = fault_of(tmp_path, "def work():\n    return 1 / 0\n")
    assert locate_plugin_error(fault) == "own.py:2: ZeroDivisionError: division by zero"
    fault.add_note("of the text 'a b'")
    assert locate_plugin_error(fault) == "own.py:2: ZeroDivisionError: division by zero, of the text 'a b'"


def test_a_fault_of_ours_is_blamed_on_nobody() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        divmod(1, 0)
    assert locate_plugin_error(caught.value) is None


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import os\n1 / 0\n", "line 2: ZeroDivisionError: division by zero"),
        ("def work(:\n", "SyntaxError: "),
        ("\nimport nothing_of_this_name\n", "line 2: ModuleNotFoundError"),
    ],
)
def test_a_file_that_cannot_be_loaded_names_the_line(tmp_path: Path, code: str, told: str) -> None:
    (tmp_path / "own.py").write_text(code)
    with pytest.raises(UsageError) as caught:
        load_plugin("./own.py", tmp_path)
    assert f"'./own.py' cannot be loaded: {told}" in str(caught.value)


@pytest.mark.parametrize("verb", ["run", "preview"])
@pytest.mark.parametrize(
    ("method", "value", "told"),
    [
        (CHECK, "1 / 0", "own.py:8: ZeroDivisionError: division by zero, of the text 'my "),
        (CHECK, "False", "./own.py: the check gave False for the text 'my "),
        (CHECK, "ts.Verdict('bad', limits=3)", "own.py:8: TypeError: "),
        (BEGIN, "1 / 0", "own.py:8: ZeroDivisionError: division by zero"),
        ("chek(self, record)", "None", "the class Own does nothing yet: it needs def check(self, record)"),
    ],
)
def test_a_slip_in_a_filter_of_ones_own_is_a_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, verb: str, method: str, value: str, told: str
) -> None:
    (tmp_path / "own.py").write_text(CLASS.format(method=method, value=value))
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    out = ["--out", str(tmp_path / "run")] if verb == "run" else []
    said = run_cli(capsys, verb, str(tmp_path / "recipe.yaml"), *out)
    assert said.code == 2
    assert told in said.err
    assert "Traceback" not in said.err
