"""The data of an evaluation: synthetic texts, the real rows they are compared with, and one pool of all rows."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from textsynth.core.errors import UsageError, did_you_mean
from textsynth.core.protocols import SeedTrainedFilter
from textsynth.core.records import DroppedRecord, Provenance, Record
from textsynth.core.task import Task
from textsynth.evaluate.metrics import IntArray

EXAMPLES_SHOWN = 3


@dataclass(frozen=True, slots=True)
class SyntheticSet:
    """The texts of a run or of a file. The texts of a file are all `selected`.

    `selected` and `surplus` passed every filter; `drops` are the texts that a filter dropped, in plan order where it is
    known. `seed_filter` is the recipe's filter that is trained on seeds, with its name in `drops`; None for no such
    filter.
    """

    name: str
    selected: Sequence[Record]
    surplus: Sequence[Record] = ()
    drops: Sequence[DroppedRecord] = ()
    seed_filter: tuple[str, SeedTrainedFilter] | None = None

    @property
    def accepted(self) -> list[Record]:
        """The texts that passed every filter: the selected ones, then the surplus."""
        return [*self.selected, *self.surplus]

    @property
    def raw(self) -> list[Record]:
        """All parsed texts before filtering: accepted, then dropped, each with its intended label."""
        return [*self.accepted, *(drop.record for drop in self.drops)]

    def joined(self, task: Task) -> SyntheticSet:
        """Return the set with the texts of each record as one."""
        return replace(
            self,
            selected=[task.joined(record) for record in self.selected],
            surplus=[task.joined(record) for record in self.surplus],
            drops=[replace(drop, record=task.joined(drop.record)) for drop in self.drops],
        )

    @property
    def has_unselected(self) -> bool:
        """Whether some texts were not selected, so that raw and selected differ."""
        return bool(self.drops or self.surplus)


@dataclass(frozen=True, slots=True)
class RealSets:
    """Real labelled rows.

    `train` are the seeds; nothing is ever fitted on `test`; thresholds are chosen on `dev`; `all_rows` are all real
    rows there are, the training set of the arm `all`.
    """

    test: Sequence[Record]
    train: Sequence[Record] = ()
    dev: Sequence[Record] = ()
    all_rows: Sequence[Record] = ()

    def joined(self, task: Task) -> RealSets:
        """Return the sets with the texts of each row as one."""
        return RealSets(
            *([task.joined(row) for row in rows] for rows in (self.test, self.train, self.dev, self.all_rows))
        )

    def by_name(self) -> Mapping[str, Sequence[Record]]:
        """Return the sets that have rows, by their names train, dev, test and all."""
        sets = {"train": self.train, "dev": self.dev, "test": self.test, "all": self.all_rows}
        return {name: rows for name, rows in sets.items() if rows}


@dataclass(slots=True)
class LabelledPool:
    """All records of an evaluation in one list, so that each text is counted and embedded once.

    Everywhere else a row is an index into this list. `texts` are those that `task` gives for each row. `targets` are
    label codes (rows,), or a 0/1 array (rows, labels) where a text may have several labels.
    """

    labels: Sequence[str]
    multi_label: bool
    task: Task = field(default_factory=Task)
    texts: list[tuple[str, ...]] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    _targets: list[IntArray] = field(default_factory=list)

    def add(self, records: Sequence[Record]) -> IntArray:
        """Add records and return their rows. Raises UsageError for a label that is not one of `labels`."""
        start = len(self.texts)
        self.texts += map(self.task.texts, records)
        self.records += records
        if records:
            self._targets.append(self._encode(records))
        return np.arange(start, len(self.texts))

    @property
    def targets(self) -> IntArray:
        """The targets of all rows."""
        return np.concatenate(self._targets)

    def _encode(self, records: Sequence[Record]) -> IntArray:
        codes = {label: code for code, label in enumerate(self.labels)}
        for record in records:
            for label in record.labels:
                if label not in codes:
                    raise UsageError(
                        f"{record.provenance.step}: the label {label!r} of {record.text[:40]!r} is not one of the "
                        f"{len(codes)} labels{did_you_mean(label, self.labels)}"
                    )
        if not self.multi_label:
            return np.array([codes[record.labels[0]] for record in records])
        targets = np.zeros((len(records), len(codes)), np.int64)
        for row, record in enumerate(records):
            targets[row, [codes[label] for label in record.labels]] = 1
        return targets


def labels_of(*sets: Sequence[Record]) -> list[str]:
    """Return the labels of the records in order of first occurrence."""
    return list(dict.fromkeys(label for records in sets for record in records for label in record.labels))


def first_labels(targets: IntArray) -> IntArray:
    """Return the code of each row's label; for several labels a text that of the first one in the labels' order."""
    return targets if targets.ndim == 1 else targets.argmax(axis=1)


def labelled(records: Sequence[Record]) -> list[Record]:
    """Return the records that have a label."""
    return [record for record in records if record.labels]


def cluster_ids(records: Sequence[Record]) -> list[str]:
    """Return the cluster of each record: its request, shared by the texts of one completion, else its own id."""
    return [record.provenance.request_key or record.id for record in records]


def ids_in_run(seed: Record, sources: Sequence[str]) -> list[str]:
    """Return the ids that a seed may have in a run that read it from one of the named sources."""
    return [seed.id, *(Record(seed.text, Provenance(name, index=seed.provenance.index)).id for name in sources)]


def seed_ancestors(records: Sequence[Record], seeds: Sequence[Record], sources: Sequence[str]) -> list[frozenset[int]]:
    """Return for each record the indices of the seeds that it rewrites or that its prompt showed."""
    index_of = {id_: index for index, seed in enumerate(seeds) for id_ in ids_in_run(seed, sources)}
    return [
        frozenset(
            index_of[id_] for id_ in (*record.provenance.example_ids, *record.provenance.parent_ids) if id_ in index_of
        )
        for record in records
    ]


def seeded_order(keys: Sequence[str], seed: int) -> list[int]:
    """Return the indices of `keys` in a random order that depends only on `seed` and on the keys themselves.

    The first k indices are a sample of k without replacement, and a larger sample contains the smaller ones. The keys
    may come in any order: the same keys are sampled. Equal keys are ranked independently of each other; which of them
    comes first depends on their indices.
    """
    seen: Counter[str] = Counter()
    ranks = []
    for key in keys:
        content = f"{seed}\x1f{seen[key]}\x1f{key}".encode("utf-8", "surrogatepass")
        ranks.append(hashlib.sha256(content).digest())
        seen[key] += 1
    return sorted(range(len(keys)), key=ranks.__getitem__)


def check_sets(synthetic: SyntheticSet, real: RealSets, *, multi_label: bool) -> None:
    """Raise UsageError for sets that cannot be evaluated.

    These are sets without rows where rows are needed, rows without a label, rows with several labels where
    `multi_label` is false, and training sets that share no label with the test rows.
    """
    if not labelled(synthetic.selected):
        raise UsageError(f"{synthetic.name}: no selected text has a label, so that no classifier can learn from it")
    for name, records in {"selected": synthetic.selected, **real.by_name()}.items():
        unlabelled = sum(not record.labels for record in records)
        if unlabelled:
            raise UsageError(
                f"{name}: {unlabelled} of {len(records)} rows have no label; an evaluation needs one for each row "
                "(--label names its column)"
            )
        several = next((record for record in records if len(record.labels) > 1), None)
        if several is not None and not multi_label:
            raise UsageError(
                f"{name}: {several.text[:40]!r} has {len(several.labels)} labels where one a text is expected; "
                "set `multi_label: true` in the recipe"
            )
    if not real.test:
        raise UsageError("test: no rows; an evaluation needs real test rows")
    test_labels = labels_of(real.test)
    for name, records in {"train": real.train, "selected": synthetic.selected}.items():
        labels = labels_of(records)
        if labels and not set(labels) & set(test_labels):
            raise UsageError(
                f"test: none of its labels is one of {name}'s; test has {_examples(test_labels)}, {name} has "
                f"{_examples(labels)}"
            )


def data_notes(synthetic: SyntheticSet, real: RealSets, labels: Sequence[str]) -> list[str]:
    """Return notes on the sets: no seeds, nothing filtered, labels without a text."""
    notes = []
    if not real.train:
        notes.append("no real seeds were given, so that only the synthetic texts themselves were scored")
    if not synthetic.has_unselected:
        notes.append("no text was dropped or left unselected, so that raw and selected are the same")
    for name, records in {"train": real.train, "test": real.test, "selected": synthetic.selected}.items():
        absent = [label for label in labels if not any(label in record.labels for record in records)]
        if records and absent:
            notes.append(f"{name} has no text of {len(absent)} of {len(labels)} labels: {_examples(absent)}")
    return notes


def _examples(labels: Sequence[str]) -> str:
    return ", ".join(labels[:EXAMPLES_SHOWN]) + (", …" if len(labels) > EXAMPLES_SHOWN else "")
