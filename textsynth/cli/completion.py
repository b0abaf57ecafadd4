"""The verb that lets a shell complete verbs, options and values: completion."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from textsynth.cli.common import emit, example, verbs

SHELLS = ("bash", "zsh", "fish")
# Where a start file of zsh has not switched completion on, every new shell would say: command not found: compdef.
COMPDEF = "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }"


@click.command(
    epilog=example(
        "textsynth completion bash > ~/.local/share/bash-completion/completions/textsynth",
        "textsynth completion fish > ~/.config/fish/completions/textsynth.fish",
        "echo 'eval \"$(textsynth completion zsh)\"' >> ~/.zshrc",
    )
)
@click.argument("shell", type=click.Choice(SHELLS), required=False)
def completion(shell: str | None) -> None:
    """Print the script with which a shell completes `textsynth`.

    Put it where the shell looks for such scripts, or `eval "$(textsynth completion bash)"` in its start file; a new
    shell then completes verbs, options, bundled recipes, items and formats. SHELL left out: the one of $SHELL.
    """
    named = shell or Path(os.environ.get("SHELL", "")).name
    kind = get_completion_class(named) if named in SHELLS else None
    if kind is None:
        raise click.UsageError(f"$SHELL is {named!r}; name the shell: {', '.join(SHELLS)}")
    script = kind(verbs, {}, "textsynth", "_TEXTSYNTH_COMPLETE").source().rstrip()
    emit(script.replace("#compdef textsynth\n", f"#compdef textsynth\n\n{COMPDEF}\n", 1))
