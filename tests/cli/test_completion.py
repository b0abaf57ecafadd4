from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.said import Said

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[2]
BASH = shutil.which("bash")
# what bash does when a line is typed and the tab key is pressed, without the terminal
TAB = """
source <(textsynth completion bash)
read -r -a COMP_WORDS <<< "$1"
[[ "$1" == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_textsynth_completion textsynth 2>/dev/null
printf '%s\\n' "${COMPREPLY[@]}"
"""


def completed(line: str, folder: Path) -> list[str]:
    assert BASH is not None
    env = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [BASH, "--norc", "-c", TAB, "bash", line], capture_output=True, text=True, env=env, cwd=folder, check=True
    )
    return done.stdout.split()


@pytest.mark.skipif(BASH is None or not (BIN / "textsynth").is_file(), reason="needs bash and the installed script")
@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("textsynth va", {"validate"}),
        ("textsynth run --li", {"--limit"}),
        ("textsynth run quick", {"quickstart"}),
        ("textsynth init --recipe su", {"summaries"}),
        ("textsynth steps near", {"near_duplicate"}),
        ("textsynth completion ", {"bash", "zsh", "fish"}),
    ],
)
def test_bash_completes_verbs_options_and_values(line: str, found: set[str], tmp_path: Path) -> None:
    assert set(completed(line, tmp_path)) == found


ZSH = shutil.which("zsh")
# a shell that has read no start file, in a terminal of its own; the tab key, and what then stands on the line
ZSH_TAB = """
zmodload zsh/zpty
zpty shell 'ZDOTDIR=$PWD TERM=dumb zsh -i'
zpty -w shell 'PS1=; eval "$(textsynth completion zsh)"; print -r -- read''y'
zpty -r shell said '*ready*'
zpty -w -n shell "$1"$'\\t'
zpty -r shell said "*$2*" && print -r -- found
zpty -d shell
"""
FISH = shutil.which("fish")
NEEDS = "needs the shell and the installed script"


def at_home(folder: Path) -> dict[str, str]:
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}


@pytest.mark.skipif(ZSH is None or not (BIN / "textsynth").is_file(), reason=NEEDS)
@pytest.mark.parametrize(("line", "found"), [("textsynth va", "validate"), ("textsynth steps near", "near_duplicate")])
def test_zsh_completes_without_a_start_file(line: str, found: str, tmp_path: Path) -> None:
    assert ZSH is not None
    (tmp_path / ".zshrc").touch()  # else a new zsh asks whether it shall write one
    command = [ZSH, "-f", "-c", ZSH_TAB, "zsh", line, found]
    done = subprocess.run(command, capture_output=True, text=True, env=at_home(tmp_path), cwd=tmp_path, timeout=60)
    assert done.stdout.splitlines()[-1:] == ["found"], done.stdout + done.stderr


@pytest.mark.skipif(FISH is None or not (BIN / "textsynth").is_file(), reason=NEEDS)
@pytest.mark.parametrize(
    ("line", "found"),
    [("textsynth va", "validate"), ("textsynth run quick", "quickstart"), ("textsynth run --li", "--limit")],
)
def test_fish_completes_verbs_options_and_values(line: str, found: str, tmp_path: Path) -> None:
    assert FISH is not None
    command = [FISH, "-c", "textsynth completion fish | source; complete -C $argv[1]", line]
    done = subprocess.run(command, capture_output=True, text=True, env=at_home(tmp_path), cwd=tmp_path, check=True)
    assert [one.split("\t")[0] for one in done.stdout.splitlines()] == [found]


def test_the_shell_is_the_one_at_work_unless_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    assert Said(capsys, "completion").out == Said(capsys, "completion", "fish").out
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    said = Said(capsys, "completion")
    assert (said.code, "'tcsh'; name the shell: bash, zsh, fish" in said.err) == (2, True)
