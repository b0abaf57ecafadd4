"""The shape of a data set: its features and how many rows each split has, of files here and of those on the Hub."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textsynth.core.formatting import pluralize

if TYPE_CHECKING:
    import datasets
    import pyarrow.parquet as pq

SHOWN = 5


@dataclass(frozen=True, slots=True)
class DatasetSchema:
    """What a config holds: its features in column order, and rows by split."""

    features: datasets.Features
    splits: Mapping[str, int]

    @property
    def rows(self) -> int:
        """Rows of all splits."""
        return sum(self.splits.values())


def read_schema(files: Iterable[tuple[str, pq.ParquetFile]]) -> DatasetSchema | None:
    """Return the shape of parquet files by split, None where there are none; the first file gives the features."""
    from datasets import Features

    features, splits = None, dict[str, int]()
    for split, file in files:
        features = features or Features.from_arrow_schema(file.schema_arrow)
        splits[split] = splits.get(split, 0) + file.metadata.num_rows
    return None if features is None else DatasetSchema(features, splits)


def split_of(path: str) -> str:
    """Return the split that a file belongs to by its name: `data/train-00000-of-00001.parquet` is of `train`."""
    return path.rsplit("/", 1)[-1].split("-")[0].removesuffix(".parquet")


def schema_changes(new: DatasetSchema, old: DatasetSchema) -> list[str]:
    """Say what a user of the old data set would trip over in the new one, in phrases; [] where nothing."""
    told = [f"the column {name!r} is gone" for name in old.features if name not in new.features]
    told += [f"the column {name!r} is new" for name in new.features if name not in old.features]
    for name, feature in new.features.items():
        if name in old.features and feature != old.features[name]:
            told.append(_changed(name, feature, old.features[name]))
    told += [f"the split {name!r} is gone" for name in old.splits if name not in new.splits]
    if new.rows < old.rows:
        told.append(f"it has {pluralize(new.rows, 'text')} where there are {old.rows:,}")
    return told


def _changed(name: str, new: object, old: object) -> str:
    names, before = _label_names(new), _label_names(old)
    if names is None or before is None or type(new) is not type(old):
        return f"the column {name!r} is {_kind(new)} where it was {_kind(old)}"
    added, gone = [one for one in names if one not in before], [one for one in before if one not in names]
    told = [f"no longer has {_listed(gone)}"] if gone else []
    told += [f"also has {_listed(added)}"] if added else []
    if not told:
        return f"the labels of {name!r} stand in another order, which changes their codes"
    return f"the labels of {name!r}: it {' and '.join(told)}"


def _label_names(feature: object) -> list[str] | None:
    names = getattr(getattr(feature, "feature", feature), "names", None)
    return list(names) if names is not None else None


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(map(repr, names[:SHOWN])) + more


def _kind(feature: object) -> str:
    inner = getattr(feature, "feature", None)
    if inner is not None:
        return f"a list of {_kind(inner)}"
    return (
        str(getattr(feature, "dtype", None) or type(feature).__name__) if _label_names(feature) is None else "a label"
    )
