"""The file of decisions: what is told is on disk, what counts is the last word, and nothing that happens tears it."""

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
names = st.sampled_from(["ann", "bob"])
ids = st.sampled_from(["a1", "b2", "c3"])
kinds = st.sampled_from(["keep", "drop", "relabel"])
decisions = st.builds(
    lambda id_, kind, by, label: Decision(id_, kind, () if kind == "drop" else (label,), by, AT, "a\ntext é"),
    ids, kinds, names, st.sampled_from(["refund", "delivery"]),
)  # fmt: skip
undone = st.builds(lambda id_, by: Decision(id_, "undo", (), by, AT), ids, names)
lines = st.lists(st.one_of(decisions, undone), max_size=20)


@given(lines)
def test_what_was_written_is_read_as_it_was(told: list[Decision]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for one in told:
            add_decisions(Path(folder), [one])
        assert read_decisions(Path(folder)).lines == tuple(told)


@given(lines, decisions)
def test_the_last_decision_of_a_person_counts(told: list[Decision], last: Decision) -> None:
    standing = Decisions((*told, last)).by_text()
    assert list(standing[last.id].items())[-1] == (last.by, last)
    others = {name: one for name, one in standing[last.id].items() if name != last.by}
    before = Decisions(tuple(told)).by_text()
    assert others == {name: one for name, one in before.get(last.id, {}).items() if name != last.by}
    assert {id_: by for id_, by in standing.items() if id_ != last.id} == {
        id_: by for id_, by in before.items() if id_ != last.id
    }


@given(lines, decisions)
def test_undo_leaves_all_as_it_was_before_the_decision(told: list[Decision], last: Decision) -> None:
    after = Decisions((*told, last, Decision(last.id, "undo", (), last.by, AT)))
    assert after.by_text() == Decisions(tuple(told)).by_text()


@given(lines, ids, names)
def test_undo_touches_no_other_text_and_no_other_person(told: list[Decision], id_: str, by: str) -> None:
    before, after = (Decisions(tuple(some)).by_text() for some in (told, [*told, Decision(id_, "undo", (), by, AT)]))
    for one in ("a1", "b2", "c3"):
        for name in ("ann", "bob"):
            if (one, name) != (id_, by):
                assert after.get(one, {}).get(name) == before.get(one, {}).get(name)


def test_people_agree_where_the_text_ends_alike_and_else_it_waits() -> None:
    keep, same = Decision("a", "keep", ("refund",), "ann"), Decision("a", "relabel", ("refund",), "bob")
    other, drop = Decision("a", "relabel", ("delivery",), "bob"), Decision("a", "drop", ("refund",), "bob")
    assert consensus({"ann": keep, "bob": same}) == same
    assert consensus({"ann": keep, "bob": other}) is None
    assert consensus({"ann": keep, "bob": drop}) is None
    assert consensus({"ann": keep}) == keep
    assert consensus({}) is None
    multi_label = [Decision("a", "relabel", labels, by) for by, labels in (("ann", ("x", "y")), ("bob", ("y", "x")))]
    assert consensus({one.by: one for one in multi_label}) == multi_label[1]


@given(st.integers(1, 200))
def test_a_last_line_that_broke_off_is_passed_over_and_cut_off_by_the_next(cut: int) -> None:
    whole, torn, after = (Decision(one, "keep", ("refund",), "ann", AT, "text é") for one in ("a", "b", "c"))
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder)
        add_decisions(run, [whole, torn])
        content = (run / FILE).read_bytes()
        first = content.index(b"\n") + 1
        broken = content[: max(first + 1, len(content) - 1 - cut)]
        (run / FILE).write_bytes(broken)
        found = read_decisions(run)
        assert (found.lines, found.truncated) == ((whole,), True)
        add_decisions(run, [after])
        assert read_decisions(run, found) == read_decisions(run)
        assert read_decisions(run).lines == (whole, after)


