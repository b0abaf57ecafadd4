"""Labels given texts with the labellers of a recipe, and does nothing else: no generator, filter or selector runs.

It is a run like any other, in a folder of its own, with journal, budget and progress; the same call continues it. The
texts are the rows of one source, and the recipe's sections that make or select texts are replaced. Beside the data set,
the folder gets a file with one row for each given text, in the order of the texts.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict, cast

from textsynth.core.errors import UsageError
from textsynth.core.formatting import pluralize, waiting_for_review
from textsynth.core.progress import ProgressSnapshot
from textsynth.core.protocols import Generator, Source
from textsynth.core.records import Provenance, Record
from textsynth.core.registry import load_component
from textsynth.evaluate.load import source_options
from textsynth.recipe import Label, NamedStep, Recipe, references_in
from textsynth.runner import QUOTA_NOT_MET, RunSummary, run
from textsynth.runner.candidate_pipeline import BEYOND_BUDGET
from textsynth.store.dataset import DatasetReader
from textsynth.store.owned_files import write_owned_bytes

SOURCE = "texts"
GENERATOR = "existing"
FILE_STEM = "labels"
Status = Literal["labelled", "review", "dropped"]
FORMATS = {".parquet": ".parquet", ".jsonl": ".jsonl", ".json": ".jsonl"}
"""The suffix of the file of labels by that of the texts; CSV for all others."""


class LabelledRow(TypedDict):
    """One given text: its texts by column, the labels, and what became of it.

    `confidence` is 0 to 1, None where no labeller measured one. `status` is "review" for a text that waits for a
    person, and "dropped" for one whose labels a labeller does not accept; then `reason` says why, and `labels` are the
    rejected ones, where there are any.
    """

    id: str
    texts: dict[str, str]
    labels: list[str]
    confidence: float | None
    status: Status
    reason: str


@dataclass(frozen=True, slots=True)
class LabellingSummary:
    """The result: the file of labels, its rows in the order of the texts, and the summary of the run.

    `exit_code` is 3 where the budget was spent before all texts were labelled, else 0.
    """

    file: Path
    rows: Sequence[LabelledRow]
    run: RunSummary
    exit_code: int
    sentence: str

    @property
    def label_counts(self) -> dict[str, int]:
        """How many labelled texts have each label, the most frequent first; ties in alphabetical order."""
        counts = Counter(label for row in self.rows if row["status"] == "labelled" for label in row["labels"])
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    @property
    def status_counts(self) -> dict[str, int]:
        """How many texts there are of each status, 0 for none."""
        return _status_counts(self.rows)


def label_texts(
    recipe: Recipe,
    texts: Path | Source,
    *,
    out: Path,
    text: str | None = None,
    fresh: bool = False,
    watch: Callable[[ProgressSnapshot], None] = lambda _: None,
    log: Callable[[str], None] = lambda _: None,
) -> LabellingSummary:
    """Label the texts of a file or source in the folder `out`, continuing from the answers in its journal.

    `text` names the column of a file with the text (`first,second` for two texts). `fresh`, `watch` and `log` are those
    of `run`. Raises UsageError where the recipe has no labeller, and the errors of `run`.
    """
    if not recipe.label:
        raise UsageError(f"{recipe.path}: the recipe has no labeller; add one, such as `label: [choice]`")
    source = _file_source(recipe, texts, text) if isinstance(texts, Path) else texts
    labelling = labelling_recipe(recipe, source)
    summary = run(labelling, out=out, fresh=fresh, watch=watch, log=log)
    given = source.read(labelling.base, name=SOURCE, seed=labelling.seed)
    rows = _rows(labelling, given, out)
    suffix = FORMATS.get(texts.suffix.lower(), ".csv") if isinstance(texts, Path) else ".jsonl"
    file = out / f"{FILE_STEM}{suffix}"
    content = _WRITERS[suffix](rows)
    write_owned_bytes(out, file.name, content, error="the labels cannot be written")
    unaffordable = any(row["reason"] == BEYOND_BUDGET for row in rows)
    return LabellingSummary(file, rows, summary, QUOTA_NOT_MET if unaffordable else 0, _sentence(rows))


def labelling_name(recipe: Recipe) -> str:
    """Return the name of the run that labels texts with a recipe's labellers, which its folder has by default."""
    return f"{recipe.name}-{FILE_STEM}"


def labelling_recipe(recipe: Recipe, texts: Source) -> Recipe:
    """Return the recipe that labels the rows of `texts`, with the labellers of `recipe` and the sources they read."""
    used = {name for item in recipe.label for _, name in references_in(item.step, "source")}
    if SOURCE in used:
        raise UsageError(
            f"{recipe.path}: a labeller reads the source {SOURCE!r}, which is the name of the texts to label; give it"
            " another name"
        )
    generator = cast("Generator", load_component("generate", GENERATOR).model_validate({"source": SOURCE}))
    return dataclasses.replace(
        recipe,
        name=labelling_name(recipe),
        labels={name: Label(label.description) for name, label in recipe.labels.items()},
        sources={**{name: source for name, source in recipe.sources.items() if name in used}, SOURCE: texts},
        generate=(NamedStep(GENERATOR, generator, str(recipe.path)),),
        filter=(),
        select=(),
        want={},
        oversample=1.0,
        evaluate=None,
        hash=hashlib.sha256(f"{FILE_STEM} {recipe.hash}".encode()).hexdigest(),
    )


