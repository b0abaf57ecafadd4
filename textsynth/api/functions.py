"""The commands of the command line as functions, with values in and out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textsynth.api.notebook import open_watch
from textsynth.api.results import Estimate, Labelling, Preview, Score
from textsynth.api.run import Run, load
from textsynth.core.errors import UsageError
from textsynth.core.records import Record
from textsynth.recipe import Recipe, read_recipe
from textsynth.similarity.embedder import BUNDLED_EMBEDDER
from textsynth.sources import in_memory

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from textsynth.hub import PushResult

Rows = str | Path | in_memory.Rows
"""The path of a file, or rows: a list of dicts, a pandas DataFrame or a `datasets.Dataset`."""


def run(
    recipe: Recipe | str | Path,
    *,
    out: str | Path | None = None,
    limit: int | None = None,
    fresh: bool = False,
    on: str | None = None,
    workers: int | None = None,
    index_shards: int | None = None,
    quiet: bool = False,
) -> Run:
    """Run a recipe, or the recipe in a file; the same call again continues a run that stopped.

    `out` is the run's folder, `runs/NAME` where it is left out; `limit` is the maximum number of selected texts;
    `fresh` moves the journal of earlier runs aside and requests every answer again; `on` is the Ray cluster where
    models and embedder compute: "ray" (this machine), "HOST:PORT" or "ray://HOST:PORT", with `workers` of each model
    whose number the recipe does not set; `index_shards` is in how many shards the indexes of `near_duplicate` and
    `semantic_duplicate` are on that cluster, and not in this process; `quiet` shows no progress. A quota that is not
    met is no error: see `Run.met`. Works where an event loop is running, as in a notebook. Raises RecipeError and
    SourceError before the first request, ModelError where no request can succeed, RunLocked where another run uses the
    folder, JournalError where an answer cannot be stored, ClusterError where the cluster cannot be reached.
    """
    from textsynth.runner import run as run_recipe

    checked = _read(recipe)
    folder = Path("runs") / checked.name if out is None else Path(out)
    with open_watch(checked.name, quiet=quiet) as display:
        summary = run_recipe(
            checked,
            out=folder,
            limit=limit,
            fresh=fresh,
            on=on,
            workers=workers,
            index_shards=index_shards,
            watch=display.update,
            log=display.log,
        )
    return Run(folder, summary.manifest, checked)


def preview(recipe: Recipe | str | Path, count: int = 3) -> Preview:
    """Send `count` requests of a recipe to its models and show what every filter says of the texts; stores nothing.

    Raises the errors that `run` raises.
    """
    from textsynth.runner.preview import preview as preview_recipe

    return Preview(preview_recipe(_read(recipe), count))


def estimate(recipe: Recipe | str | Path) -> Estimate:
    """Return the requests and tokens that a run will take, as ranges. Loads no model. Raises SourceError."""
    from textsynth.runner.estimate import estimate as estimate_recipe

    return Estimate(estimate_recipe(_read(recipe)))


def label_texts(
    texts: Rows,
    recipe: Recipe | str | Path,
    *,
    out: str | Path | None = None,
    text: str | None = None,
    fresh: bool = False,
    quiet: bool = False,
) -> Labelling:
    """Label texts with the labellers of a recipe; nothing is generated, filtered or selected.

    `texts` is a file or rows. `text` names the column with the text (`"first,second"` where a row has two texts), by
    default that of the recipe's task. `out` is the run's folder, `runs/NAME-labels` where it is left out; the same call
    again continues. `fresh` requests every answer again; `quiet` shows no progress. Raises UsageError for a recipe
    without labellers, and the errors that `run` raises.
    """
    from textsynth.evaluate.load import source_options
    from textsynth.runner.label_file import label_texts as label_texts_of_recipe
    from textsynth.runner.label_file import labelling_name

    checked = _read(recipe)
    name = labelling_name(checked)
    folder = Path("runs") / name if out is None else Path(out)
    if isinstance(texts, str | Path):
        source: Path | in_memory.InMemory = Path(texts)
    else:
        columns = source_options({} if text is None else {"text": text}, checked.task)
        source = in_memory.InMemory.of(texts, **{**columns, "label": None})
    with open_watch(name, quiet=quiet) as display:
        summary = label_texts_of_recipe(
            checked, source, out=folder, text=text, fresh=fresh, watch=display.update, log=display.log
        )
    return Labelling(summary)


def evaluate(
    texts: Run | Rows,
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
    classifier: str | Path | None = None,
    quiet: bool = False,
) -> Score:
    """Evaluate texts on real data: whether they improve a classifier, how certain that is, and where they do harm.

    `texts` is a run, a run's folder, a file of labelled texts, or such rows. `test` are real rows to test on, `train`
    the real seeds, `dev` rows to choose thresholds on where texts have several labels, `all` all real rows; each a file
    or rows. Sets that are not given are those of the run's recipe (`evaluate`), and the run's report shows the result.
    `text` and `label` name the columns of files and rows (`text="first,second"` where a row has two texts); `labels` is
    the order of the labels of a file or of rows, which `ordinal` needs; `full` takes more bootstrap draws and rounds;
    `classifier` is the file of a classifier of your own. Raises UsageError for sets that cannot be used.
    """
    from textsynth.core.paths import cache_folder
    from textsynth.evaluate import as_json
    from textsynth.evaluate.load import source_options
    from textsynth.evaluate.runner import EvaluationOptions, evaluate_run_folder, evaluate_texts, save_evaluation
    from textsynth.report import write_report
    from textsynth.store.dataset import run_task

    columns = {name: column for name, column in (("text", text), ("label", label)) if column is not None}
    sets = {"test": test, "train": train, "dev": dev, "all": all}
    if isinstance(texts, str | Path) and Path(texts).is_dir():
        texts = load(texts)
    task = run_task(texts.folder, texts.manifest) if isinstance(texts, Run) else None
    row_options = source_options(columns, task)
    real_sets = {role: _read_rows(rows, role, row_options) for role, rows in sets.items() if rows is not None}
    with open_watch("evaluate", quiet=quiet) as display:
        options = EvaluationOptions(
            columns, full, ordinal, display.log, None if classifier is None else Path(classifier)
        )
        if isinstance(texts, Run):
            evaluation = evaluate_run_folder(texts.folder, real_sets, options, recipe=texts.recipe)
            save_evaluation(texts.folder, evaluation)
            write_report(texts.folder)
        elif ordinal and not labels:
            raise UsageError("evaluate: ordinal needs the order of the labels; give it as labels=[lowest, …, highest]")
        else:
            rows = _read_rows(texts, "selected", row_options)
            evaluation = evaluate_texts(rows, real_sets, options, labels=labels, folder=cache_folder())
    return Score(as_json(evaluation))


def push(
    run: Run | str | Path,
    repo: str,
    *,
    private: bool = False,
    revision: str = "main",
    create_pr: bool = False,
    tag: str | None = None,
    dry_run: bool = False,
    replace: bool = False,
    with_provenance: bool = False,
    waive: Sequence[str] = (),
    quiet: bool = False,
) -> PushResult:
    """Publish the data set of a run, or of a run's folder, on the Hugging Face Hub as one commit.

    The same data set again makes no commit. `repo` is `owner/name`; `private` counts only when the repository is
    created; `create_pr` opens a pull request; `tag` names the commit; `replace` allows other features, fewer texts and
    an edited card to be replaced; `with_provenance` also publishes the provenance of the texts and the dropped texts;
    `waive` names release checks (leak, license) that need not pass. Raises UsageError for what is refused before
    anything is sent, RunError where the Hub or the network fails.
    """
    from textsynth.hub import PushOptions
    from textsynth.hub import push as push_run

    loaded = run if isinstance(run, Run) else load(run)
    options = PushOptions(
        repo=repo,
        private=private,
        revision=revision,
        pull_request=create_pr,
        tag=tag,
        dry_run=dry_run,
        replace=replace,
        with_provenance=with_provenance,
        waive=tuple(waive),
    )
    with open_watch("push", quiet=quiet) as display:
        return push_run(loaded.folder, options, log=display.log, recipe=loaded.recipe)


def embed(texts: Sequence[str], *, model: str = BUNDLED_EMBEDDER) -> NDArray[np.float32]:
    """Return the unit vectors of n texts, float32 (n, dim), in order, as filters and `evaluate` use them.

    `model` is a sentence-transformers model by its Hub name; the default one comes with `textsynth[embed]`, has 384
    dimensions and needs no network. Raises MissingExtra, or UsageError where the model cannot be loaded.
    """
    from textsynth.recipe.context import no_embeddings
    from textsynth.similarity.embedder import Embedder

    return Embedder(model, no_embeddings()).embed(texts)


def _read(recipe: Recipe | str | Path) -> Recipe:
    return recipe if isinstance(recipe, Recipe) else read_recipe(recipe)


def _read_rows(rows: Rows, role: str, options: Mapping[str, object]) -> Path | list[Record]:
    """Return the path of a file, or rows as records."""
    if isinstance(rows, str | Path):
        return Path(rows)
    return in_memory.InMemory.of(rows, **options).read(Path(), name=role, seed=0)
