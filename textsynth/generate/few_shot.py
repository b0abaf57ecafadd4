"""The seed examples that prompts show: those of the label or label set, and some of other labels for contrast.

Each prompt shows seeds of one fold only; the folds alternate.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from textsynth.core.records import Record
from textsynth.core.seed_folds import FOLDS, assign_folds
from textsynth.generate.label_sets import LabelSet, seed_text

EXAMPLES_PER_CONTRAST_LABEL = 2


@dataclass(frozen=True, slots=True)
class FewShot:
    """A sample of the seeds of one label set and fold, which the prompts of several requests show.

    `examples` are those of the set, `contrast` are other labels with theirs; `ids` are the ids of all of these seeds.
    """

    sample: int
    ids: tuple[str, ...]
    examples: list[object]
    contrast: list[dict[str, object]]


class FewShotSamples:
    """Samples of seeds. `example` returns what a prompt shows of a seed; `seed` begins the seeds of all samples.

    `shots` is the number of examples of the labels, `contrast_labels` that of other labels. With `several_labels` a
    seed may have several.
    """

    def __init__(
        self,
        seeds: Sequence[Record],
        labels: Mapping[str, str],
        *,
        shots: int,
        contrast_labels: int,
        several_labels: bool,
        example: Callable[[Record], object],
        seed: str,
    ) -> None:
        self._labels = labels
        self._shots = shots
        self._contrast_labels = contrast_labels
        self._several_labels = several_labels
        self._example = example
        self._seed = seed
        self._folds = assign_folds(seeds)
        self._seeds: dict[tuple[str, int], list[Record]] = {}
        for record in seeds:
            for label in record.labels:
                self._seeds.setdefault((label, self._folds[record.id]), []).append(record)
        self._groups: dict[tuple[LabelSet, int], tuple[list[Record], ...]] = {}
        self._folds_with_seeds: dict[LabelSet, list[int]] = {}
        self._labels_with_seeds = [[label for label in labels if (label, fold) in self._seeds] for fold in range(FOLDS)]
        self._samples: dict[tuple[LabelSet, int], FewShot] = {}

    def fold_of(self, seed_id: str) -> int:
        """Return the fold of a seed."""
        return self._folds.get(seed_id, 0)

    def next_fold(self, labels: LabelSet, number: int) -> int:
        """Return the fold whose seeds request `number` of a label set shows: the folds alternate."""
        folds = self._folds_with_seeds.get(labels)
        if folds is None:
            folds = self._folds_with_seeds[labels] = self._find_folds(labels) if self._shots else []
        return folds[number % len(folds)] if folds else number % FOLDS

    def _find_folds(self, labels: LabelSet) -> list[int]:
        """Return the folds with seeds of exactly these labels, else those with seeds of some of them."""
        groups = {fold: self._example_groups(labels, fold) for fold in range(FOLDS)}
        exact = [fold for fold, (seeds, *_) in groups.items() if seeds]
        return exact or [fold for fold, seeds in groups.items() if any(seeds)]

    def _example_groups(self, labels: LabelSet, fold: int) -> tuple[list[Record], ...]:
        """Return the seeds of a fold that may be shown for a label set, the best group first.

        These are the seeds with exactly these labels, those with some of them and no other, and those with further
        labels. Where a text has one label there is one group.
        """
        if not self._several_labels:
            return (self._seeds.get(("".join(labels), fold), []),)
        key = (labels, fold)
        if key not in self._groups:
            wanted = set(labels)
            seeds = {seed.id: seed for label in labels for seed in self._seeds.get((label, fold), [])}.values()
            self._groups[key] = (
                [seed for seed in seeds if set(seed.labels) == wanted],
                [seed for seed in seeds if set(seed.labels) < wanted],
                [seed for seed in seeds if not set(seed.labels) <= wanted],
            )
        return self._groups[key]

    def sample(self, labels: LabelSet, number: int, fold: int) -> FewShot:
        """Return sample number `number` of the examples of a label set and fold; it is drawn once."""
        cached = self._samples.get((labels, fold))
        if cached is not None and cached.sample == number:
            return cached
        rng = random.Random(f"{self._seed}:{seed_text(labels)}:{number}")
        examples: list[Record] = []
        for seeds in self._example_groups(labels, fold):
            examples += rng.sample(seeds, min(self._shots - len(examples), len(seeds)))
        contrast, contrast_seeds = self._sample_contrast(labels, fold, rng)
        ids = tuple(record.id for record in (*examples, *contrast_seeds))
        few_shot = FewShot(number, ids, [self._example(record) for record in examples], contrast)
        self._samples[labels, fold] = few_shot
        return few_shot

    def _sample_contrast(
        self, labels: LabelSet, fold: int, rng: random.Random
    ) -> tuple[list[dict[str, object]], list[Record]]:
        """Return other labels with seeds of this fold that have none of `labels`, and these seeds."""
        contrast: list[dict[str, object]] = []
        shown: list[Record] = []
        if not self._contrast_labels:
            return contrast, shown
        candidates = [name for name in self._labels_with_seeds[fold] if name not in labels]
        if self._several_labels:
            candidates = [name for name in candidates if self._seeds_without(labels, name, fold)]
        for name in rng.sample(candidates, min(self._contrast_labels, len(candidates))):
            seeds = self._seeds_without(labels, name, fold)
            examples = rng.sample(seeds, min(EXAMPLES_PER_CONTRAST_LABEL, len(seeds)))
            shown += examples
            values = [self._example(record) for record in examples]
            contrast.append({"label": name, "description": self._labels[name], "examples": values})
        return contrast, shown

    def _seeds_without(self, labels: LabelSet, name: str, fold: int) -> list[Record]:
        """Return the seeds of a fold with the label `name` that have none of `labels`."""
        seeds = self._seeds[name, fold]
        return [seed for seed in seeds if not {*seed.labels} & {*labels}] if self._several_labels else seeds
