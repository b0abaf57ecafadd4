"""The verb that publishes a finished run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from textsynth.cli.common import JSON, RUN, emit, example, notify
from textsynth.core.errors import RunError, TextSynthError

if TYPE_CHECKING:
    from textsynth.hub import PushOptions
    from textsynth.recipe import Recipe


SECONDS = click.FloatRange(min=0.1)


@click.command(
    epilog=example(
        "textsynth push runs/tickets acme/tickets --private",
        "textsynth push runs/tickets acme/tickets --dry-run",
        "textsynth push runs/tickets acme/tickets --create-pr",
        "textsynth push runs/tickets acme/tickets --tag v2 --replace",
    )
)
@RUN
@click.argument("repo", metavar="REPO")
@click.option("--private", is_flag=True, help="Make the repository private; counts only when it is made.")
@click.option("--revision", metavar="BRANCH", default="main", show_default=True, help="The branch, made if not there.")
@click.option("--create-pr", "pull_request", is_flag=True, help="Open a pull request instead of writing to main.")
@click.option("--tag", metavar="NAME", help="Name the commit, as v1.2.")
@click.option("--dry-run", is_flag=True, help="Show the files and their sizes, and send nothing.")
@click.option("--replace", is_flag=True, help="Push although features change or texts get fewer.")
@click.option("--with-provenance", is_flag=True, help="Also where each text comes from, and what was dropped.")
@click.option("--waive", metavar="CHECK", multiple=True, help="Push without a check: leak or license. Repeatable.")
@click.option("--timeout", metavar="SECONDS", type=SECONDS, default=60, show_default=True, help="For one answer.")
@click.option("--patience", metavar="SECONDS", type=SECONDS, default=60, show_default=True, help="To try again for.")
@JSON
def push(
    run: Path,
    repo: str,
    *,
    private: bool,
    revision: str,
    pull_request: bool,
    tag: str | None,
    dry_run: bool,
    replace: bool,
    with_provenance: bool,
    waive: tuple[str, ...],
    timeout: float,
    patience: float,
    as_json: bool,
) -> None:
    """Publish a run's data set on the Hugging Face Hub.

    REPO is owner/name. Data, card, recipe and manifest become one commit, or none; seeds are never pushed. What would
    change for the users of the data set that stands there, features or fewer texts, is refused without --replace. The
    login is that of `hf auth login`, or HF_TOKEN.
    """
    from textsynth.console.results import pushed_json, pushed_text
    from textsynth.hub import PushOptions
    from textsynth.hub import push as publish

    wish = PushOptions(
        repo=repo,
        private=private,
        revision=revision,
        pull_request=pull_request,
        tag=tag,
        dry_run=dry_run,
        replace=replace,
        with_provenance=with_provenance,
        waive=waive,
        timeout_seconds=timeout,
        max_retry_seconds=patience,
    )
    done = publish(run, wish, say=notify)
    emit(pushed_json(done) if as_json else pushed_text(done))


def wish_for(recipe: Recipe) -> PushOptions:
    """Return what `run --push` will push, having made sure that it can be: repository, licence, leak check, login."""
    from textsynth.hub import check_login
    from textsynth.hub.options import options_from_recipe

    wish = options_from_recipe(recipe)
    check_login(wish, say=notify)
    return wish


def push_result(run: Path, code: int, told: str | dict[str, Any], wish: PushOptions, *, quiet: bool) -> NoReturn:
    """Publish what a run has made, and end the command; the run's own result is printed whatever comes of it.

    A run that did not meet its quota is not published.
    """
    from textsynth.console.results import pushed_json, pushed_text
    from textsynth.hub import push as publish

    if isinstance(told, str):
        emit(told)
    try:
        if code:
            raise RunError(f"not pushed, as the quota was not met; textsynth push {run} {wish.repo} pushes it as it is")
        done = publish(run, wish, say=notify)
    except TextSynthError as fault:
        if not isinstance(told, str):
            emit({**told, "pushed": None, "not_pushed": str(fault)})
        click.echo(str(fault), err=True)
        raise SystemExit(code or 1) from None
    if isinstance(told, str):
        emit(done.sentence if quiet else "\n" + pushed_text(done))
    else:
        emit({**told, "pushed": pushed_json(done)})
    raise SystemExit(0)
