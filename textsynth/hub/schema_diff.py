"""The schema of a data set, local or on the Hub: its features and the number of rows in each split; and differences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textsynth.core.formatting import pluralize

if TYPE_CHECKING:
    import datasets
    import pyarrow.parquet as pq

MAX_NAMES_LISTED = 5


@dataclass(frozen=True, slots=True)
class DatasetSchema:
    """The schema of a config: its features in column order, and the number of rows by split."""

    features: datasets.Features
    splits: Mapping[str, int]

    @property
    def rows(self) -> int:
        """The number of rows in all splits."""
        return sum(self.splits.values())


def read_schema(files: Iterable[tuple[str, pq.ParquetFile]]) -> DatasetSchema | None:
    """Return the schema of (split, parquet file) pairs, None if there are none; the first file gives the features."""
    from datasets import Features

    features, splits = None, dict[str, int]()
    for split, file in files:
        features = features or Features.from_arrow_schema(file.schema_arrow)
        splits[split] = splits.get(split, 0) + file.metadata.num_rows
    return None if features is None else DatasetSchema(features, splits)


def split_of(path: str) -> str:
    """Return the split of a file according to its name: `train` for `data/train-00000-of-00001.parquet`."""
    return path.rsplit("/", 1)[-1].split("-")[0].removesuffix(".parquet")


def schema_changes(new: DatasetSchema, old: DatasetSchema) -> list[str]:
    """Return the changes that may break the code of the old data set's users, as phrases; [] if there are none."""
    changes = [f"the column {name!r} is removed" for name in old.features if name not in new.features]
    changes += [f"the column {name!r} is new" for name in new.features if name not in old.features]
    for name, feature in new.features.items():
        if name in old.features and feature != old.features[name]:
            changes.append(_feature_change(name, feature, old.features[name]))
    changes += [f"the split {name!r} is removed" for name in old.splits if name not in new.splits]
    if new.rows < old.rows:
        changes.append(f"it has {pluralize(new.rows, 'text')} instead of {old.rows:,}")
    return changes


def _feature_change(column: str, new: object, old: object) -> str:
    new_names, old_names = _label_names(new), _label_names(old)
    if new_names is None or old_names is None or type(new) is not type(old):
        return f"the column {column!r} is {_type_name(new)} instead of {_type_name(old)}"
    added = [name for name in new_names if name not in old_names]
    removed = [name for name in old_names if name not in new_names]
    if not added and not removed:
        return f"the labels of {column!r} are in another order, which changes their integer codes"
    parts = [f"{_listed(removed)} removed"] if removed else []
    parts += [f"{_listed(added)} added"] if added else []
    return f"the labels of {column!r} change: {', '.join(parts)}"


def _label_names(feature: object) -> list[str] | None:
    names = getattr(getattr(feature, "feature", feature), "names", None)
    return list(names) if names is not None else None


def _listed(names: list[str]) -> str:
    suffix = f" and {len(names) - MAX_NAMES_LISTED} more" if len(names) > MAX_NAMES_LISTED else ""
    return ", ".join(map(repr, names[:MAX_NAMES_LISTED])) + suffix


def _type_name(feature: object) -> str:
    inner = getattr(feature, "feature", None)
    if inner is not None:
        return f"a list of {_type_name(inner)}"
    if _label_names(feature) is not None:
        return "a label"
    return str(getattr(feature, "dtype", None) or type(feature).__name__)
