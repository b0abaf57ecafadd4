from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.run_cli import run_cli

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[2]
BASH = shutil.which("bash")
# What bash does when a user types a line and presses Tab, without a terminal.
BASH_TAB = """
source <(textsynth completion bash)
read -r -a COMP_WORDS <<< "$1"
[[ "$1" == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_textsynth_completion textsynth 2>/dev/null
printf '%s\\n' "${COMPREPLY[@]}"
"""


def complete_in_bash(line: str, folder: Path) -> list[str]:
    assert BASH is not None
    env = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    process = subprocess.run(
        [BASH, "--norc", "-c", BASH_TAB, "bash", line], capture_output=True, text=True, env=env, cwd=folder, check=True
    )
    return process.stdout.split()


@pytest.mark.skipif(BASH is None or not (BIN / "textsynth").is_file(), reason="needs bash and the installed script")
@pytest.mark.parametrize(
    ("line", "completions"),
    [
        ("textsynth va", {"validate"}),
        ("textsynth run --li", {"--limit"}),
        ("textsynth run quick", {"quickstart"}),
        ("textsynth init --recipe su", {"summaries"}),
        ("textsynth steps near", {"near_duplicate"}),
        ("textsynth completion ", {"bash", "zsh", "fish"}),
    ],
)
def test_bash_completes_commands_options_and_values(line: str, completions: set[str], tmp_path: Path) -> None:
    assert set(complete_in_bash(line, tmp_path)) == completions


ZSH = shutil.which("zsh")
# A shell without start files in a pseudo-terminal: press Tab, and compare the line.
ZSH_TAB = """
zmodload zsh/zpty
zpty shell 'ZDOTDIR=$PWD TERM=dumb zsh -i'
zpty -w shell 'PS1=; eval "$(textsynth completion zsh)"; print -r -- read''y'
zpty -r shell output '*ready*'
zpty -w -n shell "$1"$'\\t'
zpty -r shell output "*$2*" && print -r -- completed
zpty -d shell
"""
FISH = shutil.which("fish")
SHELL_MISSING = "needs the shell and the installed script"


def shell_environment(folder: Path) -> dict[str, str]:
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}


@pytest.mark.skipif(ZSH is None or not (BIN / "textsynth").is_file(), reason=SHELL_MISSING)
@pytest.mark.parametrize(
    ("line", "completion"), [("textsynth va", "validate"), ("textsynth steps near", "near_duplicate")]
)
def test_zsh_completes_without_a_start_file(line: str, completion: str, tmp_path: Path) -> None:
    assert ZSH is not None
    (tmp_path / ".zshrc").touch()  # else a new zsh asks whether to create one
    command = [ZSH, "-f", "-c", ZSH_TAB, "zsh", line, completion]
    process = subprocess.run(
        command, capture_output=True, text=True, env=shell_environment(tmp_path), cwd=tmp_path, timeout=60
    )
    assert process.stdout.splitlines()[-1:] == ["completed"], process.stdout + process.stderr


@pytest.mark.skipif(FISH is None or not (BIN / "textsynth").is_file(), reason=SHELL_MISSING)
@pytest.mark.parametrize(
    ("line", "completion"),
    [("textsynth va", "validate"), ("textsynth run quick", "quickstart"), ("textsynth run --li", "--limit")],
)
def test_fish_completes_commands_options_and_values(line: str, completion: str, tmp_path: Path) -> None:
    assert FISH is not None
    command = [FISH, "-c", "textsynth completion fish | source; complete -C $argv[1]", line]
    process = subprocess.run(
        command, capture_output=True, text=True, env=shell_environment(tmp_path), cwd=tmp_path, check=True
    )
    assert [row.split("\t")[0] for row in process.stdout.splitlines()] == [completion]


def test_the_shell_is_that_of_the_environment_unless_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    assert run_cli(capsys, "completion").out == run_cli(capsys, "completion", "fish").out
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    result = run_cli(capsys, "completion")
    assert (result.code, "'tcsh'; name the shell: bash, zsh, fish" in result.err) == (2, True)
