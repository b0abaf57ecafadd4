from __future__ import annotations

import re

import pytest

from tests.cli.said import Said
from textsynth.cli import verbs


def test_help_lists_the_verbs_in_the_order_of_work_and_none_that_does_not_work_yet(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = Said(capsys, "--help")
    listed = re.findall(r"^  ([a-z]+)  ", said.out.split("Commands:")[1].split("Exit codes:")[0], re.MULTILINE)
    assert listed == list(verbs.commands)
    work = ["init", "validate", "preview", "run", "report", "evaluate", "why", "push", "serve", "steps", "schema"]
    assert [verb for verb in listed if verb in work] == work
    for code in ("0 ", "1 ", "2 ", "3 ", "130 "):
        assert f"\n    {code}" in said.out
    assert said.code == 0


@pytest.mark.parametrize("verb", list(verbs.commands))
def test_every_verb_has_help_with_an_example_that_parses(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    said = Said(capsys, verb, "--help")
    assert said.code == 0
    examples = re.findall(rf"^    textsynth ({verb} .*|{verb})$", said.out, re.MULTILINE)
    assert examples
    for line in examples:
        words = line.split(" > ")[0].split()
        verbs.commands[verb].make_context(verb, words[1:])
