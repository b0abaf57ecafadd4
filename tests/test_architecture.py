"""The architecture: which package may import which, how large a module may be, and what importing one costs.

What concerns the components of a recipe is in tests/test_component_rules.py.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from textsynth.core.registry import SECTIONS, component_class

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "textsynth"
TESTS = ROOT / "tests"
MAX_LINES = 500
SMALL = 80
MAX_LAYERS = 11
MAX_TOP_LEVEL = 30

# The layers, lowest first: a package imports only from layers below its own, and packages of one layer never from each
# other.
LAYERS = (
    ("core", "text"),
    ("parse", "http", "store", "sources", "similarity", "task"),
    ("models", "prompts", "generate", "filter", "select", "export", "review"),
    ("label", "recipe", "cluster"),
    ("hub", "report"),
    ("evaluate",),
    ("runner",),
    ("sharded",),
    ("console",),
    ("api", "cli"),
    ("__main__",),
)
LAYER_OF = {package: layer for layer, packages in enumerate(LAYERS) for package in packages}
# The only import that goes up, for the type checker alone: the protocols of the components name the type of a prompt.
TYPES_ONLY = {("core", "prompts")}
# Modules with fewer than SMALL lines that one module imports, and why each is not a part of that module. Components,
# the verbs of the command line, and the packages themselves need no reason.
SMALL_MODULES = {
    "cluster.temporary_folder": "what a killed process leaves, tested without Ray",
    "evaluate.label_errors": "cross-fitting for `label_error`, measured by eval/label_errors.py",
    "evaluate.nearest_texts": "one part of an evaluation, like the other modules of its folder",
    "export.column_types": "the types as another package reads them, in place of its import",
    "export.viewer_check": "the rules of another program, the Hub's viewer, which change with it",
    "label.logprob_labeller": "the second method of `choice`, next to voting, with a session of its own",
    "models.vllm_server.gpus": "the GPUs of a machine, tested without a server",
    "models.openai.timeouts": "a clock of its own, tested without a server",
    "store.swap": "the one system call that Python does not have, by platform",
    "report.charts.file": "the SVG file around a chart, one of the modules that draw",
    "report.sections.ablation": "one section of the report a module",
    "report.sections.contributions": "one section of the report a module",
    "review.agreement": "a statistic with a source in the literature",
    "similarity.regions": "an algorithm with a source in the literature, tested without rows and labels",
    "sources.columnar": "one file format a module; loads pyarrow",
    "sources.revisions": "requests to the Hub, which reading rows does not need",
    "text.pii.email": "one kind of personal data a module",
    "text.pii.iban": "one kind of personal data a module",
    "text.pii.ip": "one kind of personal data a module",
    "text.pii.ssn": "one kind of personal data a module",
}
HEAVY = ("torch", "transformers", "datasets", "pandas", "pyarrow", "sklearn", "sentence_transformers")
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


NAMES = {name_of(path) for path in MODULES}


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports(path: Path, *, for_types: bool = True) -> tuple[tuple[str, int], ...]:
    """Return each module of ours that the file imports, wherever in the file, with the line.

    `for_types` takes in what only the type checker sees.
    """
    nodes = list(ast.walk(tree_of(path)))
    if not for_types:
        blocks = [node for node in nodes if isinstance(node, ast.If) and _named(node.test) == "TYPE_CHECKING"]
        left_out = {child for block in blocks for child in ast.walk(block)}
        nodes = [node for node in nodes if node not in left_out]
    return tuple(
        (module, node.lineno)
        for node in nodes
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for module in _imported_modules(node)
        if module == "textsynth" or module.startswith("textsynth.")
    )


def _imported_modules(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if node.module is None:
        return []
    names = [f"{node.module}.{alias.name}" for alias in node.names]
    return [name if name in NAMES else node.module for name in names]


def test_every_package_has_a_layer_and_every_layer_a_package() -> None:
    packages = {package_of(name) for name in NAMES} - {""}
    assert packages == set(LAYER_OF)


def test_the_structure_can_be_drawn() -> None:
    top_level = [path for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()]
    assert len(LAYERS) <= MAX_LAYERS
    assert len(top_level) <= MAX_TOP_LEVEL
    assert len(TYPES_ONLY) <= 1, "imports that go up"


def test_imports_go_down_only() -> None:
    # The package itself only names things, and loads none of them: test_api.py.
    importers = [(path, package_of(name_of(path))) for path in MODULES if package_of(name_of(path))]
    wrong_imports = [
        f"{relative(path)}:{line}: imports {module}, which is {direction(package, package_of(module))}"
        for path, package in importers
        for module, line in imports(path)
        if package_of(module) not in {package, ""}
        and LAYER_OF[package_of(module)] >= LAYER_OF[package]
        and ((package, package_of(module)) not in TYPES_ONLY or (module, line) in imports(path, for_types=False))
    ]
    assert not wrong_imports


def direction(package: str, imported: str) -> str:
    return "up" if LAYER_OF[imported] > LAYER_OF[package] else "sideways"


def test_no_import_cycle_also_inside_functions() -> None:
    graph = {
        name_of(path): {module for module, _ in imports(path, for_types=False)} - {name_of(path)} for path in MODULES
    }
    done: set[str] = set()

    def walk(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, f"a cycle: {' → '.join([*trail[trail.index(module) :], module])}"
        if module not in done:
            for imported in sorted(graph.get(module, ())):
                walk(imported, (*trail, module))
            done.add(module)

    for module in sorted(graph):
        walk(module, ())


def test_no_module_is_too_long() -> None:
    files = [*MODULES, *TESTS.rglob("*.py"), *(ROOT / "eval").rglob("*.py")]
    too_long = {relative(path): line_count(path) for path in files if line_count(path) > MAX_LINES}
    assert not too_long, "split them by noun"


def line_count(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_a_small_module_with_one_importer_has_a_reason() -> None:
    importers: dict[str, set[str]] = {name: set() for name in NAMES}
    for path in MODULES:
        for module, _ in imports(path):
            importers[module].add(name_of(path))
    small = {
        name_of(path).removeprefix("textsynth.")
        for path in MODULES
        if len(importers[name_of(path)] - {name_of(path)}) == 1
        and line_count(path) < SMALL
        and path.name != "__init__.py"
        and package_of(name_of(path)) != "cli"
        and not is_component(path)
    }
    assert small == set(SMALL_MODULES), "merge the module into its importer, or give the reason why not"


def is_component(path: Path) -> bool:
    section = path.parent.relative_to(PACKAGE).as_posix()
    return section in SECTIONS and component_class(section, path.stem) is not None


def test_everything_public_has_a_docstring() -> None:
    missing = [
        f"{relative(path)}: {name or 'the module'}"
        for path in MODULES
        for name, node in public(tree_of(path), "")
        if not ast.get_docstring(node)
    ]
    assert not missing


def public(
    node: ast.Module | ast.ClassDef, inside: str
) -> Iterator[tuple[str, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Yield the module or class itself and every public class, function and method in it."""
    yield inside, node
    for child in node.body:
        if isinstance(child, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and not child.name.startswith("_"):
            name = f"{inside}.{child.name}".lstrip(".")
            if isinstance(child, ast.ClassDef):
                yield from public(child, name)
            elif not any(_named(mark) in {"overload", "override"} for mark in child.decorator_list):
                yield name, child


def _named(mark: ast.expr) -> str:
    return mark.id if isinstance(mark, ast.Name) else mark.attr if isinstance(mark, ast.Attribute) else ""


def test_only_the_command_line_prints() -> None:
    calls = [
        f"{relative(path)}:{node.lineno}"
        for path in MODULES
        if package_of(name_of(path)) != "cli"
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not calls


def test_broad_except_only_where_code_of_users_runs() -> None:
    # A plug-in may raise anything: while it is loaded, while its check runs, its scripted model answers, its model
    # answers in a worker of a cluster, or its classifier is trained. So may the package that opens the URLs of a
    # protocol. The command line catches all errors to name the line of the plug-in.
    allowed = {
        "textsynth/core/registry.py",
        "textsynth/core/protocols.py",
        "textsynth/models/scripted_answers.py",
        "textsynth/cluster/worker.py",
        "textsynth/evaluate/own_classifier.py",
        "textsynth/cluster/tasks.py",
        "textsynth/sources/locations.py",
        "textsynth/cli/__init__.py",
    }
    broad = [
        f"{relative(path)}:{node.lineno}"
        for path in MODULES
        if relative(path) not in allowed
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or _named(node.type) in {"Exception", "BaseException"})
    ]
    assert not broad


def loaded_after(statement: str) -> set[str]:
    """Return the top-level modules that a fresh Python has loaded after the statement."""
    code = f"{statement}\nimport sys\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(result.stdout.split())


@pytest.mark.parametrize(
    "statement", ["import textsynth", "import textsynth.cli", "import textsynth.recipe", "import textsynth.runner"]
)
def test_nothing_heavy_is_loaded_early(statement: str) -> None:
    assert loaded_after(statement).isdisjoint(HEAVY)


def test_the_command_line_starts_with_click_alone() -> None:
    early = {"rich", "pydantic", "yaml", "jinja2", "numpy", "aiohttp", "sqlite3", "asyncio"}
    assert loaded_after("import textsynth.cli").isdisjoint(early)
