from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from textsynth.core.errors import RunError, UsageError
from textsynth.store.storage import Storage, open_folder


@pytest.fixture(params=["disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    return open_folder(str(tmp_path / "a") if request.param == "disk" else f"memory://{tmp_path.name}/a")


def test_a_part_has_its_rows_of_all_files_in_order(folder: Storage) -> None:
    folder.write_parts("one", {"n": [1, 2, 3, 4]}, np.array([2, 0, 2, 0]), {"rows": 4})
    folder.write_parts("two", {"n": [5, 6]}, np.array([2, 1]))
    folder.write_parts("none", {"n": np.zeros(0, np.int64)}, np.zeros(0, np.int64))
    parts = [folder.read_part(["one", "two", "none"], part).column("n").to_pylist() for part in range(4)]
    assert parts == [[2, 4], [6], [1, 3, 5], []]
    assert folder.note("one") == {"rows": 4}
    assert folder.note("three") is None
    assert folder.names() == ["none.arrow", "one.arrow", "two.arrow"]


def test_a_folder_can_be_sent_to_another_process_and_removed(folder: Storage) -> None:
    folder.write_text("a/b.txt", "text")
    same = pickle.loads(pickle.dumps(folder))
    assert same.read_text("a/b.txt") == "text"
    same.remove("a/b.txt", "a/c.txt")
    assert not folder.exists("a/b.txt")
    folder.remove_all()
    assert folder.names() == []


def test_a_damaged_table_and_an_unknown_protocol_are_one_sentence(tmp_path: Path) -> None:
    folder = open_folder(str(tmp_path))
    (tmp_path / "one.arrow").write_bytes(b"damaged")
    with pytest.raises(RunError, match=r"one\.arrow: cannot be read: .*; remove the folder"):
        folder.note("one")
    with pytest.raises(UsageError, match="nowhere://a: cannot be opened: Protocol not known"):
        open_folder("nowhere://a").names()


def test_a_file_that_fails_while_it_is_written_leaves_no_file_of_its_name(tmp_path: Path) -> None:
    folder = open_folder(str(tmp_path))

    def fail() -> None:
        with folder.writing("a.txt") as file:
            file.write(b"half")
            raise OSError(28, "No space left on device")

    with pytest.raises(RunError, match=r"a\.txt: cannot be written: No space left on device"):
        fail()
    assert not folder.exists("a.txt")
