"""Names of labels: one Unicode form, and how two names differ that look alike."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable


def one_form(name: str) -> str:
    """Return the name in the Unicode form NFC, in which `é` is one character; names are compared in this form."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def similar_label(name: str, allowed: Iterable[str]) -> tuple[str, str] | None:
    """Return the allowed label that differs from `name` only in case, white space, `_` or `-`, and the difference."""
    candidates = {_folded(label): label for label in allowed}
    label = candidates.get(_folded(name))
    if label is None or label == name:
        return None
    if label == name.strip():
        return label, "a space at its start or end"
    if label.casefold() == name.casefold():
        return label, "upper and lower case"
    if label.casefold() == name.strip().casefold():
        return label, "case, and a space at its start or end"
    return label, "spaces, hyphens or underscores"


def _folded(name: str) -> str:
    return "".join(
        char for char in unicodedata.normalize("NFKC", name).casefold() if not char.isspace() and char not in "_-"
    )
