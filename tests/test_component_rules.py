"""The package depends on what a component can do, never on which one it is: no names of tasks, no single classes.

A component is found by the registry. What others need to know about it is declared in `core/protocols.py`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from textsynth.core.registry import SECTIONS, class_name, component_class, component_names

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "textsynth"
MODULES = sorted(PACKAGE.rglob("*.py"))
TASKS = frozenset(component_names("task"))
# The sections that `load_component` knows, and the other folders in which each file is found by its name.
COMPONENT_FOLDERS = (*SECTIONS, "parse", "export/formats")

# Strings outside `task/` that are the name of a bundled task, by file and string, and why.
TASK_NAMES = {
    ("core/registry.py", "paraphrasing"): "the new name of a component that was renamed, for old recipes",
    ("export/card/hub_vocabulary.py", "summarization"): "a task category of the Hub",
    ("recipe/init.py", "paraphrasing"): "the task that the first recipe names where there are no labels",
    ("recipe/sections.py", "classification"): "the task of a recipe that names none",
    ("report/sections/nearest_texts.py", "pairs"): "a key of evaluation.json",
    ("review/session.py", "pairs"): "a key of the result of `textsynth review`: pairs of people",
}
# Imports of one component's class from outside its folder, by importer and class, and why.
COMPONENT_IMPORTS = {
    ("evaluate/runner.py", "sources.rows.Rows"): "reads the files of real rows that the command line names",
    ("recipe/init.py", "sources.rows.Rows"): "reads the file of examples that the command line names",
    ("recipe/builder.py", "sources.in_memory.InMemory"): "rows given in Python are this source",
}
# Attributes read by a literal name, by file and name, and why. None of the objects is a component or its session.
LITERAL_ATTRIBUTES = {
    ("store/swap.py", "renameat2"): "a function of the C library",
    ("store/swap.py", "renamex_np"): "a function of the C library",
    ("api/notebook.py", "kernel"): "IPython's shell",
    ("api/run.py", "feature"): "a feature of datasets",
    ("cli/review.py", "name"): "a browser of webbrowser",
    ("core/field_types.py", "pattern"): "a constraint of pydantic",
    ("core/registry.py", "__notes__"): "the notes of an exception",
    ("export/formats/__init__.py", "write"): "the function of a format's module",
    ("hub/schema_diff.py", "dtype"): "a feature of datasets",
    ("hub/schema_diff.py", "feature"): "a feature of datasets",
    ("hub/schema_diff.py", "names"): "a feature of datasets",
    ("models/local/loading.py", "max_position_embeddings"): "a configuration of transformers",
    ("prompts/bounded_filters.py", "jinja_pass_arg"): "a filter of Jinja",
    ("prompts/bounded_filters.py", "name"): "a filter of Jinja",
    ("prompts/sandbox.py", "__name__"): "any Python value in a template",
    ("prompts/sandbox.py", "__self__"): "any Python value in a template",
    ("recipe/builder.py", "item"): "a scalar of NumPy",
    ("recipe/builder.py", "ndim"): "a scalar of NumPy",
    ("recipe/yaml_tree.py", "CSafeLoader"): "the module yaml",
    ("similarity/embedder.py", "malloc_trim"): "the C library",
    ("sources/hub.py", "feature"): "a feature of datasets",
    ("sources/in_memory.py", "feature"): "a feature of datasets",
    ("sources/in_memory.py", "names"): "a feature of datasets",
    ("sources/revisions.py", "license"): "a card of huggingface_hub",
}


def relative(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@cache
def nodes_of(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def in_folder(path: Path, folder: str) -> bool:
    return relative(path).startswith(f"{folder}/")


def test_only_tasks_know_the_names_of_tasks() -> None:
    strings = {
        (relative(path), node.value)
        for path in MODULES
        if not in_folder(path, "task")
        for node in nodes_of(path)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    names = {(file, string) for file, string in strings if string in TASKS}
    assert names <= set(TASK_NAMES), "ask the task (core/task.py) instead of comparing or looking up its name"
    assert set(TASK_NAMES) <= strings, "listed, but no longer there"


def test_no_task_is_compared() -> None:
    comparisons = [
        f"{relative(path)}:{node.lineno}"
        for path in MODULES
        for node in nodes_of(path)
        if isinstance(node, ast.Compare) and not all(isinstance(op, (ast.Is, ast.IsNot)) for op in node.ops)
        for side in (node.left, *node.comparators)
        if isinstance(side, ast.Attribute) and side.attr in {"task", "task_name"}
    ]
    assert not comparisons, "ask the task (core/task.py) instead"


def test_no_component_is_imported_outside_its_folder() -> None:
    imports = {
        (relative(path), component)
        for path in MODULES
        for folder, component in imported_components(path)
        if not in_folder(path, folder)
    }
    assert imports == set(COMPONENT_IMPORTS), "declare what the component can do in core/protocols.py"


def imported_components(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the folder and the dotted name of each component's class that the module imports."""
    for node in nodes_of(path):
        if not isinstance(node, ast.ImportFrom) or node.module is None:
            continue
        for alias in node.names:
            for folder in COMPONENT_FOLDERS:
                package = f"textsynth.{folder.replace('/', '.')}"
                component = component_named(folder, alias.name)
                if component is not None and node.module in {package, f"{package}.{component}"}:
                    yield folder, f"{folder.replace('/', '.')}.{component}.{alias.name}"


@cache
def component_named(folder: str, imported: str) -> str | None:
    """Return the name of the component in the folder whose class is called `imported`; None for no such component."""
    names = component_names(folder) if folder in SECTIONS else [path.stem for path in (PACKAGE / folder).glob("*.py")]
    suffix = "Reader" if folder == "parse" else ""
    return next((name for name in names if class_name(name) + suffix == imported), None)


def test_attributes_are_not_read_by_name() -> None:
    attributes = {
        (relative(path), node.args[1].value)
        for path in MODULES
        for node in nodes_of(path)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"getattr", "hasattr"}
        and len(node.args) > 1
        and isinstance(node.args[1], ast.Constant)
    }
    assert attributes == set(LITERAL_ATTRIBUTES), "declare the attribute in a base class or protocol"


def test_the_rule_of_imports_sees_components() -> None:
    assert component_named("filter", "NearDuplicate") == "near_duplicate"
    assert component_class("filter", "near_duplicate") is not None
    assert component_named("parse", "ListReader") == "list"
    assert component_named("filter", "Filter") is None
