"""The results of the functions: `print` shows what the command line prints, and a notebook shows the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textsynth.api.notebook import preformatted
from textsynth.runner.estimate import RunEstimate
from textsynth.runner.label_file import LabelledRow, LabellingSummary
from textsynth.runner.preview import PreviewSample


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run will take: `plan` has texts, requests and tokens by generator and in all, as ranges."""

    plan: RunEstimate

    def __str__(self) -> str:
        from textsynth.console.results import plan_text

        return plan_text(self.plan)

    def _repr_html_(self) -> str:
        return preformatted(str(self))


@dataclass(frozen=True, slots=True)
class Preview:
    """A few requests as they were sent, their answers, and the verdict of every filter on every text."""

    samples: Sequence[PreviewSample]

    def __str__(self) -> str:
        from textsynth.console.results import samples_text

        return samples_text(self.samples)

    def _repr_html_(self) -> str:
        return preformatted(str(self))


@dataclass(frozen=True, slots=True)
class Labelling:
    """Given texts with the labels that the labellers of a recipe chose, as a run in a folder of its own."""

    summary: LabellingSummary

    @property
    def rows(self) -> Sequence[LabelledRow]:
        """A row for each given text, in their order: id, texts, labels, confidence, status and reason."""
        return self.summary.rows

    @property
    def file(self) -> Path:
        """The file with the same rows."""
        return self.summary.file

    @property
    def folder(self) -> Path:
        """The folder of the run, for `load` and `textsynth review`."""
        return self.summary.run.folder

    @property
    def counts(self) -> Mapping[str, int]:
        """How many labelled texts have each label, the most frequent first."""
        return self.summary.label_counts

    def __str__(self) -> str:
        from textsynth.console.results import labelling_text

        return labelling_text(self.summary)

    def _repr_html_(self) -> str:
        return preformatted(str(self))


@dataclass(frozen=True, slots=True)
class Score:
    """The evaluation of texts on real data; `summary` has all of it, under the keys of `evaluation.json`."""

    summary: Mapping[str, Any]

    @property
    def effect(self) -> str:
        """The effect on a classifier: "helps", "no_difference", "harms", or "leak" where texts copy the test rows."""
        return str(self.summary["verdict"]["effect"])

    @property
    def sentences(self) -> Sequence[str]:
        """The verdict in sentences, harm and leaks first."""
        sentences: Sequence[str] = self.summary["verdict"]["sentences"]
        return sentences

    def __str__(self) -> str:
        from textsynth.report import evaluation_text

        return evaluation_text(self.summary)

    def _repr_html_(self) -> str:
        return preformatted(str(self))
