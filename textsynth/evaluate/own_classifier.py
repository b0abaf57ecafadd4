"""A classifier of the user's own as the third classifier of an evaluation.

It is trained once for each arm and without sample weights: a weight is a number of copies. So its intervals are over
the test rows only, and neither sample weight nor learning curve nor ablation use it. Its predictions are not cached, as
a change in a module that it imports would not be seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from textsynth.core.errors import UsageError, did_you_mean
from textsynth.core.registry import locate_plugin_error
from textsynth.core.text_classifier import TextClassifier, load_text_classifier
from textsynth.evaluate.metrics import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class OwnClassifier:
    """A classifier of the user's own: the name of its file, and a function that returns an untrained one."""

    name: str
    make: Callable[[], TextClassifier]

    def predictions(
        self,
        train: Sequence[tuple[str, ...]],
        targets: IntArray,
        texts: Sequence[tuple[str, ...]],
        labels: Sequence[str],
    ) -> IntArray:
        """Return the label codes of `texts`, (texts,), from a classifier trained on `train` with the codes `targets`.

        Raises UsageError where the classifier raises, or where it does not return one of the labels for each text.
        """
        try:
            classifier = self.make()
            classifier.fit([_unwrapped(text) for text in train], [labels[code] for code in targets])
            predicted = list(classifier.predict([_unwrapped(text) for text in texts]))
        except Exception as error:  # a user's own code may raise anything
            position = locate_plugin_error(error) or f"{type(error).__name__}: {error}"
            raise UsageError(f"{self.name}: the classifier cannot be trained: {position}") from error
        if len(predicted) != len(texts):
            raise UsageError(
                f"{self.name}: predict returned {len(predicted)} labels for {len(texts)} texts; it returns one for each"
            )
        codes = {label: code for code, label in enumerate(labels)}
        for label in predicted:
            if str(label) not in codes:
                raise UsageError(
                    f"{self.name}: predict returned {label!r}, which is not one of the {len(labels)} labels"
                    f"{did_you_mean(str(label), labels)}"
                )
        return np.array([codes[str(label)] for label in predicted], np.int64)


def load_own_classifier(path: Path) -> OwnClassifier:
    """Return the classifier in a file. Raises UsageError where there is no such file or class."""
    if not path.is_file():
        raise UsageError(f"{path}: no such file; a classifier of your own is a Python file with fit and predict")
    return OwnClassifier(path.name, load_text_classifier(f"./{path.name}", path.parent))


def row_copies(weights: FloatArray) -> IntArray:
    """Return how often each row is repeated for its weight, (rows,); in all the sum of the weights, rounded.

    Of a fraction some rows get one copy more than others: those with the largest fractions, ties in a fixed random
    order.
    """
    copies = np.floor(weights).astype(np.int64)
    order = np.random.default_rng(0).permutation(len(weights))
    by_fraction = order[np.argsort(-(weights - copies)[order], kind="stable")]
    copies[by_fraction[: round(float(weights.sum())) - int(copies.sum())]] += 1
    return copies


def _unwrapped(text: tuple[str, ...]) -> str | tuple[str, ...]:
    return text[0] if len(text) == 1 else text
