"""Names of labels: one Unicode form, and how two names differ that look alike."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable

from textsynth.core.formatting import JOINERS

QUOTED_LENGTH = 60
_NO_JOINERS = dict.fromkeys(map(ord, JOINERS))


def one_form(name: str) -> str:
    """Return the name in the Unicode form NFC, in which `é` is one character; names are compared in this form."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def label_name_fault(name: str) -> str | None:
    """Return why this cannot be the name of a label, None where it can.

    The joiners of words and emoji (`👩‍🚀`, Persian and Hindi words) may be in a name, other invisible characters not.
    """
    if not name.strip() or name != name.strip():
        return f"a label's name is one line without spaces at its ends, found {name[:QUOTED_LENGTH]!r}"
    if not name.translate(_NO_JOINERS).isprintable() or name[0] in JOINERS or name[-1] in JOINERS:
        return f"a label's name is one line of visible characters, found {name[:QUOTED_LENGTH]!r}"
    return None


def similar_label(name: str, allowed: Iterable[str]) -> tuple[str, str] | None:
    """Return the allowed label that differs from `name` only in how it is written, and the difference.

    Compared without case, white space, invisible characters, `_` and `-`, and in the Unicode form NFKC.
    """
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
    if _visible(label) == _visible(name):
        return label, "invisible characters or kinds of spaces"
    if unicodedata.normalize("NFKC", label) == unicodedata.normalize("NFKC", name):
        return label, "the Unicode form of its characters"
    return label, "spaces, hyphens or underscores"


def escaped(name: str) -> str:
    """Return the name in double quotes, as YAML and JSON read it, with a code for each invisible character."""
    quoted = json.dumps(name, ensure_ascii=False)
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in quoted)


def _visible(name: str) -> str:
    return "".join(" " if char.isspace() else char for char in name if not _is_invisible(char)).strip()


def _is_invisible(char: str) -> bool:
    return unicodedata.category(char) in {"Cf", "Cc"} and not char.isspace()


def _folded(name: str) -> str:
    return "".join(
        char
        for char in unicodedata.normalize("NFKC", name).casefold()
        if not char.isspace() and char not in "_-" and not _is_invisible(char)
    )
