from __future__ import annotations

import pytest

from textsynth.text.encoding import encoding_notes, is_misread

TEXTS = ["café", "It’s “late”", "£5 a day", "привет, как дела", "😀 my lamp", "naïve Größe", "Ça coûte 5 €"]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_utf8_that_was_read_in_another_encoding_is_recognized(text: str, encoding: str) -> None:
    assert is_misread(text.encode().decode(encoding, "replace"))
    assert not is_misread(text)


@pytest.mark.parametrize(
    "text", ["CAFÉ»", "„Spaß“ hat", "IRMÃ”", "São Paulo, Ãlvaro", "Ð is a letter", "Μακριά", "Âge"]
)
def test_ordinary_letters_are_not_taken_for_it(text: str) -> None:
    assert not is_misread(text)


def test_notes_count_the_texts() -> None:
    notes = encoding_notes("sources.seeds", ["cafÃ© now", "nothing", "a\x07b", "Â£5", "tab\tand\nline"])
    assert notes == [
        "sources.seeds: 2 texts look like text that was read in the wrong encoding ('cafÃ© now'): save the file as "
        "UTF-8 from its original",
        "sources.seeds: 1 of the texts has control characters",
    ]
    assert encoding_notes("sources.seeds", ["fine", "too"]) == []
