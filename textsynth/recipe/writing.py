"""A tree as the text of a recipe file, which reads as the same tree."""

from __future__ import annotations

from decimal import Decimal

import yaml

from textsynth.recipe.environment import plain
from textsynth.recipe.nodes import Map
from textsynth.recipe.scalars import resolve

WIDTH = 110


def as_yaml(tree: Map) -> str:
    """Return the tree as YAML: sections in their order, short lists and maps in one line, traps in quotes."""
    return yaml.dump(
        plain(tree), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH, default_flow_style=None
    )


class _Dumper(yaml.SafeDumper):
    """Quotes what YAML readers disagree about, writes every number without an exponent, and knows no aliases."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    found = resolve(text)
    style = "|" if "\n" in text else None if found.value == text and found.trap is None and text else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _number(dumper: yaml.SafeDumper, number: float) -> yaml.ScalarNode:
    text = repr(number)
    plain = text if "e" not in text else f"{Decimal(text):f}"
    return dumper.represent_scalar("tag:yaml.org,2002:float", plain if "." in plain else f"{plain}.0")


_Dumper.add_representer(str, _text)
_Dumper.add_representer(float, _number)
