"""JSON that is broken, each with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sources.reading import PLAIN, refused

BROKEN = {
    "broken.jsonl": (PLAIN + b'{"text": "x", "label": }\n', "broken.jsonl:2: no JSON, column 24: Expecting value"),
    "two_a_line.jsonl": (b"{} {}\n", "two_a_line.jsonl:1: no JSON, column 4: Extra data"),
    "pretty.jsonl": (b'{\n"text": "x"\n}\n', "pretty.jsonl:1: no JSON"),
    "list.jsonl": (
        PLAIN + b'["x", "a"]\n',
        "list.jsonl:2: found a list (['x', 'a']) where each line must be an object",
    ),
    "number.jsonl": (b"42\n", "number.jsonl:1: found a number (42)"),
    "key.jsonl": (PLAIN + b'{"txt": "x", "label": "a"}\n', "key.jsonl:2: no key 'text'; did you mean 'txt'?"),
    "keys.jsonl": (PLAIN + b'{"text": "x", "text": "y"}\n', "keys.jsonl:2: the key 'text' is there twice"),
    "nan.jsonl": (b'{"text": "x", "score": NaN}\n', "nan.jsonl:1: NaN is no JSON number"),
    "deep.jsonl": (b'{"text": ' + b"[" * 100_000 + b"\n", "deep.jsonl:1: JSON that cannot be read"),
    "digits.jsonl": (b'{"text": ' + b"1" * 5_000 + b"}\n", "digits.jsonl:1: JSON that cannot be read"),
    "long_line.jsonl": (b'{"text": "' + b"x" * 10_000_001 + b'"}\n', "long_line.jsonl:1: the line has 10,000,013"),
    "object.json": (b'{"text": "x"}', "object.json:1: found one object"),
    "items.json": (b'[{"text": "x"}, "y"]', "items.json: item 2: found a text (y)"),
    "broken.json": (b'[{"text": "x"},\n{"text": }]', "broken.json:2: no JSON, column 10"),
    "none.json": (b"[]", "none.json: no rows"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_sentence_that_says_where(name: str, tmp_path: Path) -> None:
    data, told = BROKEN[name]
    assert told in refused(tmp_path, name, data)
