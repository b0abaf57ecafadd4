"""Selects the texts of each label from which a classifier learns most, of those whose labels were verified.

First, classifiers of the seeds and the other accepted texts look for labels that are probably wrong (confident
learning); texts with such labels are selected last, the most probable ones first. Then texts are selected in rounds: by
classifiers trained on the seeds and what was selected so far, those come first that are near the border to another
label and that lower the loss on the other accepted texts most. `similarity/loss_reduction.py` has the method
(Killamsetty et al. 2021) and `eval/research_log.md` what else was tried.

The margin of a text is the difference between the probability of its label and the highest probability of another one.
A small margin alone is a sign of a useful text only where the label is right: of unverified texts it selects the wrong
ones first. So without a labeller in the recipe it selects as `diverse` does, and says so. It needs texts to select
from: `oversample` is 3.

Does not catch: wrong labels that the labellers let pass and that most accepted texts of the label share.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from typing import ClassVar

from pydantic import Field

from textsynth.core.errors import require_extra
from textsynth.core.options import SourceName
from textsynth.core.protocols import Context, Selector
from textsynth.core.records import Record
from textsynth.select.diverse import Diverse
from textsynth.similarity.embedder import require_embeddings
from textsynth.text.normalize import normal_form


class Margin(Selector):
    """Selects verified texts that are near the border between labels and teach a classifier about the others."""

    oversample: ClassVar[float] = 3.0

    source: SourceName = Field(default="seeds", description="the labelled seeds that the classifiers start from")

    def check_dependencies(self) -> None:
        """Raise MissingExtra where the packages for embeddings or the classifiers are not installed."""
        require_embeddings("the selector margin")
        require_extra("embed", "sklearn", "scipy", why="the selector margin")

    def selection_notes(self, context: Context) -> list[str]:
        """Return why texts are selected as `diverse` selects them, where that is so."""
        reason = self._obstacle(context)
        return [] if reason is None else [f"selects as diverse does: {reason}"]

    def select(self, records: Sequence[Record], quota: Mapping[str, int], context: Context) -> list[str]:
        """Return the selected ids in the order of `records`. Of a label within its quota all texts are selected."""
        by_label: dict[str, list[int]] = {}
        for index, record in enumerate(records):
            by_label.setdefault(record.label or "", []).append(index)
        large = {label for label, rows in by_label.items() if len(rows) > quota.get(label, 0) > 0}
        if not large or self._obstacle(context) is not None:
            return Diverse().select(records, quota, context)
        selected = {index for label, rows in by_label.items() if label not in large for index in rows}
        selected = {index for index in selected if quota.get(records[index].label or "", 0) > 0}
        selected |= self._select_of(large, records, quota, context, sorted(selected))
        return [record.id for index, record in enumerate(records) if index in selected]

    def _select_of(
        self,
        labels: Set[str],
        records: Sequence[Record],
        quota: Mapping[str, int],
        context: Context,
        selected: Sequence[int],
    ) -> set[int]:
        """Return the indices of the selected records of `labels`; the `selected` ones of other labels are certain."""
        import numpy as np

        from textsynth.similarity.confident_learning import find_errors
        from textsynth.similarity.loss_reduction import TextPool, cross_fitted, select_by_gain

        seeds = [seed for seed in context.sources[self.source] if seed.label is not None]
        names = {row.label or "": None for row in (*seeds, *records)}
        codes = {name: code for code, name in enumerate(sorted(names))}
        texts = [row.text for row in (*records, *seeds)]
        targets = np.array([codes[row.label or ""] for row in (*records, *seeds)], np.int64)
        pool = TextPool(texts, context.embed(texts), targets, len(codes))
        candidates = np.arange(len(records))
        known = np.arange(len(records), len(texts))
        probabilities = cross_fitted(pool, known, candidates, list(map(_group, records)), context.seed)
        label_errors = find_errors(probabilities, targets[candidates])
        trusted = candidates[~label_errors.errors]
        limits = {codes[label]: quota[label] for label in sorted(labels)}
        open_rows = trusted[np.isin(targets[trusted], list(limits))]
        known = np.concatenate([known, np.array(selected, np.int64)])
        result = set(select_by_gain(pool, known, open_rows, limits, trusted))
        counts = Counter(int(targets[row]) for row in result)
        for row in np.argsort(-label_errors.quality, kind="stable").tolist():
            code = int(targets[row])
            if row not in result and counts[code] < limits.get(code, 0):
                result.add(row)
                counts[code] += 1
        return result

    def _obstacle(self, context: Context) -> str | None:
        """Return why margins cannot be used, as a sentence without its end; None where they can."""
        if context.multi_label:
            return "texts may have several labels"
        if not context.labellers:
            return (
                "no labeller has verified the labels, and of unverified texts those with a small margin are often wrong"
                "; add a labeller such as choice to `label`"
            )
        if len({seed.label for seed in context.sources[self.source] if seed.label is not None}) < 2:
            return f"the source {self.source} has labelled rows of fewer than two labels"
        return None


def _group(record: Record) -> object:
    """Return what texts have in common that no classifier may judge by each other: a parent, else the normal form."""
    parents = record.provenance.parent_ids
    return parents[0] if parents else normal_form(record.text)
