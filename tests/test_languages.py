from __future__ import annotations

import pytest

from textsynth.languages import NAMES, language_name


@pytest.mark.parametrize(("code", "name"), [("en", "English"), ("de", "German"), ("tlh", "tlh"), ("pt-BR", "pt-BR")])
def test_a_language_by_its_code(code: str, name: str) -> None:
    assert language_name(code) == name


def test_codes_are_short_and_names_are_told_once() -> None:
    assert all(len(code) == 2 and code.islower() for code in NAMES)
    assert len(set(NAMES.values())) == len(NAMES)
