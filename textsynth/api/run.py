"""A finished run in Python: its data set, its numbers, and what was dropped and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from textsynth.api.notebook import run_html
from textsynth.api.results import Score
from textsynth.recipe import Recipe
from textsynth.runner import QUOTA_NOT_MET, RunSummary
from textsynth.store.evaluation import read_evaluation
from textsynth.store.manifest import Manifest, QuotaRow, read_manifest

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa


FILE_SUFFIX = "-00000-of-00001.parquet"


@dataclass(frozen=True)
class Run:
    """A finished run: its `folder` and `manifest`; `recipe` is None where the run was loaded from its folder.

    `print(run)` shows the summary that the command line prints; a notebook shows it as tables.
    """

    folder: Path
    manifest: Manifest = field(repr=False)
    recipe: Recipe | None = field(default=None, repr=False)

    @property
    def met(self) -> bool:
        """Whether the quota was met."""
        return not any(row["missing"] for row in self.quota)

    @property
    def sentence(self) -> str:
        """Why the run stopped: "the quota is met", or what prevented that."""
        return self.manifest["stopped"]["sentence"]

    @property
    def quota(self) -> Sequence[QuotaRow]:
        """A row for each quota cell: cell, wanted, selected, missing, and the reasons where texts are missing."""
        return self.manifest["quota"]

    @property
    def notes(self) -> Sequence[str]:
        """What a user of the data set should know, such as a split that is empty."""
        return self.manifest["notes"]

    @cached_property
    def dataset(self) -> datasets.DatasetDict:
        """The selected texts by split, with the columns to train on; `label` has the names of its integer codes."""
        import datasets

        return datasets.DatasetDict(self._read_config("data"))

    @cached_property
    def provenance(self) -> datasets.Dataset:
        """The provenance of the selected texts: one row per text, by `id`."""
        from textsynth.export.tables import provenance_schema

        return self._read_single_split("provenance", provenance_schema)

    @cached_property
    def dropped(self) -> datasets.Dataset:
        """Every text that was not selected: section, step, reason, score and limit."""
        from textsynth.export.tables import dropped_schema

        return self._read_single_split("dropped", dropped_schema)

    @property
    def report(self) -> Path:
        """The report of the run, one HTML page."""
        return self.folder / "report.html"

    @property
    def evaluation(self) -> Score | None:
        """The evaluation on real data, None where the run was not evaluated."""
        summary = read_evaluation(self.folder)
        return None if summary is None else Score(summary)

    def why(self, id_: str) -> str:
        """Return where a text comes from, and why it was selected or dropped. Raises UsageError."""
        from textsynth.console.explain import explain_text
        from textsynth.store.journal.file import read_answer

        return explain_text(self.folder, id_, lambda key: read_answer(self.folder, key)).as_text()

    def __str__(self) -> str:
        from textsynth.console.results import result_text

        return result_text(self._summary)

    def _repr_html_(self) -> str:
        return run_html(self.manifest, self.folder)

    @property
    def _summary(self) -> RunSummary:
        stopped = self.manifest["stopped"]
        exit_code = 0 if self.met else QUOTA_NOT_MET
        return RunSummary(self.folder, exit_code, stopped["why"], stopped["sentence"], self.quota, self.manifest)

    def _read_config(self, config: str) -> dict[str, datasets.Dataset]:
        """Return the splits of a config, read into memory: a copy in the cache of `datasets` might be an old one."""
        import datasets
        import pyarrow.parquet as pq

        order = list(self.manifest["splits"])
        files = self.folder.joinpath("dataset", config).glob(f"*{FILE_SUFFIX}")
        by_split = {file.name.removesuffix(FILE_SUFFIX): file for file in files}
        splits = sorted(by_split, key=lambda name: (order.index(name) if name in order else 0, name))
        return {name: datasets.Dataset(pq.read_table(by_split[name], partitioning=None)) for name in splits}

    def _read_single_split(self, config: str, schema: Callable[..., pa.Schema]) -> datasets.Dataset:
        """Return the only split of a config; one without rows has no file, and is an empty data set here."""
        import datasets

        splits = list(self._read_config(config).values())
        if splits:
            return splits[0]
        return datasets.Dataset(schema(multi_label=self._is_multi_label).empty_table())

    @property
    def _is_multi_label(self) -> bool:
        labels = [split.features.get("label") for split in self.dataset.values()]
        return any(hasattr(label, "feature") for label in labels)


def load(run: str | Path) -> Run:
    """Return an earlier run by its folder. Raises UsageError where the folder holds no finished run."""
    folder = Path(run)
    return Run(folder, read_manifest(folder))
