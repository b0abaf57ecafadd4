from __future__ import annotations

from pathlib import Path

import pytest

from tests.export.formats.some import about, texts
from textsynth.cli.export import CONFIGS as NAMED_CONFIGS
from textsynth.cli.export import FORMATS as NAMED
from textsynth.core.errors import RunError, UsageError
from textsynth.export import formats
from textsynth.export.formats import FORMATS, write_format
from textsynth.export.formats.load import CONFIGS


def test_every_file_of_the_folder_is_a_format_that_the_command_line_names() -> None:
    files = {path.stem.replace("_", "-") for path in Path(formats.__path__[0]).glob("*.py")} - {"--init--"}
    assert files == set(FORMATS) == set(NAMED)
    assert NAMED_CONFIGS == CONFIGS


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_texts_give_the_same_bytes_and_nobody_s_work_is_lost(name: str, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    write_format(name, texts(), about(), first)
    second.mkdir()  # an empty folder is no work
    paths = write_format(name, texts(), about(), second)
    assert [path.read_bytes() for path in paths] == [
        (first / path.relative_to(second)).read_bytes() for path in paths
    ]  # fmt: skip
    (first / "mine.txt").write_text("hours of work", encoding="utf-8")
    with pytest.raises(UsageError, match="may hold somebody's work"):
        write_format(name, texts(), about(), first)
    write_format(name, texts(), about(), first, replace=True)
    assert (first / "mine.txt").read_text(encoding="utf-8") == "hours of work"


def test_a_slip_gets_the_nearest_format_and_a_full_disk_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'argilla'"):
        write_format("argila", texts(), about(), tmp_path / "out")
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(RunError, match="cannot be written"):
        write_format("csv", texts(), about(), tmp_path / "file" / "out")
