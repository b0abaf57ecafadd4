"""The types of a data set's columns: the schema of its parquet files, with the description that `datasets` reads.

It is written here because the package `datasets` takes most of a second to import, and a run needs four types only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

ColumnType = Mapping[str, Any]
"""A type as `datasets` describes it in JSON."""

TEXT: ColumnType = {"dtype": "string", "_type": "Value"}
INTEGER: ColumnType = {"dtype": "int64", "_type": "Value"}
SINGLE: ColumnType = {"dtype": "float32", "_type": "Value"}
NUMBER: ColumnType = {"dtype": "float64", "_type": "Value"}


def label_type(names: Sequence[str]) -> ColumnType:
    """Return the type of labels that are stored as codes: the index of the label among `names`."""
    return {"names": list(names), "_type": "ClassLabel"}


def list_type(item: ColumnType) -> ColumnType:
    """Return the type of lists of items of one type."""
    return {"feature": item, "_type": "List"}


def arrow_schema(types: Mapping[str, ColumnType]) -> pa.Schema:
    """Return the schema of columns of these types; `datasets` reads the same types from its metadata."""
    import pyarrow as pa

    fields = [pa.field(name, _arrow_type(column)) for name, column in types.items()]
    description = json.dumps({"info": {"features": types}})
    return pa.schema(fields, metadata={"huggingface": description})


def _arrow_type(column: ColumnType) -> pa.DataType:
    import pyarrow as pa

    if column["_type"] == "List":
        return pa.list_(_arrow_type(column["feature"]))
    return pa.int64() if column["_type"] == "ClassLabel" else pa.type_for_alias(column["dtype"])
