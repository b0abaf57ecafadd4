"""A batch file: the answers that it holds, and the requests that are written."""

from __future__ import annotations

import gzip
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
    "in_process": Scripted(answers=("x",)),
}
REQUESTS = requests(8)


def reply(key: str, text: str = "an answer", status: int = 200) -> str:
    body = {"choices": [{"message": {"content": text}}]} if status == 200 else {"error": {"message": "bad"}}
    return json.dumps({"custom_id": key, "response": {"status_code": status, "body": body}, "error": None})


def batch_of(folder: Path, *lines: str) -> BatchFile:
    path = folder / "answers.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return BatchFile(MODELS, path)


def test_only_a_server_is_asked_by_batch() -> None:
    batch = BatchFile(MODELS)
    assert batch.supports("generator", REQUESTS[0])
    assert not batch.supports("in_process", REQUESTS[0])


def test_answers_are_taken_and_the_other_requests_are_missing_in_their_order(tmp_path: Path) -> None:
    batch = batch_of(tmp_path, reply(REQUESTS[2].key), reply(REQUESTS[0].key), reply("elsewhere"))
    answers = batch.take("generator", REQUESTS[:4])
    assert set(answers) == {REQUESTS[0].key, REQUESTS[2].key} == batch.taken
    assert [request.key for _, request in batch.missing] == [REQUESTS[1].key, REQUESTS[3].key]
    file = io.StringIO()
    batch.write(file)
    rows = [json.loads(line) for line in file.getvalue().splitlines()]
    assert [row["custom_id"] for row in rows] == [REQUESTS[1].key, REQUESTS[3].key]
    assert {row["url"] for row in rows} == {"/v1/chat/completions"}


def test_unreadable_lines_are_counted_and_the_others_are_read(tmp_path: Path) -> None:
    batch = batch_of(
        tmp_path, reply(REQUESTS[0].key), "", "no json", "[1]", '{"custom_id": 3}', reply(REQUESTS[1].key)[:-30]
    )
    assert batch.unreadable == 4
    assert set(batch.take("generator", REQUESTS[:2])) == {REQUESTS[0].key}


def test_errors_are_counted_and_their_requests_are_missing(tmp_path: Path) -> None:
    batch = batch_of(tmp_path, reply(REQUESTS[0].key, status=500), reply(REQUESTS[1].key))
    assert set(batch.take("generator", REQUESTS[:2])) == {REQUESTS[1].key}
    assert batch.errors == {"HTTP 500: 'bad'": 1}
    assert len(batch.missing) == 1


def test_of_several_replies_to_one_request_the_first_with_a_response_counts(tmp_path: Path) -> None:
    expired = json.dumps({"custom_id": REQUESTS[0].key, "response": None, "error": "expired"})
    batch = batch_of(tmp_path, expired, reply(REQUESTS[0].key, "first"), reply(REQUESTS[0].key, "later"))
    assert batch.take("generator", REQUESTS[:1])[REQUESTS[0].key].text == "first"


def test_a_batch_of_rejections_is_an_error(tmp_path: Path) -> None:
    batch = batch_of(tmp_path, *(reply(request.key, status=400) for request in REQUESTS))
    with pytest.raises(ModelError, match=r"each of the 8 answers of the batch is a rejection .*extra_body and server"):
        batch.take("generator", REQUESTS)


def test_a_file_without_answers_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the answers cannot be read: No such file"):
        BatchFile(MODELS, tmp_path / "missing.jsonl")
    with pytest.raises(UsageError, match="none of its 2 lines is an answer of a batch"):
        batch_of(tmp_path, "text,label", "a,b")


def test_requests_are_written_to_a_pipe_directly_and_a_folder_is_an_error(tmp_path: Path) -> None:
    batch = BatchFile(MODELS)
    batch.take("generator", REQUESTS)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read_end = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    batch.write_to(pipe)
    assert os.read(read_end, 1 << 16).count(b"\n") == 8
    os.close(read_end)
    assert pipe.is_fifo()
    for folder in (tmp_path, Path()):
        with pytest.raises(RunError, match="the requests cannot be written: Is a directory"):
            batch.write_to(folder)


def test_requests_are_written_atomically(tmp_path: Path) -> None:
    batch = BatchFile(MODELS)
    batch.take("generator", REQUESTS)
    batch.write_to(tmp_path / "requests.jsonl")
    assert len((tmp_path / "requests.jsonl").read_text().splitlines()) == 8
    with pytest.raises(RunError, match="the requests cannot be written"):
        batch.write_to(tmp_path / "no" / "requests.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["requests.jsonl"]


@pytest.mark.parametrize("form", ["utf-8-sig", "utf-16", "gzip", "list"])
def test_a_file_in_another_form_is_read_whole(form: str, tmp_path: Path) -> None:
    lines = [reply(request.key) for request in REQUESTS[:2]]
    text = f"[{','.join(lines)}]" if form == "list" else "\n".join(lines)
    path = tmp_path / "answers.jsonl"
    path.write_bytes(
        gzip.compress(text.encode()) if form == "gzip" else text.encode("utf-8" if form == "list" else form)
    )
    batch = BatchFile(MODELS, path)
    assert (batch.unreadable, len(batch.take("generator", REQUESTS[:2]))) == (0, 2)


def test_an_incomplete_gzip_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "answers.jsonl").write_bytes(gzip.compress(reply("a").encode())[:-9])
    with pytest.raises(UsageError, match="not a complete gzip file"):
        BatchFile(MODELS, tmp_path / "answers.jsonl")
