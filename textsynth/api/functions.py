"""The verbs: what the command line does, with values in and out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textsynth.api.notebook import open_watch
from textsynth.api.results import Estimate, Preview, Score
from textsynth.api.run import Run, load
from textsynth.core.errors import UsageError
from textsynth.core.records import Record
from textsynth.recipe import Recipe, read_recipe
from textsynth.similarity.embedder import EMBEDDED
from textsynth.sources import in_memory as given

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from textsynth.hub import PushResult

Rows = str | Path | given.Rows


def run(
    recipe: Recipe | str | Path,
    *,
    out: str | Path | None = None,
    limit: int | None = None,
    fresh: bool = False,
    quiet: bool = False,
) -> Run:
    """Run a recipe (or the recipe in a file); the same call again goes on where it stopped.

    `out` is the run's folder, `runs/NAME` where it is left out; `limit` caps the selected texts; `fresh` moves the
    journal of earlier runs aside and asks everything again; `quiet` shows nothing while it works. A quota that is not
    met is no error: `Run.met` tells. Works where an event loop runs, as in a notebook. Raises RecipeError and
    SourceError before anything is asked, ModelError where no request can succeed, RunLocked where another run works
    in the folder, JournalError where the disk does not take an answer.
    """
    from textsynth.runner import run as work

    read = _read(recipe)
    folder = Path("runs") / read.name if out is None else Path(out)
    with open_watch(read.name, quiet=quiet) as display:
        result = work(read, out=folder, limit=limit, fresh=fresh, watch=display.watch, say=display.say)
    return Run(folder, result.manifest, read)


def preview(recipe: Recipe | str | Path, count: int = 3) -> Preview:
    """Ask the models of a recipe `count` times and let every check judge every text; nothing is kept.

    Raises what `run` raises.
    """
    from textsynth.runner.preview import preview as look

    return Preview(look(_read(recipe), count))


def estimate(recipe: Recipe | str | Path) -> Estimate:
    """Return what a run will take: requests and tokens, as ranges. No model is loaded. Raises SourceError."""
    from textsynth.runner.estimate import estimate as plan

    return Estimate(plan(_read(recipe)))


def evaluate(
    what: Run | Rows,
    *,
    test: Rows | None = None,
    train: Rows | None = None,
    dev: Rows | None = None,
    all: Rows | None = None,  # noqa: A002
    text: str | None = None,
    label: str | None = None,
    labels: Sequence[str] = (),
    full: bool = False,
    ordinal: bool = False,
    quiet: bool = False,
) -> Score:
    """Score texts on real data: whether they help a classifier, how sure that is, and where they hurt.

    `what` is a run, a run's folder, a file of labelled texts, or such rows. `test` are real rows to score on, `train`
    the real seeds, `dev` rows for thresholds where texts have several labels, `all` every real row there is; each a
    file or rows. Of a run, the sets of its recipe's `evaluate` are used where none are given, and its report tells the
    result. `text` and `label` name the columns of what is given here; `labels` gives the order of the labels of a file
    or of rows, without which `ordinal` is refused; `full` takes more draws. Raises UsageError for unusable sets.
    """
    from textsynth.core.paths import cache_folder
    from textsynth.evaluate import as_json
    from textsynth.evaluate.runner import EvaluationOptions, evaluate_run_folder, evaluate_texts, save_evaluation
    from textsynth.report import write_report

    columns = {name: column for name, column in (("text", text), ("label", label)) if column is not None}
    sets = {"test": test, "train": train, "dev": dev, "all": all}
    real = {role: _real(rows, role, columns) for role, rows in sets.items() if rows is not None}
    if isinstance(what, str | Path) and Path(what).is_dir():
        what = load(what)
    with open_watch("evaluate", quiet=quiet) as display:
        options = EvaluationOptions(columns, full, ordinal, display.say)
        if isinstance(what, Run):
            found = evaluate_run_folder(what.folder, real, options, recipe=what.recipe)
            save_evaluation(what.folder, found)
            write_report(what.folder)
        elif ordinal and not labels:
            raise UsageError("evaluate: ordinal needs the order of the labels; give it as labels=[lowest, …, highest]")
        else:
            texts = _real(what, "selected", columns)
            found = evaluate_texts(texts, real, options, labels=labels, folder=cache_folder())
    return Score(as_json(found))


def push(
    what: Run | str | Path,
    repo: str,
    *,
    private: bool = False,
    revision: str = "main",
    create_pr: bool = False,
    tag: str | None = None,
    dry_run: bool = False,
    replace: bool = False,
    with_passports: bool = False,
    waive: Sequence[str] = (),
    quiet: bool = False,
) -> PushResult:
    """Publish the data set of a run, or of a run's folder, on the Hugging Face Hub as one commit.

    The same data set again makes no commit. `repo` is `owner/name`, `private` counts when it is made; `create_pr` opens
    a pull request; `tag` names the commit; `replace` lets features change and texts be fewer; `with_passports` sends
    where each text comes from and what was dropped; `waive` names checks (leak, license) that need not have been made.
    Raises UsageError for what is refused before anything is sent, RunError for what the Hub or the network does not do.
    """
    from textsynth.hub import PushOptions
    from textsynth.hub import push as publish

    run = what if isinstance(what, Run) else load(what)
    wish = PushOptions(
        repo=repo,
        private=private,
        revision=revision,
        pull_request=create_pr,
        tag=tag,
        dry_run=dry_run,
        replace=replace,
        with_provenance=with_passports,
        waive=tuple(waive),
    )
    with open_watch("push", quiet=quiet) as display:
        return publish(run.folder, wish, say=display.say, recipe=run.recipe)


def embed(texts: Sequence[str], *, model: str = EMBEDDED) -> NDArray[np.float32]:
    """Return the unit vectors of n texts, float32 (n, dim), in order, as the checks and `evaluate` see them.

    `model` is a sentence-transformers model by its Hub name; the default one comes with `textsynth[embed]`, gives 384
    numbers and needs no network. Raises MissingExtra, or UsageError when the model cannot be loaded.
    """
    from textsynth.recipe.context import no_embeddings
    from textsynth.similarity.embedder import Embedder

    return Embedder(model, no_embeddings()).embed(texts)


def _read(recipe: Recipe | str | Path) -> Recipe:
    return recipe if isinstance(recipe, Recipe) else read_recipe(recipe)


def _real(rows: Rows, role: str, columns: Mapping[str, str]) -> Path | list[Record]:
    if isinstance(rows, str | Path):
        return Path(rows)
    return given.InMemory.of(rows, **columns).read(Path(), name=role, seed=0)
