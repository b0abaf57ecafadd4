"""What holds for every format: found by its file, the same bytes each time, existing files kept, any task exported."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.export.formats.examples import example_info, example_texts
from tests.export.outcomes import run_result
from tests.report.folders import finished
from textsynth.cli import export as export_command
from textsynth.cli import main
from textsynth.core.errors import RunError, UsageError
from textsynth.export import exported_texts, formats
from textsynth.export.formats import format_names, write_format

OWN_FORMAT = '''\
"""One line per text: the label, a tab, the text."""


def write(texts, info, out):
    out.mkdir(parents=True, exist_ok=True)
    lines = [f"{text.labels[0]}\\t{text.texts['text']}\\n" for text in texts]
    path = out / f"{info.name}.tsv"
    path.write_text("".join(lines), encoding="utf-8")
    return [path]
'''


def test_every_file_of_the_folder_is_a_format_and_the_command_line_has_every_config() -> None:
    files = {path.stem.replace("_", "-") for path in Path(formats.__path__[0]).glob("*.py")} - {"--init--"}
    assert set(format_names()) == files == {"argilla", "csv", "label-studio", "messages", "prompt-completion"}
    config = next(option for option in export_command.params if option.name == "config")
    assert tuple(config.type.choices) == exported_texts.CONFIGS  # type: ignore[attr-defined]


@pytest.mark.parametrize("task", ["classification", "paraphrasing", "summarization"])
@pytest.mark.parametrize("name", format_names())
def test_the_same_texts_give_the_same_bytes(name: str, task: str, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    write_format(name, example_texts(task), example_info(task), first)
    second.mkdir()
    paths = write_format(name, example_texts(task), example_info(task), second)
    assert all(path.read_bytes() == (first / path.relative_to(second)).read_bytes() for path in paths)


@pytest.mark.parametrize("name", format_names())
def test_a_folder_with_files_is_not_overwritten_unless_asked_to(name: str, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("hours of work", encoding="utf-8")
    with pytest.raises(UsageError, match="exists already and may hold somebody's work"):
        write_format(name, example_texts(), example_info(), tmp_path)
    write_format(name, example_texts(), example_info(), tmp_path, replace=True)
    assert (tmp_path / "mine.txt").read_text(encoding="utf-8") == "hours of work"


def test_an_unknown_format_is_an_error_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no format 'argila'; did you mean 'argilla'"):
        write_format("argila", example_texts(), example_info(), tmp_path / "out")


def test_a_path_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(RunError, match="cannot be written"):
        write_format("csv", example_texts(), example_info(), tmp_path / "file" / "out")


def test_a_user_s_file_in_the_current_folder_is_a_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(OWN_FORMAT, encoding="utf-8")
    (path,) = write_format("./mine.py", example_texts()[:1], example_info(), tmp_path / "out")
    assert path == tmp_path / "out" / "parcels.tsv"
    assert path.read_text(encoding="utf-8") == "refund\tgive my money back\n"


def test_the_command_line_exports_a_run_in_a_user_s_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = finished(tmp_path, run_result())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(OWN_FORMAT, encoding="utf-8")
    with pytest.raises(SystemExit) as exit_:
        main(["export", str(run), "--as", "./mine.py", "--split", "validation"])
    out, err = capsys.readouterr()
    assert exit_.value.code == 0, err
    path = run / "export" / "mine" / "parcels.tsv"
    assert out == f"{path}\n"
    assert err == "6 texts written as ./mine.py\n"
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 6
    assert {line.split("\t")[0] for line in lines} <= {"refund", "delivery"}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (None, "there is no file './mine.py' in the current folder"),
        ("WRITE = 1", r"'./mine.py' is not a format: it needs def write\(texts, info, out\)"),
        ("def write(texts, info, out): pass", "write must return a list of the paths that it wrote, not NoneType"),
        ("1 / 0", "'./mine.py' cannot be loaded: line 1: ZeroDivisionError"),
    ],
)
def test_a_user_s_file_that_is_not_a_format_is_an_error(
    source: str | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if source is not None:
        (tmp_path / "mine.py").write_text(source, encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        write_format("./mine.py", example_texts(), example_info(), tmp_path / "out")
