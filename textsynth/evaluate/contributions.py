"""What each generator, model and prompt contributes: the score without its texts, next to a random drop of as many.

For each generator, each model and each prompt, where there are two or more of a kind, the training set of the seeds and
the selected texts is compared with the same set without its texts. A smaller set scores lower by its size alone. So the
score is compared, too, with that after a random drop of as many texts with the same labels (several draws): only where
leaving out its texts costs more than such a drop are they worth more than the others. The ablation of the filters
(`ablation.py`) uses the same drop.

Does not cover: the texts that the others would have written in its place, and what two of a kind bring together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from textsynth.core.records import Record
from textsynth.core.request_costs import CostRow
from textsynth.evaluate.classifiers import ClassifierName
from textsynth.evaluate.experiment_arms import Arm, Experiment
from textsynth.evaluate.metrics import IntArray, f1_by_label, macro_f1
from textsynth.evaluate.origins import RequestOrigins
from textsynth.evaluate.results import ArmResult, difference

ContributorKind = Literal["generator", "model", "prompt"]
KINDS: tuple[ContributorKind, ...] = ("generator", "model", "prompt")


@dataclass(frozen=True, slots=True)
class Contribution:
    """The contribution of one generator, model or prompt, as macro-F1 of a classifier; every set includes the seeds.

    `texts` is the number of its selected texts. `requests` and `tokens` are those of generators for it, and
    `cost_share` is the share of these tokens in all tokens of the run's generators, 0 to 1, None where no tokens were
    counted. `gain` is the score of all texts minus that without its texts, with its 95 % interval. `random_drop` is the
    mean score after a random drop of as many texts with the same labels, `random_drop_sd` its standard deviation over
    the draws, and `gain_over_random` that mean minus the score without its texts, with its interval.
    """

    kind: ContributorKind
    name: str
    texts: int
    requests: int
    tokens: int
    cost_share: float | None
    classifier: ClassifierName
    with_texts: float
    without_texts: float
    gain: float
    interval: tuple[float, float]
    random_drop: float
    random_drop_sd: float
    gain_over_random: float
    interval_over_random: tuple[float, float]


def contributors(selected: Sequence[Record], origins: RequestOrigins) -> list[tuple[ContributorKind, str, list[int]]]:
    """Return each generator, model and prompt of which there are two or more, and the indices of its texts.

    A text without a model counts for its generator alone. The order is that of the first text of each.
    """
    groups: dict[ContributorKind, dict[str, list[int]]] = {kind: {} for kind in KINDS}
    for index, record in enumerate(selected):
        groups["generator"].setdefault(record.provenance.step, []).append(index)
        origin = origins.requests.get(record.provenance.request_key)
        if origin is not None:
            groups["model"].setdefault(origin.model, []).append(index)
            groups["prompt"].setdefault(origin.prompt, []).append(index)
    return [
        (kind, name, indices)
        for kind, by_name in groups.items()
        if len(by_name) > 1
        for name, indices in by_name.items()
    ]


def measure_contributions(
    experiment: Experiment,
    classifier: ClassifierName,
    seeds: IntArray,
    rows: IntArray,
    selected: Sequence[Record],
    origins: RequestOrigins,
) -> list[Contribution]:
    """Return the contribution of each generator, model and prompt; `rows` are those of the `selected` texts.

    One whose texts cannot be left out, as no two labels remain, is left out of the result.
    """
    results: list[Contribution] = []
    everything: ArmResult | None = None
    measured: dict[tuple[int, ...], tuple[ArmResult, ArmResult]] = {}
    for kind, name, indices in contributors(selected, origins):
        rest = np.delete(rows, indices)
        if len(np.unique(experiment.targets[np.concatenate([seeds, rest])], axis=0)) < 2:
            continue
        if everything is None:
            everything = experiment.measure(Arm("", seeds, rows), classifier)
        key = tuple(indices)
        if key not in measured:
            measured[key] = (
                experiment.measure(Arm("", seeds, rest), classifier),
                experiment.random_arm("", classifier, seeds, rows, rest),
            )
        without, random = measured[key]
        gain = difference(everything, without, experiment.pool.labels, experiment.truth)
        over_random = difference(random, without, experiment.pool.labels, experiment.truth)
        scores = [float(macro_f1(result.f1, experiment.truth)) for result in (everything, without, random)]
        draws = [
            float(macro_f1(f1_by_label(predicted, experiment.truth), experiment.truth))
            for predicted in random.predicted
        ]
        requests, tokens, share = _costs(kind, name, origins.costs)
        results.append(
            Contribution(
                kind=kind,
                name=name,
                texts=len(indices),
                requests=requests,
                tokens=tokens,
                cost_share=share,
                classifier=classifier,
                with_texts=scores[0],
                without_texts=scores[1],
                gain=gain.difference,
                interval=gain.interval,
                random_drop=scores[2],
                random_drop_sd=float(np.std(draws, ddof=1)) if len(draws) > 1 else 0.0,
                gain_over_random=over_random.difference,
                interval_over_random=over_random.interval,
            )
        )
    return results


def _costs(kind: ContributorKind, name: str, costs: Sequence[CostRow]) -> tuple[int, int, float | None]:
    """Return the requests and tokens of a contributor, and its share of the tokens of all generators."""
    of_generators = [row for row in costs if row["section"] == "generate"]
    own = [row for row in of_generators if row[kind] == name]
    tokens = sum(row["prompt_tokens"] + row["completion_tokens"] for row in own)
    total = sum(row["prompt_tokens"] + row["completion_tokens"] for row in of_generators)
    return sum(row["requests"] for row in own), tokens, tokens / total if total else None
