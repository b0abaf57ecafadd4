"""The command that lets a shell complete commands, options and values: completion."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from textsynth.cli.common import command_group, emit, example

SHELLS = ("bash", "zsh", "fish")
# Where no start file of zsh has enabled completion, every new shell would print: command not found: compdef.
ENABLE_COMPDEF = "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }"


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

    Save it where the shell looks for such scripts, or add `eval "$(textsynth completion bash)"` to its start file; a
    new shell then completes commands, options, bundled recipes, components and formats. Without
    SHELL, the one in $SHELL is used.
    """
    name = shell or Path(os.environ.get("SHELL", "")).name
    completion_class = get_completion_class(name) if name in SHELLS else None
    if completion_class is None:
        raise click.UsageError(f"$SHELL is {name!r}; name the shell: {', '.join(SHELLS)}")
    script = completion_class(command_group, {}, "textsynth", "_TEXTSYNTH_COMPLETE").source().rstrip()
    emit(script.replace("#compdef textsynth\n", f"#compdef textsynth\n\n{ENABLE_COMPDEF}\n", 1))
