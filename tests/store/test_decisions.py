"""The file of review decisions: saved lines are on disk, the last decision counts, and lines are never torn."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsynth.core.errors import RunError, UsageError
from textsynth.store.decisions import FILE, Decision, Decisions, add_decisions, consensus, read_decisions

AT = "2026-01-02T03:04:05+00:00"
people = st.sampled_from(["ann", "bob"])
ids = st.sampled_from(["a1", "b2", "c3"])
kinds = st.sampled_from(["keep", "drop", "relabel"])
decisions = st.builds(
    lambda id_, kind, by, label: Decision(id_, kind, () if kind == "drop" else (label,), by, AT, "a\ntext é"),
    ids, kinds, people, st.sampled_from(["refund", "delivery"]),
)  # fmt: skip
undos = st.builds(lambda id_, by: Decision(id_, "undo", (), by, AT), ids, people)
histories = st.lists(st.one_of(decisions, undos), max_size=20)


def by_text(*lines: Decision) -> dict[str, dict[str, Decision]]:
    return Decisions(lines).by_text()


@given(histories)
def test_written_lines_are_read_back(lines: list[Decision]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for line in lines:
            add_decisions(Path(folder), [line])
        assert read_decisions(Path(folder)).lines == tuple(lines)


@given(histories, decisions)
def test_the_last_decision_of_a_person_counts(lines: list[Decision], last: Decision) -> None:
    before, after = by_text(*lines), by_text(*lines, last)
    assert list(after[last.id].items())[-1] == (last.by, last)
    others_before = {by: decision for by, decision in before.get(last.id, {}).items() if by != last.by}
    assert {by: decision for by, decision in after[last.id].items() if by != last.by} == others_before
    assert {id_: by for id_, by in after.items() if id_ != last.id} == {
        id_: by for id_, by in before.items() if id_ != last.id
    }


@given(histories, decisions)
def test_undo_restores_the_state_before_the_decision(lines: list[Decision], last: Decision) -> None:
    assert by_text(*lines, last, Decision(last.id, "undo", (), last.by, AT)) == by_text(*lines)


@given(histories, ids, people)
def test_undo_changes_no_other_text_and_no_other_person(lines: list[Decision], id_: str, by: str) -> None:
    before, after = by_text(*lines), by_text(*lines, Decision(id_, "undo", (), by, AT))
    for other_id in ("a1", "b2", "c3"):
        for person in ("ann", "bob"):
            if (other_id, person) != (id_, by):
                assert after.get(other_id, {}).get(person) == before.get(other_id, {}).get(person)


def test_people_agree_if_the_outcome_is_the_same() -> None:
    keep, same = Decision("a", "keep", ("refund",), "ann"), Decision("a", "relabel", ("refund",), "bob")
    other_label, drop = Decision("a", "relabel", ("delivery",), "bob"), Decision("a", "drop", ("refund",), "bob")
    assert consensus({"ann": keep, "bob": same}) == same
    assert consensus({"ann": keep, "bob": other_label}) is None
    assert consensus({"ann": keep, "bob": drop}) is None
    assert consensus({"ann": keep}) == keep
    assert consensus({}) is None
    multi_label = [Decision("a", "relabel", labels, by) for by, labels in (("ann", ("x", "y")), ("bob", ("y", "x")))]
    assert consensus({decision.by: decision for decision in multi_label}) == multi_label[1]


@given(st.integers(1, 200))
def test_an_incomplete_last_line_is_skipped_and_removed_by_the_next_write(cut: int) -> None:
    first, torn, next_line = (Decision(id_, "keep", ("refund",), "ann", AT, "text é") for id_ in ("a", "b", "c"))
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder)
        add_decisions(run, [first, torn])
        content = (run / FILE).read_bytes()
        end_of_first = content.index(b"\n") + 1
        (run / FILE).write_bytes(content[: max(end_of_first + 1, len(content) - 1 - cut)])
        read = read_decisions(run)
        assert (read.lines, read.truncated) == ((first,), True)
        add_decisions(run, [next_line])
        assert read_decisions(run, read) == read_decisions(run)
        assert read_decisions(run).lines == (first, next_line)


def test_a_complete_last_line_without_a_line_break_counts_and_stays(tmp_path: Path) -> None:
    first, second = Decision("a", "keep"), Decision("b", "drop")
    add_decisions(tmp_path, [first])
    (tmp_path / FILE).write_bytes((tmp_path / FILE).read_bytes().rstrip(b"\n"))
    read = read_decisions(tmp_path)
    assert read.lines == (first,)
    add_decisions(tmp_path, [second])
    assert read_decisions(tmp_path).lines == read_decisions(tmp_path, read).lines == (first, second)


@given(histories, histories)
def test_cached_lines_are_not_read_again(lines: list[Decision], added: list[Decision]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder)
        add_decisions(run, lines)
        cached = read_decisions(run)
        add_decisions(run, added)
        assert read_decisions(run, cached) == read_decisions(run)
        with (run / FILE).open("a") as file:
            file.write("broken\n")
        with pytest.raises(UsageError, match=f":{len(lines) + len(added) + 1}: "):
            read_decisions(run, cached)


def test_a_line_written_by_hand_needs_only_id_and_decision(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"id": "a", "decision": "drop"}\n\n{"id":"b","decision":"relabel","labels":["x"]}\n')
    assert read_decisions(tmp_path).lines == (Decision("a", "drop"), Decision("b", "relabel", ("x",)))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("\x00\x00", "it is not JSON"),
        ("[1]", 'not {"id": …, "decision": …}'),
        ('{"id": "a"}', "decision is None"),
        ('{"id": "a", "decision": "kep"}', "decision is 'kep'; did you mean 'keep'"),
        ('{"decision": "keep"}', "id is None, not a string"),
        ('{"id": "a", "decision": "keep", "by": 3}', "by is 3, not a string"),
        ('{"id": "a", "decision": "relabel"}', "relabel needs labels"),
        ('{"id": "a", "decision": "relabel", "labels": "refund"}', "labels is 'refund', not a list"),
    ],
)
def test_an_invalid_line_in_the_middle_is_one_sentence_with_its_number(line: str, message: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(f'{{"id": "a", "decision": "drop"}}\n{line}\n{{"id": "b", "decision": "drop"}}\n')
    with pytest.raises(UsageError) as caught:
        read_decisions(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / FILE}:2: the line is not a valid decision: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_line_that_is_not_utf8_is_invalid(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b'\xff\n{"id": "b", "decision": "drop"}\n')
    with pytest.raises(UsageError, match=r"review\.jsonl:1: .*it is not JSON"):
        read_decisions(tmp_path)


def test_a_missing_file_has_no_decisions_and_a_folder_with_its_name_is_an_error(tmp_path: Path) -> None:
    assert read_decisions(tmp_path) == Decisions()
    (tmp_path / FILE).mkdir()
    with pytest.raises(UsageError, match="the decisions cannot be read"):
        read_decisions(tmp_path)
    with pytest.raises(RunError, match="the decision cannot be written"):
        add_decisions(tmp_path, [Decision("a", "drop")])


def test_a_line_that_does_not_fit_on_the_disk_is_not_written_in_part(tmp_path: Path) -> None:
    add_decisions(tmp_path, [Decision("a", "keep", text="x" * 300)])
    before = (tmp_path / FILE).read_bytes()
    max_bytes = len(before) + 100
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (max_bytes, limits[1]))
    try:
        with pytest.raises(RunError, match=r"review\.jsonl: the decision cannot be written: File too large"):
            add_decisions(tmp_path, [Decision("b", "drop", text="x" * 300)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / FILE).read_bytes() == before


WRITER = """
import sys
from pathlib import Path
from textsynth.store.decisions import Decision, add_decisions
for number in range(60):
    add_decisions(Path(sys.argv[1]), [Decision(f"{number}", "keep", by=sys.argv[2], text="x" * 5000)])
"""


def test_several_writers_at_the_same_time_tear_no_line(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent.parent)}
    processes = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), by], env=env) for by in ("ann", "bob")]
    threads = [
        threading.Thread(target=lambda: [add_decisions(tmp_path, [Decision("t", "drop")]) for _ in range(20)])
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    while any(process.poll() is None for process in processes):
        assert not read_decisions(tmp_path).truncated
    for thread in threads:
        thread.join()
    assert [process.wait() for process in processes] == [0, 0]
    lines = read_decisions(tmp_path).lines
    assert len(lines) == 160
    assert [line.id for line in lines if line.by == "ann"] == [str(number) for number in range(60)]
    assert all(isinstance(json.loads(line), dict) for line in (tmp_path / FILE).read_text().splitlines())
