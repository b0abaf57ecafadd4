"""The language of code, messages and pages: names that say something, one name for one thing, no private idiom."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "textsynth"

MAX_FILLER_SHARE = 0.01
FILLER = frozenset(
    {"told", "found", "one", "said", "known", "given", "kept", "place", "wrong", "whole", "more", "some"}
    | {"asked", "wanted", "here", "there", "what", "which"}
)
"""Names that say nothing about their value. The noun of the value is better: message, result, record, index."""

IDIOMS = {
    "afresh": "again",
    "anew": "again",
    "as it stands": "unchanged",
    "as they stand": "unchanged",
    "barren": "exhausted",
    "books": "state",
    "census": "counts",
    "complaint": "issue, error",
    "court": "pipeline",
    "desk": "labeller session",
    "dialect": "capabilities",
    "foretell": "predict",
    "foretold": "predicted",
    "hopeless": "failed",
    "house": "project",
    "how-manieth": "index",
    "journey": "way",
    "licence": "license",
    "mend": "fix",
    "passport": "provenance",
    "rooms?": "space, memory, module",
    "said": "reported, or the noun: message, text",
    "shelf": "folder",
    "shelves": "folders",
    "slip": "error",
    "so many": "the number itself",
    "spare": "surplus",
    "stands? (?:above|at|below|beside|on|there|under)": "is",
    "straddl(?:e|es|ing)": "overlap",
    r"tells(?! them apart)": "shows, or the noun",
    "tending": "health check",
    "told": "reported, shown, or the noun",
    "twin": "duplicate",
    "whence": "from which",
    "wish": "option",
    "yardstick": "base rate, limit",
}
"""Idiom of an earlier version, as a pattern of singular words, and what to write."""
NAMES = {"beside": "bundled, sibling, other"}
"""Words that are good in a sentence, but are no name of a value."""

# What may stay, by file: words that are an example, data or another program's, and why.
ALLOWED = {
    "CHANGELOG.md": ({"passport", "spare", "twin"}, "the earlier names of columns"),
    "docs/prompt.md": ({"slip"}, "the name of a file"),
    "docs/summaries.md": ({"rooms?"}, "an example text"),
    "docs/task.md": ({"rooms?"}, "an example text"),
    "prompts/summary.completion.jinja": ({"house"}, "the example is about houses"),
    "recipes/bank_intents.yaml": ({"spare"}, "a label of the data set banking77"),
    "recipes/quickstart_seeds.csv": ({"told"}, "an example text"),
    "textsynth/export/card/licenses.py": ({"licence"}, "the British spelling in the name of a license"),
    "textsynth/models/openai/retry.py": ({"licence"}, "the British spelling in an error of a server"),
    "textsynth/text/pii/phone.py": ({"books", "desk"}, "address books, and a help desk in front of a number"),
}
CODE_FILES = sorted(
    path
    for folder in ("textsynth", "prompts", "recipes", "eval")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".jinja", ".yaml", ".csv", ".html", ".css", ".js"}
)
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "eval/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


@cache
def bound_names(path: Path) -> list[tuple[str, int]]:
    return list(_bound_names(tree_of(path)))


def _bound_names(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield every name that the module binds, with its line: variables, parameters, attributes, functions, classes."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name, node.lineno
            case ast.arg(arg=name) if name not in {"self", "cls"}:
                yield name, node.lineno
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, node.lineno


@pytest.mark.parametrize("folder", ["textsynth", "tests", "eval"])
def test_names_say_something(folder: str) -> None:
    count = 0
    positions: dict[str, list[str]] = defaultdict(list)
    for path in modules(folder):
        for name, line in bound_names(path):
            count += 1
            if name.strip("_") in FILLER:
                positions[name].append(f"{relative(path)}:{line}")
    filler = sum(map(len, positions.values()))
    worst = sorted(positions.items(), key=lambda item: -len(item[1]))
    listed = "\n".join(f"{len(lines)} × {name}: {', '.join(lines[:5])}" for name, lines in worst)
    assert filler < MAX_FILLER_SHARE * count, f"{filler} of {count} names say nothing:\n{listed}"


def test_no_two_public_classes_have_one_name() -> None:
    classes: dict[str, list[str]] = defaultdict(list)
    for path in modules("textsynth"):
        for node in tree_of(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                classes[node.name].append(relative(path))
    assert {name: paths for name, paths in classes.items() if len(paths) > 1} == {}


def test_code_and_messages_are_plain_english() -> None:
    assert [problem for path in CODE_FILES for problem in problems_in(path)] == []


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_pages_are_plain_english(path: Path) -> None:
    assert problems_in(path) == []


def problems_in(path: Path) -> list[str]:
    allowed, _ = ALLOWED.get(relative(path), (set(), ""))
    idioms = idioms_in(path.read_text(encoding="utf-8"))
    problems = [f"{relative(path)}:{idiom}" for word, idiom in idioms if word not in allowed]
    unused = allowed.difference(word for word, _ in idioms)
    return problems + [f"{relative(path)}: {word!r} is in ALLOWED, but not in the file" for word in sorted(unused)]


def test_no_name_is_a_preposition() -> None:
    counts = Counter(
        (relative(path), name)
        for path in modules("textsynth")
        for name, _ in bound_names(path)
        if name.strip("_") in NAMES
    )
    assert not counts, f"write instead: {NAMES}"


WORDS = list(IDIOMS)
ANY_IDIOM = re.compile(
    rf"(?<![a-z])(?:{'|'.join(f'({word})' for word in WORDS)})(?:s|es|ed)?(?![a-z])".replace(" ", r"\s+"), re.IGNORECASE
)
CAMEL_CASE = re.compile(r"(?<=[a-z])(?=[A-Z])")


def idioms_in(text: str) -> list[tuple[str, str]]:
    """Return each idiom in a text, also as part of a name: the entry of IDIOMS, and `line: words; write …`."""
    words = CAMEL_CASE.sub("_", text)
    idioms = []
    for match in ANY_IDIOM.finditer(words):
        word = WORDS[(match.lastindex or 0) - 1]
        line = words.count("\n", 0, match.start()) + 1
        idioms.append((word, f"{line}: {match.group()!r}; write {IDIOMS[word]}"))
    return idioms


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("the check stands\nbeside it", ["stands? (?:above|at|below|beside|on|there|under)"]),
        ("class CourtSession", ["court"]),
        ("is_told = twins", ["told", "twin"]),
        ("a courtesy, a household, wishbone", []),
        ("It stands for a number.", []),
    ],
)
def test_idioms_are_recognized(text: str, words: list[str]) -> None:
    assert [word for word, _ in idioms_in(text)] == words
