"""The verbs on a finished run: report, evaluate, why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from textsynth.cli.common import FILE, JSON, RUN, emit, example, notify, text_width
from textsynth.core.errors import RunError, UsageError


@click.command(epilog=example("textsynth report runs/tickets"))
@RUN
@JSON
def report(run: Path, as_json: bool) -> None:  # noqa: FBT001
    """Give the account of a run as text, and write its report.html."""
    from textsynth.report import json_report, text_report, write_report

    page = write_report(run)
    emit(json_report(run) if as_json else text_report(run, text_width()))
    click.echo(f"also as a page: {page}", err=True)


@click.command(
    epilog=example(
        "textsynth evaluate runs/tickets --train seeds.csv --test test.csv",
        "textsynth evaluate texts.csv --train seeds.csv --test test.csv --text utterance --label intent",
    )
)
@click.argument("what", metavar="RUN_OR_FILE", type=FILE)
@click.option("--test", type=FILE, help="Real rows to score on; nothing is ever fitted on them.")
@click.option("--train", type=FILE, help="The real seeds, which compete with the synthetic texts.")
@click.option("--dev", type=FILE, help="Real rows for thresholds, where texts have several labels.")
@click.option("--all", "all_rows", type=FILE, help="All real rows there are, for comparison.")
@click.option("--text", metavar="COLUMN", help="Column with the text in the files given here; left out: text.")
@click.option("--label", metavar="COLUMN", help="Column with the label; left out: label.")
@click.option("--labels", metavar="A,B,C|FILE", help="The labels of a file in their order, the lowest first.")
@click.option("--full", is_flag=True, help="More draws and rounds: narrower intervals, and slower.")
@click.option("--ordinal", is_flag=True, help="The labels stand in an order, the lowest first: quadratic kappa too.")
@click.option("--page", type=FILE, help="Write the result of a file as an HTML page.")
@JSON
def evaluate(what: Path, page: Path | None, *, full: bool, ordinal: bool, as_json: bool, **given: Any) -> None:  # noqa: ANN401
    """Score the texts of a run or of a file on real data.

    Do they help, how sure is that, and where do they hurt. Of a run, the real sets of its recipe's `evaluate` are used
    where none are given here, and its report tells the result too.
    """
    from textsynth.evaluate import as_json as told_of
    from textsynth.evaluate.runner import evaluate_path, save_evaluation
    from textsynth.report import evaluation_page, evaluation_text, write_report

    if page is not None:
        _check_page(what, page)
    found = evaluate_path(what, given, full=full, ordinal=ordinal, log=notify)
    told = told_of(found)
    if what.is_dir():
        save_evaluation(what, found)
        click.echo(f"also as a page: {write_report(what)}", err=True)
    elif page is not None:
        _write_page(page, evaluation_page(told))
    emit(told if as_json else evaluation_text(told, text_width()))


def _check_page(what: Path, page: Path) -> None:
    if what.is_dir():
        raise UsageError(f"--page is for a file of texts; the page of a run is its own, {what / 'report.html'}")
    if page.is_dir():
        raise UsageError(f"{page}: is a folder; --page names a file")
    if not page.parent.is_dir():
        raise UsageError(f"{page}: there is no folder '{page.parent}' for the page")


def _write_page(page: Path, html: str) -> None:
    try:
        page.write_text(html, encoding="utf-8")
    except OSError as fault:
        raise RunError(f"{page}: the page cannot be written: {fault.strerror or fault}") from fault


@click.command(epilog=example("textsynth why runs/tickets 0f3a9c1be4d27a55"))
@RUN
@click.argument("id_", metavar="ID")
@JSON
def why(run: Path, id_: str, as_json: bool) -> None:  # noqa: FBT001
    """Tell where one text comes from, and why it was kept or not."""
    from textsynth.console.explain import explain_text
    from textsynth.store.journal.file import read_answer

    told = explain_text(run, id_, lambda key: read_answer(run, key))
    emit(told.json() if as_json else told.text())