def _file_source(recipe: Recipe, path: Path, text: str | None) -> Source:
    """Return the source of a file; paths of a source are relative to the recipe, and this one to the working folder."""
    columns = source_options({} if text is None else {"text": text}, recipe.task)
    options = {**columns, "path": str(path.absolute()), "label": None}
    return cast("Source", load_component("sources", "rows")(**options))


def _rows(recipe: Recipe, given: Sequence[Record], out: Path) -> list[LabelledRow]:
    """Return one row for each given text, from the data set of the run."""
    outcomes = {**dict(_accepted(out)), **dict(_unaccepted(out))}
    rows: list[LabelledRow] = []
    for record in given:
        id_ = Record(record.text, Provenance(GENERATOR, index=record.provenance.index)).id
        labels, confidence, status, reason = outcomes[id_]
        row: LabelledRow = {
            "id": id_,
            "texts": recipe.task.column_texts(record),
            "labels": labels,
            "confidence": confidence,
            "status": status,
            "reason": reason,
        }
        rows.append(row)
    return rows


Outcome = tuple[list[str], float | None, Status, str]


def _accepted(out: Path) -> Iterator[tuple[str, Outcome]]:
    provenance = DatasetReader(out / "dataset" / "provenance")
    columns = (provenance.column(name) for name in ("id", "label", "confidence"))
    for id_, label, confidence in zip(*columns, strict=True):
        yield id_, (_as_list(label), confidence, "labelled", "")


def _unaccepted(out: Path) -> Iterator[tuple[str, Outcome]]:
    dropped = DatasetReader(out / "dataset" / "dropped")
    columns = (dropped.column(name) for name in ("id", "label", "confidence", "section", "reason"))
    for id_, label, confidence, section, reason in zip(*columns, strict=True):
        yield id_, (_as_list(label), confidence, "review" if section == "review" else "dropped", reason)


def _as_list(label: object) -> list[str]:
    return [str(name) for name in label] if isinstance(label, list) else [] if label is None else [str(label)]


def _status_counts(rows: Sequence[LabelledRow]) -> dict[str, int]:
    counts = Counter(row["status"] for row in rows)
    return {status: counts[status] for status in ("labelled", "review", "dropped")}


def _sentence(rows: Sequence[LabelledRow]) -> str:
    counts = _status_counts(rows)
    parts = [f"{counts['labelled']:,} of {pluralize(len(rows), 'text')} labelled"]
    parts += [waiting_for_review(counts["review"])] if counts["review"] else []
    parts += [f"{counts['dropped']:,} got no accepted label"] if counts["dropped"] else []
    unaffordable = sum(row["reason"] == BEYOND_BUDGET for row in rows)
    parts += [f"{unaffordable:,} of them because the budget was spent"] if unaffordable else []
    return ", ".join(parts)


def _cells(row: LabelledRow) -> dict[str, Any]:
    """Return a row of the file; a text column that has the name of another column gets `text_` before it."""
    own = {"id", "label", "confidence", "status", "reason"}
    texts = {f"text_{column}" if column in own else column: text for column, text in row["texts"].items()}
    outcome = {"label": row["labels"], "confidence": row["confidence"], "status": row["status"]}
    return {"id": row["id"], **texts, **outcome, "reason": row["reason"]}


def _csv(rows: Sequence[LabelledRow]) -> bytes:
    """Return the rows as CSV; several labels are joined by `|`."""
    file = io.StringIO()
    cells = [{**_cells(row), "label": "|".join(row["labels"])} for row in rows]
    writer = csv.DictWriter(file, list(cells[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(cells)
    return file.getvalue().encode("utf-8", "replace")


def _json_lines(rows: Sequence[LabelledRow]) -> bytes:
    """Return the rows as JSON lines; `label` is a list."""
    return "".join(json.dumps(_cells(row), ensure_ascii=False) + "\n" for row in rows).encode("utf-8", "replace")


def _parquet(rows: Sequence[LabelledRow]) -> bytes:
    """Return the rows as parquet; `label` is a list."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    cells = [_cells(row) for row in rows]
    types: Mapping[str, pa.DataType] = {"label": pa.list_(pa.string()), "confidence": pa.float64()}
    schema = pa.schema([(name, types.get(name, pa.string())) for name in cells[0]])
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(cells, schema=schema), buffer)
    return buffer.getvalue()


_WRITERS: Mapping[str, Callable[[Sequence[LabelledRow]], bytes]] = {
    ".csv": _csv,
    ".jsonl": _json_lines,
    ".parquet": _parquet,
}
