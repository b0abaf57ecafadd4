"""A finished run as Python has it: its data set, its numbers, what was dropped and why."""

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


SUFFIX = "-00000-of-00001.parquet"


@dataclass(frozen=True)
class Run:
    """A finished run: its `folder` and `manifest`; `recipe` is None where the run was loaded.

    `print(run)` gives the account that the command line gives; a notebook shows it as tables.
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
        """Why the run stopped: "the quota is met", or what kept it from that."""
        return self.manifest["stopped"]["sentence"]

    @property
    def quota(self) -> Sequence[QuotaRow]:
        """A row for each part of the quota: match, want, selected, missing, and why texts were dropped there."""
        return self.manifest["quota"]

    @property
    def notes(self) -> Sequence[str]:
        """What a reader of the data set should know, such as a split that is empty."""
        return self.manifest["notes"]

    @cached_property
    def dataset(self) -> datasets.DatasetDict:
        """The selected texts by split: the columns that people train on, `label` with the names of its integers."""
        import datasets

        return datasets.DatasetDict(self._config("data"))

    @cached_property
    def passports(self) -> datasets.Dataset:
        """Where each selected text comes from: one row a text, by `id`."""
        from textsynth.export.tables import provenance_features

        return self._only("provenance", provenance_features)

    @cached_property
    def dropped(self) -> datasets.Dataset:
        """Every text that was not selected: section, item, reason, the number measured and the limit."""
        from textsynth.export.tables import dropped_features

        return self._only("dropped", dropped_features)

    @property
    def report(self) -> Path:
        """The account of the run on one page; a browser opens it."""
        return self.folder / "report.html"

    @property
    def evaluation(self) -> Score | None:
        """What the texts are worth on real data, or None where the run was not evaluated."""
        told = read_evaluation(self.folder)
        return None if told is None else Score(told)

    def why(self, id_: str) -> str:
        """Return one text's story: where it comes from, and why it was kept or not. Raises UsageError."""
        from textsynth.console.explain import explain_text
        from textsynth.store.journal.file import read_answer

        return explain_text(self.folder, id_, lambda key: read_answer(self.folder, key)).as_text()

    def __str__(self) -> str:
        from textsynth.console.results import result_text

        return result_text(self._result)

    def _repr_html_(self) -> str:
        return run_html(self.manifest, self.folder)

    @property
    def _result(self) -> RunSummary:
        stopped = self.manifest["stopped"]
        code = 0 if self.met else QUOTA_NOT_MET
        return RunSummary(self.folder, code, stopped["why"], stopped["sentence"], self.quota, self.manifest)

    def _config(self, folder: str) -> dict[str, datasets.Dataset]:
        """Return the splits of a config from memory: what a load from the disk would keep in a cache may be old."""
        import datasets
        import pyarrow.parquet as pq

        order = list(self.manifest["splits"])
        files = {file.name.removesuffix(SUFFIX): file for file in (self.folder / "dataset" / folder).glob(f"*{SUFFIX}")}
        names = sorted(files, key=lambda name: (order.index(name) if name in order else 0, name))
        return {name: datasets.Dataset(pq.read_table(files[name], partitioning=None)) for name in names}

    def _only(self, folder: str, features: Callable[..., datasets.Features]) -> datasets.Dataset:
        """Return the one split of a config; a config without rows is left out of the folder, and is empty here."""
        import datasets

        found = list(self._config(folder).values())
        if found:
            return found[0]
        kinds = features(multi_label=self._many)
        return datasets.Dataset.from_dict({name: [] for name in kinds}, features=kinds)

    @property
    def _many(self) -> bool:
        kinds = [split.features.get("label") for split in self.dataset.values()]
        return any(hasattr(kind, "feature") for kind in kinds)


def load(run: str | Path) -> Run:
    """Return an earlier run by its folder. Raises UsageError where the folder holds no finished run."""
    folder = Path(run)
    return Run(folder, read_manifest(folder))
