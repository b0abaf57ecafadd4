"""A batch as a part: what it reads of a file, what it hands out, and what it writes."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest

from tests.models.model_calls import requests
from textsynth.core.errors import ModelError, RunError, UsageError
from textsynth.models import ModelOptions
from textsynth.models.http import Http
from textsynth.models.scripted import Scripted
from textsynth.runner.batch_file import BatchFile

MODELS: dict[str, ModelOptions] = {
    "generator": Http(base_url="http://127.0.0.1:1/v1", model="small"),
    "here": Scripted(answers=("x",)),
}
ASKED = requests(8)


def line(key: str, text: str | None = "an answer", status: int = 200, **more: object) -> str:
    body = {"choices": [{"message": {"content": text}}]} if status == 200 else {"error": {"message": "bad"}}
    return json.dumps({"custom_id": key, "response": {"status_code": status, "body": body}, "error": None, **more})


def batch(folder: Path, *lines: str) -> BatchFile:
    path = folder / "answers.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return BatchFile(MODELS, path)


def test_only_a_server_is_asked_by_batch() -> None:
    one = BatchFile(MODELS)
    assert one.carries("generator", ASKED[0])
    assert not one.carries("here", ASKED[0])


def test_what_is_there_is_taken_and_the_rest_waits_in_order(tmp_path: Path) -> None:
    one = batch(tmp_path, line(ASKED[2].key), line(ASKED[0].key), line("elsewhere"))
    found = one.take("generator", ASKED[:4])
    assert set(found) == {ASKED[0].key, ASKED[2].key} == one.taken
    assert [request.key for _, request in one.waiting] == [ASKED[1].key, ASKED[3].key]
    file = io.StringIO()
    one.write(file)
    written = [json.loads(text) for text in file.getvalue().splitlines()]
    assert [row["custom_id"] for row in written] == [ASKED[1].key, ASKED[3].key]
    assert {row["url"] for row in written} == {"/v1/chat/completions"}


def test_lines_that_are_cut_off_or_none_are_counted_and_the_others_are_read(tmp_path: Path) -> None:
    one = batch(tmp_path, line(ASKED[0].key), "", "no json", "[1]", '{"custom_id": 3}', line(ASKED[1].key)[:-30])
    assert one.unread == 4
    assert set(one.take("generator", ASKED[:2])) == {ASKED[0].key}


def test_errors_are_counted_and_wait(tmp_path: Path) -> None:
    one = batch(tmp_path, line(ASKED[0].key, status=500), line(ASKED[1].key))
    assert set(one.take("generator", ASKED[:2])) == {ASKED[1].key}
    assert one.errors == {"HTTP 500: 'bad'": 1}
    assert len(one.waiting) == 1


def test_of_two_replies_to_one_request_a_whole_one_wins(tmp_path: Path) -> None:
    none = json.dumps({"custom_id": ASKED[0].key, "response": None, "error": "expired"})
    one = batch(tmp_path, none, line(ASKED[0].key, "whole"), line(ASKED[0].key, "later"))
    assert one.take("generator", ASKED[:1])[ASKED[0].key].text == "whole"


def test_nothing_but_refusals_is_a_sentence_and_nothing_is_taken(tmp_path: Path) -> None:
    one = batch(tmp_path, *(line(request.key, status=400) for request in ASKED))
    with pytest.raises(ModelError, match=r"each of the 8 answers of the batch is a refusal .*speaks"):
        one.take("generator", ASKED)


def test_a_file_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the answers cannot be read: No such file"):
        BatchFile(MODELS, tmp_path / "missing.jsonl")
    with pytest.raises(UsageError, match="none of its 2 lines is an answer of a batch"):
        batch(tmp_path, "text,label", "a,b")


def test_a_pipe_takes_the_requests_and_a_folder_is_a_sentence(tmp_path: Path) -> None:
    one = BatchFile(MODELS)
    one.take("generator", ASKED)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    one.write_to(pipe)
    assert os.read(reading, 1 << 16).count(b"\n") == 8
    os.close(reading)
    assert pipe.is_fifo()
    for folder in (tmp_path, Path()):
        with pytest.raises(RunError, match="the requests cannot be written: Is a directory"):
            one.write_to(folder)


def test_requests_are_written_in_one_move_or_not_at_all(tmp_path: Path) -> None:
    one = BatchFile(MODELS)
    one.take("generator", ASKED)
    one.write_to(tmp_path / "requests.jsonl")
    assert len((tmp_path / "requests.jsonl").read_text().splitlines()) == 8
    with pytest.raises(RunError, match="the requests cannot be written"):
        one.write_to(tmp_path / "no" / "requests.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["requests.jsonl"]
