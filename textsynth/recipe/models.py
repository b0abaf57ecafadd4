"""`models`: names to engines, where one name may stand for another (`judge: generator`)."""

from __future__ import annotations

from textsynth.core.errors import nearest
from textsynth.core.protocols import item_class, item_names
from textsynth.models import ModelOptions
from textsynth.recipe.items import Reader
from textsynth.recipe.nodes import Map, Scalar


def read_models(node: Map, reader: Reader) -> dict[str, ModelOptions]:
    """Return the models that can be read, by name, in the recipe's order; aliases share one value."""
    engines: dict[str, ModelOptions] = {}
    for name, value in node.entries.items():
        if _alias(node, name) is None and _is_known(node, name, reader):
            written = reader.item("models", value, name=name, mark=node.marks[name])
            if written is not None and isinstance(written.step, ModelOptions):
                engines[name] = written.step
    ends = {name: _end(node, name, reader) for name in node.entries}
    return {name: engines[end] for name, end in ends.items() if end in engines}


def _alias(node: Map, name: str) -> str | None:
    """Return the other name that `name` stands for, or None where it is an engine of its own."""
    value = node.entries[name]
    if not isinstance(value, Scalar) or not isinstance(value.value, str) or value.noted:
        return None
    if value.text == name and item_class("models", name) is not None:
        return None
    return value.text if value.text in node.entries else None


def _end(node: Map, name: str, reader: Reader) -> str | None:
    chain = [name]
    while (after := _alias(node, chain[-1])) is not None:
        if after in chain:
            _note_circle(node, chain[chain.index(after) :], reader)
            return None
        chain.append(after)
    return chain[-1]


def _note_circle(node: Map, circle: list[str], reader: Reader) -> None:
    """Tell of a circle once, wherever one comes into it: from the name that the recipe has first."""
    first = next(name for name in node.entries if name in circle)
    turn = circle.index(first)
    told = " → ".join([*circle[turn:], *circle[:turn], first])
    reader.mistakes.note(node.marks[first], f"models.{first} stands for itself: {told}")


def _is_known(node: Map, name: str, reader: Reader) -> bool:
    value = node.entries[name]
    if not isinstance(value, Scalar) or not isinstance(value.value, str) or value.noted:
        return True
    if value.text.startswith("./") or (value.text.isidentifier() and item_class("models", value.text) is not None):
        return True
    others = [*(other for other in node.entries if other != name), *item_names("models")]
    reader.mistakes.note(
        node.marks[name], f"models.{name}: no model and no item is called {value.text!r}{nearest(value.text, others)}"
    )
    return False
