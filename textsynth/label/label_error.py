"""Finds texts whose label is probably wrong, by classifiers trained on the other accepted texts (confident learning).

It works once, on all accepted texts together, after the last of them was accepted and before the selection: a text's
label can be judged by all the others only then, and a filter or a labeller of single texts sees one batch. No model is
asked. evaluate/label_errors.py has the method (Northcutt, Jiang and Chuang 2021) and the accuracy.

The score in the provenance is the estimated probability, 0 to 1, that the label is wrong. By default nothing else
happens: `textsynth review RUN --selected` shows the most suspicious texts first, and report and manifest show which
labels are mixed up. `on_error: review` sends the texts whose label is probably wrong to review, with the label that is
more probable; `on_error: drop` drops them.

Does not catch: errors that most texts of a label share, as the classifiers learn them from these texts; labels that
words and embeddings do not tell apart. False alarms are texts unlike others of their label, so a set from which all
suspicious texts are dropped is less varied. A probability of the classifiers is not calibrated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from textsynth.core.errors import UsageError, require_extra
from textsynth.core.protocols import Context, Labeller
from textsynth.core.records import Completion, GenerationRequest, Record, Verdict
from textsynth.core.sessions import LabellerSession


class LabelError(Labeller):
    """Scores how probable it is that each label is wrong, with classifiers of the other texts."""

    classifier: Literal["both", "words", "embeddings"] = Field(
        default="both", description="the classifier, or the mean of both: on words (TF-IDF), on embeddings"
    )
    on_error: Literal["keep", "review", "drop"] = Field(
        default="keep", description="what to do with a text whose label is probably wrong; its score is kept anyway"
    )

    @property
    def label_confidence(self) -> bool:
        """False: the score is how probable an error is."""
        return False

    @property
    def requests_per_record(self) -> int:
        """0: no model is asked."""
        return 0

    @property
    def error_classifiers(self) -> tuple[Literal["words", "embeddings"], ...]:
        """The classifiers that are trained, by their names in the evaluation."""
        return ("words", "embeddings") if self.classifier == "both" else (self.classifier,)

    @property
    def error_outcome(self) -> Literal["keep", "review", "drop"]:
        """What becomes of a text whose label is probably wrong."""
        return self.on_error

    def check_dependencies(self) -> None:
        """Raise MissingExtra where the classifiers' packages are not installed."""
        packages = ("sklearn", "scipy") if self.classifier == "words" else ("sklearn", "torch", "sentence_transformers")
        require_extra("embed", *packages, why="label_error")

    def start(self, context: Context, name: str) -> LabellerSession:
        """Return a session that lets every text pass. Raises UsageError where texts may have several labels."""
        if context.multi_label:
            raise UsageError(f"{name}: looks at texts with one label each, but the recipe has multi_label: true")
        return PassingSession()


class PassingSession:
    """Asks nothing about a text and keeps it: the work is done on all accepted texts at the end."""

    def build_requests(self, records: Sequence[Record]) -> list[list[GenerationRequest]]:
        """Return no request."""
        return [[] for _ in records]

    def parse_responses(self, record: Record, completions: Sequence[Completion]) -> tuple[Record, Verdict | None]:
        """Return the record as it is."""
        return record, None