def test_a_whole_last_line_without_its_end_counts_and_stays(tmp_path: Path) -> None:
    one, other = Decision("a", "keep"), Decision("b", "drop")
    add_decisions(tmp_path, [one])
    (tmp_path / FILE).write_bytes((tmp_path / FILE).read_bytes().rstrip(b"\n"))
    first = read_decisions(tmp_path)
    assert first.lines == (one,)
    add_decisions(tmp_path, [other])
    assert read_decisions(tmp_path).lines == read_decisions(tmp_path, first).lines == (one, other)


@given(lines, lines)
def test_what_is_known_is_not_read_again(told: list[Decision], more: list[Decision]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder)
        add_decisions(run, told)
        known = read_decisions(run)
        add_decisions(run, more)
        assert read_decisions(run, known) == read_decisions(run)
        with (run / FILE).open("a") as file:
            file.write("broken\n")
        with pytest.raises(UsageError, match=f":{len(told) + len(more) + 1}: "):
            read_decisions(run, known)


def test_a_line_written_by_hand_needs_no_more_than_id_and_decision(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"id": "a", "decision": "drop"}\n\n{"id":"b","decision":"relabel","labels":["x"]}\n')
    assert read_decisions(tmp_path).lines == (Decision("a", "drop"), Decision("b", "relabel", ("x",)))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "it is no JSON"),
        ("[" * 100_000, "it is no JSON"),
        ("\x00\x00", "it is no JSON"),
        ("[1]", 'not {"id": …, "decision": …}'),
        ('{"id": "a"}', "decision is None"),
        ('{"id": "a", "decision": "kep"}', "decision is 'kep'; did you mean 'keep'"),
        ('{"decision": "keep"}', "id is None, not a text"),
        ('{"id": "a", "decision": "keep", "by": 3}', "by is 3, not a text"),
        ('{"id": "a", "decision": "relabel"}', "relabel names no labels"),
        ('{"id": "a", "decision": "relabel", "labels": "refund"}', "labels is 'refund', not a list"),
    ],
)
def test_a_damaged_line_in_the_middle_is_one_sentence_with_its_number(line: str, said: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(f'{{"id": "a", "decision": "drop"}}\n{line}\n{{"id": "b", "decision": "drop"}}\n')
    with pytest.raises(UsageError) as caught:
        read_decisions(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / FILE}:2: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_are_such_a_line_too(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b'\xff\n{"id": "b", "decision": "drop"}\n')
    with pytest.raises(UsageError, match=r"review\.jsonl:1: .*it is no JSON"):
        read_decisions(tmp_path)


def test_no_file_is_no_decisions_and_a_folder_in_its_place_a_sentence(tmp_path: Path) -> None:
    assert read_decisions(tmp_path) == Decisions()
    (tmp_path / FILE).mkdir()
    with pytest.raises(UsageError, match="the decisions cannot be read"):
        read_decisions(tmp_path)
    with pytest.raises(RunError, match="the decision cannot be written"):
        add_decisions(tmp_path, [Decision("a", "drop")])


def test_what_the_disk_does_not_take_whole_is_not_there(tmp_path: Path) -> None:
    add_decisions(tmp_path, [Decision("a", "keep", text="x" * 300)])
    before = (tmp_path / FILE).read_bytes()
    room = len(before) + 100
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
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


def test_several_writers_at_once_tear_no_line(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent.parent)}
    started = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), by], env=env) for by in ("ann", "bob")]
    threads = [
        threading.Thread(target=lambda: [add_decisions(tmp_path, [Decision("t", "drop")]) for _ in range(20)])
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    while any(one.poll() is None for one in started):
        assert not read_decisions(tmp_path).truncated
    for thread in threads:
        thread.join()
    assert [one.wait() for one in started] == [0, 0]
    found = read_decisions(tmp_path)
    assert len(found.lines) == 160
    assert [one.id for one in found.lines if one.by == "ann"] == [str(number) for number in range(60)]
    assert all(isinstance(json.loads(line), dict) for line in (tmp_path / FILE).read_text().splitlines())
