"""What is evaluated and on what: a run's texts, raw and selected, and the real rows they are held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from textsynth.core.errors import UsageError, did_you_mean
from textsynth.core.records import DroppedRecord, Provenance, Record
from textsynth.filter.agreement import Agreement

Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SyntheticSet:
    """A run's texts, or a file's: `raw` is everything that was parsed, before any check; a file's rows are selected.

    `accepted` passed every check, `selected` were picked of them; `drops` are the others, in plan order where known.
    `agreement` is the recipe's own filter, by its item's name in `drops`.
    """

    name: str
    selected: Sequence[Record]
    spare: Sequence[Record] = ()
    drops: Sequence[DroppedRecord] = ()
    agreement: tuple[str, Agreement] | None = None

    @property
    def accepted(self) -> list[Record]:
        """What passed every check: the selected and the spare."""
        return [*self.selected, *self.spare]

    @property
    def raw(self) -> list[Record]:
        """Everything that was parsed: accepted and dropped, with its intended label."""
        return [*self.accepted, *(drop.record for drop in self.drops)]

    @property
    def checked(self) -> bool:
        """Whether some text was left out, so that raw and selected differ."""
        return bool(self.drops or self.spare)


@dataclass(frozen=True, slots=True)
class RealSets:
    """Real labelled rows: `train` are the seeds, `test` is never fitted on, `dev` sets thresholds, `whole` is all."""

    test: Sequence[Record]
    train: Sequence[Record] = ()
    dev: Sequence[Record] = ()
    whole: Sequence[Record] = ()

    def named(self) -> Mapping[str, Sequence[Record]]:
        """Return the sets that have rows, by name."""
        found = {"train": self.train, "dev": self.dev, "test": self.test, "all": self.whole}
        return {name: rows for name, rows in found.items() if rows}


@dataclass(slots=True)
class LabelledPool:
    """All texts of an evaluation in one list, so that each is counted and embedded once; rows are places in it.

    `targets` are codes (rows,), or for several labels a text a 0/1 array (rows, labels).
    """

    labels: Sequence[str]
    multi_label: bool
    texts: list[str] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    _targets: list[Codes] = field(default_factory=list)

    def add(self, records: Sequence[Record]) -> Codes:
        """Add records and return their rows. Raises UsageError for a label that is not in the list."""
        start = len(self.texts)
        self.texts += [record.text for record in records]
        self.records += records
        if records:
            self._targets.append(self._coded(records))
        return np.arange(start, len(self.texts))

    @property
    def targets(self) -> Codes:
        """The targets of all rows."""
        return np.concatenate(self._targets)

    def _coded(self, records: Sequence[Record]) -> Codes:
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
        found = np.zeros((len(records), len(codes)), np.int64)
        for place, record in enumerate(records):
            found[place, [codes[label] for label in record.labels]] = 1
        return found


def labels_of(*sets: Sequence[Record]) -> list[str]:
    """Return the labels of the rows in the order in which they first come."""
    return list(dict.fromkeys(label for rows in sets for record in rows for label in record.labels))


def first_labels(targets: Codes) -> Codes:
    """Return the code of each row's label, with several labels a text that of its first in their order."""
    return targets if targets.ndim == 1 else targets.argmax(axis=1)


def labelled(records: Sequence[Record]) -> list[Record]:
    """Return the records that have a label."""
    return [record for record in records if record.labels]


def clusters_of(records: Sequence[Record]) -> list[str]:
    """Return a name for each record's cluster: the texts of one answer, or the record alone."""
    return [record.provenance.request_key or record.id for record in records]


def ids_of(seed: Record, sources: Sequence[str]) -> list[str]:
    """Return the ids a seed may have in a run where it stood in a source of one of the names `sources`."""
    return [seed.id, *(Record(seed.text, Provenance(name, index=seed.provenance.index)).id for name in sources)]


def seed_ancestors(records: Sequence[Record], seeds: Sequence[Record], sources: Sequence[str]) -> list[frozenset[int]]:
    """Return for each record the places of the seeds that it rewrites or whose prompt showed them."""
    place_of = {one: place for place, seed in enumerate(seeds) for one in ids_of(seed, sources)}
    return [
        frozenset(
            place_of[one] for one in (*record.provenance.example_ids, *record.provenance.parent_ids) if one in place_of
        )
        for record in records
    ]


def check_sets(synthetic: SyntheticSet, real: RealSets, *, multi_label: bool) -> None:
    """Raise UsageError where sets cannot be used.

    A set is empty, has rows without labels, has several labels a row against `many`, or has no label of the test rows.
    """
    if not labelled(synthetic.selected):
        raise UsageError(f"{synthetic.name}: no selected text has a label, so that no classifier can learn from it")
    for name, rows in {"selected": synthetic.selected, **real.named()}.items():
        bare = sum(not row.labels for row in rows)
        if bare:
            raise UsageError(
                f"{name}: {bare} of {len(rows)} rows have no label; an evaluation needs one for each row "
                "(--label names its column)"
            )
        several = next((row for row in rows if len(row.labels) > 1), None)
        if several is not None and not multi_label:
            raise UsageError(
                f"{name}: {several.text[:40]!r} has {len(several.labels)} labels; say --many (`multi_label: true`)"
            )
    if not real.test:
        raise UsageError("test: no rows; an evaluation needs real test rows")
    asked = labels_of(real.test)
    for name, rows in {"train": real.train, "selected": synthetic.selected}.items():
        learnt = labels_of(rows)
        if learnt and not set(learnt) & set(asked):
            raise UsageError(
                f"test: none of its labels is one of {name}'s; test has {_some(asked)}, {name} has {_some(learnt)}"
            )


def data_notes(synthetic: SyntheticSet, real: RealSets, labels: Sequence[str]) -> list[str]:
    """Return what a reader must know of the sets: no seeds, nothing dropped, labels without a text."""
    notes = []
    if not real.train:
        notes.append("no real seeds were given, so that only the synthetic texts themselves were scored")
    if not synthetic.checked:
        notes.append("nothing was dropped before, so that raw and selected are the same")
    for name, rows in {"train": real.train, "test": real.test, "selected": synthetic.selected}.items():
        absent = [label for label in labels if not any(label in row.labels for row in rows)]
        if rows and absent:
            notes.append(f"{name} has no text of {len(absent)} of {len(labels)} labels: {_some(absent)}")
    return notes


def _some(labels: Sequence[str]) -> str:
    return ", ".join(labels[:3]) + (", …" if len(labels) > 3 else "")
