"""`textsynth push`, and the push of `textsynth run --push`."""

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
@click.option("--private", is_flag=True, help="Create the repository as private; refused if a public one exists.")
@click.option(
    "--revision", metavar="BRANCH", default="main", show_default=True, help="The branch; created if it does not exist."
)
@click.option("--create-pr", "pull_request", is_flag=True, help="Open a pull request instead of pushing to main.")
@click.option("--tag", metavar="NAME", help="Set a tag on the commit, such as v1.2.")
@click.option("--dry-run", is_flag=True, help="Show the files and their sizes; push nothing. Needs no network.")
@click.option(
    "--replace", is_flag=True, help="Push even if features change, texts become fewer, or the card was edited."
)
@click.option("--with-provenance", is_flag=True, help="Also push the provenance of each text, and the dropped texts.")
@click.option("--waive", metavar="CHECK", multiple=True, help="Push without a check: leak or license. Repeatable.")
@click.option("--timeout", metavar="SECONDS", type=SECONDS, default=60, show_default=True, help="Limit per response.")
@click.option(
    "--max-retry",
    "max_retry_seconds",
    metavar="SECONDS",
    type=SECONDS,
    default=60,
    show_default=True,
    help="How long failed requests are retried.",
)
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
    max_retry_seconds: float,
    as_json: bool,
) -> None:
    """Publish a run's data set on the Hugging Face Hub.

    REPO is owner/name. Data, card, recipe and manifest are pushed in one commit, or not at all; seeds are never pushed.
    If the data set is there already, a push that changes its features or has fewer texts is refused without --replace.
    The login is that of `hf auth login`, or HF_TOKEN.
    """
    from textsynth.console.results import push_json, push_text
    from textsynth.hub import PushOptions
    from textsynth.hub import push as publish

    options = PushOptions(
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
        max_retry_seconds=max_retry_seconds,
    )
    result = publish(run, options, log=notify)
    emit(push_json(result) if as_json else push_text(result))


def prepare_push(recipe: Recipe) -> PushOptions:
    """Return the options for `run --push`, after checking what a push needs: repository, license, leak check, login."""
    from textsynth.hub import check_login
    from textsynth.hub.options import options_from_recipe

    options = options_from_recipe(recipe)
    check_login(options, log=notify)
    return options


def push_result(run: Path, code: int, summary: str | dict[str, Any], options: PushOptions, *, quiet: bool) -> NoReturn:
    """Publish the result of `run --push`, and exit; `code` and `summary` are those of the run.

    The summary is printed even if the push fails. A run that did not meet its quota is not published.
    """
    from textsynth.console.results import push_json, push_text
    from textsynth.hub import push as publish

    if isinstance(summary, str):
        emit(summary)
    try:
        if code:
            raise RunError(
                f"not pushed, because the quota was not met; textsynth push {run} {options.repo} pushes the run anyway"
            )
        result = publish(run, options, log=notify)
    except TextSynthError as error:
        if not isinstance(summary, str):
            emit({**summary, "pushed": None, "not_pushed": str(error)})
        click.echo(str(error), err=True)
        raise SystemExit(code or 1) from None
    if isinstance(summary, str):
        emit(result.sentence if quiet else "\n" + push_text(result))
    else:
        emit({**summary, "pushed": push_json(result)})
    raise SystemExit(0)
