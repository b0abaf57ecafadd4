"""The commands on a finished run: report, evaluate, why."""

from __future__ import annotations

import os
from pathlib import Path

import click

from textsynth.cli.common import FILE, JSON, RUN, emit, example, notify, text_width
from textsynth.core.errors import UsageError
from textsynth.store.atomic import write_text_atomic


@click.command(epilog=example("textsynth report runs/tickets"))
@RUN
@JSON
def report(run: Path, as_json: bool) -> None:  # noqa: FBT001
    """Print the report of a run as text, and write its report.html."""
    from textsynth.report import json_report, read_run_data, text_report, write_report

    existed = (run / "report.html").exists()
    data = read_run_data(run)
    page = write_report(run, data)
    emit(json_report(run, data) if as_json else text_report(run, text_width(), data))
    notify(f"written as a page to {page}{', in place of the earlier one' if existed else ''}")


@click.command(
    epilog=example(
        "textsynth evaluate runs/tickets --train seeds.csv --test test.csv",
        "textsynth evaluate texts.csv --train seeds.csv --test test.csv --text utterance --label intent",
    )
)
@click.argument("target", metavar="RUN_OR_FILE", type=FILE)
@click.option("--test", type=FILE, help="Real rows to test on; nothing is ever fitted on them.")
@click.option("--train", type=FILE, help="The real seeds: the baseline that the texts are compared with.")
@click.option("--dev", type=FILE, help="Real rows to choose thresholds on, where texts have several labels.")
@click.option("--all", "all_rows", type=FILE, help="All real rows, for comparison.")
@click.option(
    "--text", metavar="COLUMN", help="The column with the text in these files, or A,B for two texts; default: text."
)
@click.option("--label", metavar="COLUMN", help="The column with the label; default: label.")
@click.option("--labels", metavar="A,B,C|FILE", help="The labels of a file in their order, the lowest first.")
@click.option("--full", is_flag=True, help="More bootstrap draws and rounds: narrower intervals, and slower.")
@click.option("--ordinal", is_flag=True, help="The labels are ordered, the lowest first: quadratic kappa too.")
@click.option(
    "--classifier", type=FILE, help="A Python file with a classifier of your own: fit(texts, labels), predict(texts)."
)
@click.option("--page", type=FILE, help="Write the result of a file as an HTML page.")
@click.option("--replace", is_flag=True, help="Overwrite the file of --page if it exists.")
@JSON
def evaluate(
    target: Path,
    page: Path | None,
    *,
    full: bool,
    ordinal: bool,
    replace: bool,
    as_json: bool,
    **files: Path | str | None,
) -> None:
    """Evaluate the texts of a run or of a file on real data.

    Whether they improve a classifier, how certain that is, and where they do harm. Real sets that are not given are
    those of the run's recipe (`evaluate`), and the run's report shows the result too.
    """
    from textsynth.evaluate import as_json as evaluation_json
    from textsynth.evaluate.runner import evaluate_path, save_evaluation
    from textsynth.report import evaluation_page, evaluation_text, write_report

    if page is not None:
        _check_page(target, page, replace=replace)
    evaluation = evaluate_path(target, files, full=full, ordinal=ordinal, log=notify)
    summary = evaluation_json(evaluation)
    if target.is_dir():
        save_evaluation(target, evaluation)
        notify(f"written as a page to {write_report(target)}")
    elif page is not None:
        _write_page(page, evaluation_page(summary))
    emit(summary if as_json else evaluation_text(summary, text_width()))


def _check_page(target: Path, page: Path, *, replace: bool) -> None:
    """Raise UsageError where the page could not be written, before anything is trained."""
    if target.is_dir():
        raise UsageError(f"--page is for a file of texts; the page of a run is {target / 'report.html'}")
    if page.is_dir():
        raise UsageError(f"{page}: is a folder; --page takes the path of a file")
    if not page.parent.is_dir():
        raise UsageError(f"{page}: there is no folder '{page.parent}' for the page")
    if os.path.lexists(page):
        if not replace or page.is_symlink():
            raise UsageError(f"{page}: exists already; name another file, or overwrite it with --replace (no link)")
        notify(f"{page} will be replaced")


def _write_page(page: Path, html: str) -> None:
    write_text_atomic(page, html, error="the page cannot be written")


@click.command(epilog=example("textsynth why runs/tickets 0f3a9c1be4d27a55"))
@RUN
@click.argument("id_", metavar="ID")
@JSON
def why(run: Path, id_: str, as_json: bool) -> None:  # noqa: FBT001
    """Show where a text comes from, and why it was dropped or not."""
    from textsynth.console.explain import explain_text
    from textsynth.store.journal.file import read_answer

    explanation = explain_text(run, id_, lambda key: read_answer(run, key))
    emit(explanation.as_json() if as_json else explanation.as_text())
