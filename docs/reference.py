"""Writes the reference pages from the code.

    python docs/reference.py [items|commands|python]

Without a name all of them are written beside this file; with one, that page goes to stdout.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import click

import textsynth as ts
from textsynth.cli import command_group
from textsynth.recipe.describe import Described, describe
from textsynth.recipe.kinds import fields_of, kind_of, words
from textsynth.recipe.making import RecipeSections
from textsynth.recipe.settings import Budget, Evaluate, Export, Settings

NOTE = "<!-- Written by docs/reference.py from the code; change it there. -->\n"


def items() -> str:
    """Return the page of every item, by section, as `textsynth steps` tells them."""
    lines = [NOTE, "# Items of a recipe\n", "What `textsynth steps NAME` prints, for every item of every section.\n"]
    section = ""
    for item in describe():
        if item.section != section:
            section = item.section
            lines.append(f"## `{section}`\n")
        lines += _item(item)
    lines.append("## Plain sections\n")
    for name, cls in (("settings", Settings), ("budget", Budget), ("export", Export), ("evaluate", Evaluate)):
        lines.append(f"### `{name}`\n\n{_first(cls)}\n\n| field | takes | |\n|---|---|---|")
        lines += [f"| `{one}` | {_cell(words(kind_of(field)))} | {_cell(field.description or '')} |"
                  for one, field in fields_of(cls).items()]  # fmt: skip
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _item(item: Described) -> Iterator[str]:
    yield f"### `{item.name}`\n\n{item.about}\n"
    if item.fields:
        yield "| field | takes | default | |\n|---|---|---|---|"
        for one in item.fields:
            default = "needed" if one.default is None else f"`{_cell(one.default)}`"
            yield f"| `{one.name}` | {_cell(one.takes)} | {default} | {_cell(one.description)} |"
        yield ""
    if item.not_covered:
        yield f"{item.not_covered}\n"


def commands() -> str:
    """Return the page of every verb, as `textsynth VERB --help` prints it."""
    lines = [NOTE, "# The command line\n", "What `textsynth VERB --help` prints.\n"]
    for name, verb in command_group.commands.items():
        context = click.Context(verb, info_name=f"textsynth {name}", terminal_width=78, max_content_width=78)
        context.help_option_names = ["-h", "--help"]
        lines += [f"## `{name}`\n", f"```text\n{verb.get_help(context).rstrip()}\n```\n"]
    return "\n".join(lines).rstrip() + "\n"


def python() -> str:
    """Return the page of the public names of `import textsynth as ts`."""
    lines = [NOTE, "# From Python\n", f"{inspect.getdoc(ts)}\n", "## Functions\n"]
    names = [(name, getattr(ts, name)) for name in ts.__all__]
    for name, found in names:
        if inspect.isfunction(found):
            lines += _function(f"ts.{name}", found)
    lines.append("## Classes\n")
    for name, found in names:
        if isinstance(found, type):
            lines.append(f"### `ts.{name}`\n\n{inspect.getdoc(found)}\n")
            if found.__module__.startswith("textsynth.python"):
                lines += [line for one in _members(found) for line in one]
    lines.append(f"## Sections of `ts.make_recipe`\n\n{inspect.getdoc(RecipeSections)}\n")
    lines += [f"- `{name}`: `{_plain(kind)}`" for name, kind in RecipeSections.__annotations__.items()]
    return "\n".join(lines).rstrip() + "\n"


def _members(cls: type) -> Iterator[list[str]]:
    for name, found in vars(cls).items():
        if name.startswith("_"):
            continue
        inner = getattr(found, "fget", None) or getattr(found, "func", None)
        if inner is not None:
            yield [f"- `.{name}` → `{_plain(inspect.get_annotations(inner)['return'])}`: {inspect.getdoc(inner)}\n"]
        elif inspect.isfunction(found):
            yield _function(f".{name}", found)


def _function(name: str, found: object) -> list[str]:
    signature = inspect.signature(found)  # type: ignore[arg-type]
    given = [str(one) for one in signature.parameters.values() if one.name != "self"]
    if "*" not in given and any(one.kind is one.KEYWORD_ONLY for one in signature.parameters.values()):
        first = next(at for at, one in enumerate(p for p in signature.parameters.values() if p.name != "self")
                     if one.kind is one.KEYWORD_ONLY)  # fmt: skip
        given.insert(first, "*")
    told = f"{name}({', '.join(given)}) -> {signature.return_annotation}".replace("'", "")
    return [f"### `{name}`\n", f"```text\n{told}\n```\n", f"{inspect.getdoc(found)}\n"]


def _plain(kind: object) -> str:
    text = kind if isinstance(kind, str) else getattr(kind, "__forward_arg__", str(kind))
    return text.replace("\n", " ")


def _first(cls: type) -> str:
    return (inspect.getdoc(cls) or "").split("\n\n")[0]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


PAGES = {"items": items, "commands": commands, "python": python}


def main() -> None:
    """Write all pages, or print one."""
    if len(sys.argv) > 1:
        sys.stdout.write(PAGES[sys.argv[1]]())
        return
    for name, page in PAGES.items():
        (Path(__file__).parent / "reference" / f"{name}.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
