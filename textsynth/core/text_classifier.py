"""A classifier of the user's own, in a file: what it must have, and how it is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from textsynth.core.errors import UsageError
from textsynth.core.registry import class_name, load_plugin


class TextClassifier(Protocol):
    """A classifier that is trained on texts with one label each.

    A text is a string; where a record has several texts, it is a tuple of them.
    """

    def fit(self, texts: Sequence[Any], labels: Sequence[str]) -> object:
        """Train the classifier on n texts and their labels; the result is not used."""
        ...

    def predict(self, texts: Sequence[Any]) -> Sequence[str]:
        """Return one of the labels of `fit` for each of n texts, in their order."""
        ...


def load_text_classifier(name: str, folder: Path) -> type[TextClassifier]:
    """Return the class of a classifier: `./mine.py` has the class `Mine`, with the methods fit and predict.

    Raises UsageError where there is no such file or class.
    """
    expected = class_name(Path(name).stem)
    found = getattr(load_plugin(name, folder), expected, None)
    missing = [method for method in ("fit", "predict") if not callable(getattr(found, method, None))]
    if not isinstance(found, type) or missing:
        lacking = "" if not isinstance(found, type) else f"; it has no {' and no '.join(missing)}"
        raise UsageError(
            f"{name!r} defines no class {expected!r} with the methods fit(texts, labels) and predict(texts){lacking}"
        )
    return found


def classifier_issues(name: str, folder: Path, *, multi_label: bool) -> Iterator[str]:
    """Yield a sentence for each reason why the classifier in a file cannot be used in a recipe."""
    try:
        load_text_classifier(name, folder)
    except UsageError as error:
        yield str(error)
    if multi_label:
        yield f"{name!r}: a classifier of your own predicts one label a text: take it out, or multi_label: true"
