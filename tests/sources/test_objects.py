"""JSON and JSON Lines files: invalid ones, each with the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sources.reading import JSONL, read_error

INVALID = {
    "broken.jsonl": (
        JSONL + b'{"text": "x", "label": }\n',
        "broken.jsonl:2: invalid JSON at column 24: Expecting value",
    ),
    "two_per_line.jsonl": (b"{} {}\n", "two_per_line.jsonl:1: invalid JSON at column 4: Extra data"),
    "pretty.jsonl": (b'{\n"text": "x"\n}\n', "pretty.jsonl:1: invalid JSON"),
    "list.jsonl": (
        JSONL + b'["x", "a"]\n',
        "list.jsonl:2: found a list (['x', 'a']); each line must be an object",
    ),
    "number.jsonl": (b"42\n", "number.jsonl:1: found a number (42)"),
    "key.jsonl": (JSONL + b'{"txt": "x", "label": "a"}\n', "key.jsonl:2: no key 'text'; did you mean 'txt'?"),
    "keys.jsonl": (JSONL + b'{"text": "x", "text": "y"}\n', "keys.jsonl:2: the key 'text' occurs twice"),
    "nan.jsonl": (b'{"text": "x", "score": NaN}\n', "nan.jsonl:1: NaN is not a JSON number"),
    "deep.jsonl": (b'{"text": ' + b"[" * 100_000 + b"\n", "deep.jsonl:1: the JSON cannot be parsed"),
    "digits.jsonl": (b'{"text": ' + b"1" * 5_000 + b"}\n", "digits.jsonl:1: the JSON cannot be parsed"),
    "long_line.jsonl": (b'{"text": "' + b"x" * 10_000_001 + b'"}\n', "long_line.jsonl:1: the line has 10,000,013"),
    "object.json": (b'{"text": "x"}', "object.json:1: found one object"),
    "items.json": (b'[{"text": "x"}, "y"]', "items.json: item 2: found a string (y)"),
    "broken.json": (b'[{"text": "x"},\n{"text": }]', "broken.json:2: invalid JSON at column 10"),
    "none.json": (b"[]", "none.json: the file has no rows"),
}


@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_file_is_one_sentence_with_the_position(name: str, tmp_path: Path) -> None:
    data, message = INVALID[name]
    assert message in read_error(tmp_path, name, data)
