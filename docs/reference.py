"""Writes the reference pages from the code.

    python docs/reference.py [items|commands|python]

Without a name, all pages are written into `reference/`; with one, that page is printed.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import click

import textsynth as ts
from textsynth.cli import command_group
from textsynth.core.field_types import describe_type, field_type, fields_of
from textsynth.recipe.builder import RecipeSections
from textsynth.recipe.component_docs import (
    DESCRIPTIONS,
    SETTINGS,
    ComponentDoc,
    FieldDoc,
    describe_components,
)
from textsynth.recipe.settings import LabelSetting, Settings

NOTE = "<!-- Written by docs/reference.py from the code; change it there. -->\n"
API_PACKAGE = "textsynth.api"


def items() -> str:
    """Return the page of the components of every section, as `textsynth steps` describes them."""
    lines = [
        NOTE,
        "# Recipe reference\n",
        "The top-level settings, the plain sections, and the components of every other section with their options. "
        "`textsynth steps NAME` prints the same for one component, `textsynth schema` the JSON schema of a recipe.\n",
        "## Settings\n",
        *_settings_table(Settings),
        *_plain_sections(),
    ]
    section = ""
    for doc in describe_components():
        if doc.section != section:
            section = doc.section
            lines.append(f"## `{section}`\n")
        lines += _component(doc)
    return "\n".join(lines).rstrip() + "\n"


def _plain_sections() -> Iterator[str]:
    for name in (*DESCRIPTIONS, *SETTINGS):
        (doc,) = describe_components(name)
        yield f"## `{name}`\n\n{doc.about}\n"
        if name == "labels":
            yield from _settings_table(LabelSetting)
        yield from _fields_table(doc.fields)


def _settings_table(cls: type[Settings] | type[LabelSetting]) -> list[str]:
    rows = [
        f"| `{name}` | {_cell(describe_type(field_type(field)))} | {_cell(field.description or '')} |"
        for name, field in fields_of(cls).items()
    ]
    return ["| option | type | meaning |\n|---|---|---|", *rows, ""]


def _component(doc: ComponentDoc) -> Iterator[str]:
    yield f"### `{doc.name}`\n\n{doc.about}\n"
    yield from _fields_table(doc.fields)
    if doc.not_covered:
        yield f"{doc.not_covered}\n"


def _fields_table(fields: tuple[FieldDoc, ...]) -> Iterator[str]:
    if not fields:
        return
    yield "| option | type | default | meaning |\n|---|---|---|---|"
    for field in fields:
        default = "required" if field.default is None else f"`{_cell(field.default)}`"
        yield f"| `{field.name}` | {_cell(field.takes)} | {default} | {_cell(field.description)} |"
    yield ""


def commands() -> str:
    """Return the page of every command, as `textsynth COMMAND --help` prints it."""
    lines = [NOTE, "# Command-line reference\n", "The output of `textsynth COMMAND --help` for every command.\n"]
    for name, command in command_group.commands.items():
        context = click.Context(command, info_name=f"textsynth {name}", terminal_width=78, max_content_width=78)
        context.help_option_names = ["-h", "--help"]
        lines += [f"## `{name}`\n", f"```text\n{command.get_help(context).rstrip()}\n```\n"]
    return "\n".join(lines).rstrip() + "\n"


def python() -> str:
    """Return the page of the public names of `import textsynth as ts`."""
    lines = [NOTE, "# Python reference\n", f"{inspect.getdoc(ts)}\n", "## Functions\n"]
    public = [(name, getattr(ts, name)) for name in ts.__all__]
    for name, value in public:
        if inspect.isfunction(value):
            lines += _function(f"ts.{name}", value)
    lines.append("## Classes\n")
    for name, value in public:
        if isinstance(value, type):
            lines.append(f"### `ts.{name}`\n\n{inspect.getdoc(value)}\n")
            if value.__module__.startswith(API_PACKAGE):
                lines += [line for member in _members(value) for line in member]
    lines.append(f"## Sections of `ts.make_recipe`\n\n{inspect.getdoc(RecipeSections)}\n")
    lines += [f"- `{name}`: `{_plain(kind)}`" for name, kind in RecipeSections.__annotations__.items()]
    return "\n".join(lines).rstrip() + "\n"


def _members(cls: type) -> Iterator[list[str]]:
    for name, value in vars(cls).items():
        if name.startswith("_"):
            continue
        getter = getattr(value, "fget", None) or getattr(value, "func", None)
        if getter is not None:
            kind = _plain(inspect.get_annotations(getter)["return"])
            yield [f"- `.{name}` → `{kind}`: {inspect.getdoc(getter)}\n"]
        elif inspect.isfunction(value):
            yield _function(f".{name}", value)


def _function(name: str, function: object) -> list[str]:
    signature = inspect.signature(function)  # type: ignore[arg-type]
    parameters = [parameter for parameter in signature.parameters.values() if parameter.name != "self"]
    words = [str(parameter) for parameter in parameters]
    first_keyword = next((index for index, entry in enumerate(parameters) if entry.kind is entry.KEYWORD_ONLY), None)
    if first_keyword is not None:
        words.insert(first_keyword, "*")
    line = f"{name}({', '.join(words)}) -> {signature.return_annotation}".replace("'", "")
    return [f"### `{name}`\n", f"```text\n{line}\n```\n", f"{inspect.getdoc(function)}\n"]


def _plain(kind: object) -> str:
    text = kind if isinstance(kind, str) else getattr(kind, "__forward_arg__", str(kind))
    return " ".join(text.split()).replace("[ ", "[").replace(" ]", "]")


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
