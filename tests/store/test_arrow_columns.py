from __future__ import annotations

import subprocess
import sys

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsynth.store.arrow_columns import arrow_column

TEXT = st.text()
INTEGER = st.integers(-(2**63), 2**63 - 1)
VALUES = {
    pa.string(): TEXT,
    pa.int64(): INTEGER,
    pa.float64(): st.floats(allow_nan=False),
    pa.float32(): st.floats(allow_nan=False, width=32) | st.integers(-100, 100),
    pa.list_(pa.string()): st.lists(TEXT, max_size=3),
    pa.list_(pa.int64()): st.lists(INTEGER, max_size=3) | st.lists(INTEGER, max_size=3).map(tuple),
}


@pytest.mark.parametrize("kind", VALUES, ids=str)
@given(data=st.data())
def test_a_column_is_the_one_that_pyarrow_makes(kind: pa.DataType, data: st.DataObject) -> None:
    cells = data.draw(st.lists(st.none() | VALUES[kind], max_size=20))
    column = arrow_column(cells, kind)
    column.validate(full=True)
    assert column.equals(pa.array(cells, kind))
    assert column.null_count == cells.count(None)


def test_no_column_imports_pandas() -> None:
    code = (
        "import sys, pyarrow as pa; from textsynth.store.arrow_columns import arrow_column; "
        "arrow_column(['a', None], pa.string()); arrow_column([[1], None], pa.list_(pa.int64())); "
        "arrow_column([1.5], pa.float32()); sys.exit('pandas' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
