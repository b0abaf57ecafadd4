from __future__ import annotations

import re

import pytest

from tests.cli.run_cli import run_cli
from textsynth.cli import command_group


def test_help_lists_the_commands_in_the_order_of_use(
    capsys: pytest.CaptureFixture[str],
) -> None:
    result = run_cli(capsys, "--help")
    listed = re.findall(r"^  ([a-z]+)  ", result.out.split("Commands:")[1].split("Exit codes:")[0], re.MULTILINE)
    assert listed == list(command_group.commands)
    in_order = ["init", "validate", "preview", "run", "report", "evaluate", "why", "push", "serve", "steps", "schema"]
    assert [name for name in listed if name in in_order] == in_order
    for code in ("0 ", "1 ", "2 ", "3 ", "130 "):
        assert f"\n    {code}" in result.out
    assert result.code == 0


@pytest.mark.parametrize("command", list(command_group.commands))
def test_the_help_of_every_command_has_examples_that_parse(capsys: pytest.CaptureFixture[str], command: str) -> None:
    result = run_cli(capsys, command, "--help")
    assert result.code == 0
    examples = re.findall(rf"^    textsynth ({command} .*|{command})$", result.out, re.MULTILINE)
    assert examples
    for line in examples:
        words = line.split(" > ")[0].split()
        command_group.commands[command].make_context(command, words[1:])


@pytest.mark.parametrize(
    ("command", "is_resumed"), [("run", True), ("label", True), ("schema", False), ("init", False)]
)
def test_an_interrupted_command_says_whether_it_continues(
    command: str, is_resumed: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command_group.commands[command], "invoke", interrupt)
    arguments = {"run": ["x.yaml"], "label": ["x.csv", "--recipe", "x.yaml"]}.get(command, [])
    result = run_cli(capsys, command, *arguments)
    assert result.code == 130
    assert result.err.strip().startswith("interrupted")
    assert ("the same command continues" in result.err) == is_resumed
