"""What never leaves with a data set: places of this machine, and keys.

Places are absolute paths in the recipe, its `--set` options and the manifest; each becomes its last part. Keys are
looked for by their form and among the values of the environment's own secrets: one found stops the push.

Does not catch: a name, an address or a key of another form written into the recipe's own words.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from textsynth.core.errors import UsageError
from textsynth.store.manifest import Manifest

_END = r"""\s"'<>|,;()\[\]{}"""
_PLACE = re.compile(rf"""(?:(?<=[\s"'(=@,\[{{])|^)(?:/[^/{_END}]+){{2,}}/?|\b[A-Za-z]:\\[^{_END}]+""", re.MULTILINE)
_KEY = re.compile(r"\bhf_[A-Za-z0-9]{30,}\b|\bsk-[A-Za-z0-9_-]{20,}\b|\bghp_[A-Za-z0-9]{30,}\b|\bAKIA[A-Z0-9]{16}\b")
_SECRET_NAME = re.compile(r"(TOKEN|SECRET|PASSWORD|API_?KEY)$")
SHORTEST_KEY = 12


@dataclass(frozen=True, slots=True)
class Redactor:
    """The places that a run's texts name, each with what stands for it."""

    places: Mapping[str, str]

    @classmethod
    def of(cls, recipe: str, manifest: Manifest) -> Redactor:
        """Return the places named by a recipe and a manifest."""
        told = [recipe, *_strings({**manifest, "recipe": {**manifest["recipe"], "path": "", "text": ""}})]
        found = {place for text in told for place in _PLACE.findall(text)}
        return cls({place: _last(place) for place in sorted(found, key=lambda one: (-len(one), one))})

    def out_of(self, text: str) -> str:
        """Return a text without the places."""
        for place, name in self.places.items():
            text = text.replace(place, name)
        return text

    def out_of_card(self, text: str) -> str:
        """Return a card without the places, also where they are escaped as Markdown."""
        for place, name in self.places.items():
            escaped = re.sub(r"([\\`*_{}\[\]()#+!|~$-])", r"\\\1", place)
            text = text.replace(place, name).replace(escaped, name)
        return text

    def out_of_json(self, told: Any) -> Any:  # noqa: ANN401
        """Return JSON without the places in any of its strings."""
        if isinstance(told, str):
            return self.out_of(told)
        if isinstance(told, dict):
            return {name: self.out_of_json(one) for name, one in told.items()}
        return [self.out_of_json(one) for one in told] if isinstance(told, list) else told


def refuse_keys(texts: Mapping[str, str]) -> None:
    """Raise UsageError, which does not repeat the key, if one of the texts by name holds a key."""
    secrets = {
        value: name
        for name, value in os.environ.items()
        if _SECRET_NAME.search(name.upper()) and len(value) >= SHORTEST_KEY
    }
    for name, text in texts.items():
        found = next((variable for value, variable in secrets.items() if value in text), None)
        if found is None and _KEY.search(text):
            found = "a key"
        if found is not None:
            raise UsageError(
                f"{name}: holds {'the value of ' if found != 'a key' else ''}{found}, so nothing is pushed; keys come "
                "from the environment (api_key_env: NAME): take it out of the recipe, and run again"
            )


def _strings(told: Any) -> Iterator[str]:  # noqa: ANN401
    if isinstance(told, str):
        yield told
    elif isinstance(told, Mapping):
        yield from (text for one in told.values() for text in _strings(one))
    elif isinstance(told, list):
        yield from (text for one in told for text in _strings(one))


def _last(place: str) -> str:
    return PureWindowsPath(place).name if ":\\" in place else PurePosixPath(place).name
