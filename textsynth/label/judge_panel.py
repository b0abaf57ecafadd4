"""The judges of one labeller in a run: collects their votes, combines them, and estimates how reliable each judge is.

Without gold rows, the reliability is estimated from the votes on all texts so far. It is estimated again whenever there
are a tenth more texts, so that the time grows in proportion to the texts; a text is decided with the estimate of its
own batch. With gold rows it is estimated from them once, and stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from textsynth.core.formatting import format_confidence, pluralize
from textsynth.core.judge_summary import JudgeReliability, JudgesSummary

if TYPE_CHECKING:
    from textsynth.label.glad import GladModel
    from textsynth.label.vote_combination import JudgeModel, Votes

Combination = Literal["majority", "dawid_skene", "glad"]
TextVotes = Sequence[Sequence[str]]
"""The labels that each judge named for one text: for each judge, one label for each of its votes that names one."""
METHOD_NAMES = {"majority": "majority", "dawid_skene": "Dawid-Skene", "glad": "GLAD"}
GROWTH = 1.1
DECIMALS = 4


class PanelJudge(NamedTuple):
    """A judge: a model and a prompt, by their names in the recipe."""

    model: str
    prompt: str


def with_first(options: Mapping[str, object], *names: str) -> dict[str, object]:
    """Return the options of a step with the first of several `models` as its `model`, and so for the other `names`.

    The checks of a recipe read that one. Lists become tuples, as a strict list is none any more behind a validator.
    Raises ValueError where both are set and differ.
    """
    lists = {name: tuple(value) for name, value in options.items() if isinstance(value, list)}
    first = {name: lists[f"{name}s"][0] for name in names if lists.get(f"{name}s")}
    for name, value in first.items():
        if options.get(name, value) != value:
            raise ValueError(f"{name} and {name}s are both set; remove {name}")
    return {**options, **lists, **first}


def check_unique(**lists: Sequence[str]) -> None:
    """Raise ValueError where one of the lists has an entry twice."""
    for name, values in lists.items():
        if len(set(values)) < len(values):
            raise ValueError(f"{name} has an entry twice, which would count as a judge of its own; remove one")


class JudgePanel:
    """Combines the votes of `judges` for `labels`, in the recipe's order."""

    def __init__(self, judges: Sequence[PanelJudge], labels: Sequence[str], combine: Combination) -> None:
        self._judges = judges
        self._labels = {label: index for index, label in enumerate(labels)}
        self._combine = combine
        self._votes: list[TextVotes] = []
        self._true_labels: list[str] | None = None
        self._model: JudgeModel | GladModel | None = None
        self._combined: dict[tuple[tuple[str, ...], ...], list[float]] = {}  # by votes, with the present model
        self._fitted_texts = 0

    def add(self, votes: Sequence[TextVotes]) -> None:
        """Take note of the votes on a batch of texts. They change nothing where gold rows gave the estimate."""
        if self._true_labels is not None:
            return
        self._votes += votes
        if self._combine != "majority" and len(self._votes) >= GROWTH * self._fitted_texts:
            self._fit()

    def fit_gold(self, votes: Sequence[TextVotes], labels: Sequence[str]) -> None:
        """Estimate the reliability from the votes on gold rows with these labels, and use it from then on."""
        self._votes, self._true_labels = list(votes), list(labels)
        self._fit()

    def probabilities(self, votes: TextVotes) -> list[float]:
        """Return the probability of every label for one text, in the recipe's order."""
        from textsynth.label.vote_combination import majority

        key = tuple(map(tuple, votes))
        if key not in self._combined:
            table = self._table([votes])
            model = None if self._combine == "majority" else self._model
            combined = majority(table) if model is None else model.probabilities(table)
            self._combined[key] = [float(value) for value in combined[0]]
        return self._combined[key]

    def summary(self, labeller: str) -> JudgesSummary | None:
        """Return the reliability of each judge, estimated with all votes; None without a vote."""
        if not any(labels for votes in self._votes for labels in votes):
            return None
        if self._true_labels is None:
            self._fit()
        model, table = self._reliability_model()
        names = list(self._labels)
        shares = model.probabilities(table).mean(axis=0) if self._true_labels is None else model.priors
        judges: list[JudgeReliability] = []
        for index, (judge, reliability) in enumerate(zip(self._judges, model.reliability, strict=True)):
            answered = sum(bool(votes[index]) for votes in self._votes) / len(self._votes)
            judges.append(
                {
                    "model": judge.model,
                    "prompt": judge.prompt,
                    "answered": round(answered, DECIMALS),
                    "mean": round(float(reliability @ shares / shares.sum()), DECIMALS),
                    "labels": {
                        name: round(float(value), DECIMALS) for name, value in zip(names, reliability, strict=True)
                    },
                }
            )
        measured_on = "votes" if self._true_labels is None else "gold rows"
        listed = ", ".join(f"{format_confidence(judge['mean'])} ({_name(judge)})" for judge in judges)
        unit = "text" if self._true_labels is None else "gold row"
        sentence = (
            f"{labeller}: {pluralize(len(judges), 'judge')} combined by {METHOD_NAMES[self._combine]}; their estimated"
            f" accuracy on {pluralize(len(self._votes), unit)}: {listed}"
        )
        return {
            "combine": self._combine,
            "measured_on": measured_on,
            "texts": len(self._votes),
            "judges": judges,
            "sentence": sentence,
        }

    def _reliability_model(self) -> tuple[JudgeModel | GladModel, Votes]:
        """Return the model of the reliabilities: that of the combination, or the agreement with the majority."""
        from textsynth.label.vote_combination import fit_from_labels, majority

        table = self._table(self._votes)
        if self._model is not None:
            return self._model, table
        return fit_from_labels(table, majority(table).argmax(axis=1)), table

    def _fit(self) -> None:
        """Estimate the model of all votes so far; by majority only where the labels are known, and not for deciding."""
        from textsynth.label.glad import fit_glad, fit_glad_from_labels
        from textsynth.label.vote_combination import fit_dawid_skene, fit_from_labels

        self._fitted_texts = len(self._votes)
        self._combined.clear()
        if self._combine == "majority" and self._true_labels is None:
            return
        import numpy as np

        table = self._table(self._votes)
        is_glad = self._combine == "glad"
        if self._true_labels is None:
            self._model = fit_glad(table) if is_glad else fit_dawid_skene(table)
        else:
            truth = np.array([self._labels[label] for label in self._true_labels], dtype=np.int64)
            self._model = fit_glad_from_labels(table, truth) if is_glad else fit_from_labels(table, truth)

    def _table(self, votes: Sequence[TextVotes]) -> Votes:
        """Return votes as arrays; the votes of a judge on one text count as one vote together."""
        import numpy as np

        from textsynth.label.vote_combination import Votes

        rows = [
            (text, judge, self._labels[label], 1 / len(labels))
            for text, of_text in enumerate(votes)
            for judge, labels in enumerate(of_text)
            for label in labels
        ]
        columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
        texts, judges, labels = (np.array(column, dtype=np.int64) for column in columns[:3])
        weights = np.array(columns[3], dtype=np.float64)
        return Votes(texts, judges, labels, weights, (len(votes), len(self._judges), len(self._labels)))


def _name(judge: JudgeReliability) -> str:
    return f"{judge['model']} with {judge['prompt']}"
