"""An evaluation from its sets to its findings: leaks, arms, weights, curve, what each check earned, verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from textsynth.core.errors import UsageError
from textsynth.core.records import Record
from textsynth.evaluate.ablation import AblationCandidates
from textsynth.evaluate.classifiers import KINDS, Classifiers, Codes, Kind, Scores
from textsynth.evaluate.contamination import Contamination, find_contamination
from textsynth.evaluate.cross_validation import Fold, make_folds
from textsynth.evaluate.data import LabelledPool, RealSets, SyntheticSet, check_sets, data_notes, labelled, labels_of
from textsynth.evaluate.diversity import Diversity, measure_diversity
from textsynth.evaluate.domain_shift import DomainShift, measure_domain_shift
from textsynth.evaluate.experiment_arms import FULL, QUICK, Arm, Experiment, make_arms, random_rows
from textsynth.evaluate.learning_curve import CurvePoint
from textsynth.evaluate.nearest_texts import TextComparison, nearest_real_texts
from textsynth.evaluate.results import ArmResult
from textsynth.evaluate.sample_weight import FittedWeight, fit_weight
from textsynth.evaluate.verdict import ArmDifference, Findings, Verdict, reach_verdict
from textsynth.similarity.embedder import VectorStore

ENOUGH = 100
Embed = Callable[[Sequence[str]], Scores]
PriorKnowledge = Callable[[Sequence[int]], Sequence[Record]]


@dataclass(frozen=True, slots=True)
class AblationResult:
    """What one check earned: macro-F1 with it, without it, and after a random drop of as many texts (mean of draws)."""

    item: str
    dropped: int
    readmitted: int
    classifier: Kind
    with_check: float
    without: float
    random: float
    random_spread: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything an evaluation found.

    `labels` in the recipe's order; `test` are the test rows asked about, `left_out` places of those that the synthetic
    texts copy. `outcomes` and `differences` stand in the arms' order, `weights` and `curves` by classifier.
    """

    synthetic: SyntheticSet
    real: RealSets
    labels: Sequence[str]
    multi_label: bool
    ordinal: bool
    test: Sequence[Record]
    left_out: Sequence[int]
    bench: Experiment
    outcomes: Sequence[ArmResult]
    differences: Sequence[ArmDifference]
    weights: Mapping[Kind, FittedWeight]
    curves: Mapping[Kind, Sequence[CurvePoint]]
    earned: Sequence[AblationResult]
    leaks: Contamination
    gap: DomainShift
    diversity: Diversity
    seen: Sequence[TextComparison]
    verdict: Verdict
    notes: Sequence[str]

    @property
    def main(self) -> Kind:
        """The classifier that the verdict rests on."""
        return self.verdict.difference.classifier if self.verdict.difference else KINDS[-1]


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """How an evaluation is done.

    `labels` gives their order ([]: as they come); `full` takes more draws and several rounds; `embedder` names what
    `embed` uses, for the memory. `knowing` returns, for the places of held-out seeds, the selected texts as they would
    be had the run not known those seeds. `readmitted` are the texts that each check's being off would let through.
    """

    embed: Embed
    embedder: str
    memory: VectorStore
    labels: Sequence[str] = ()
    multi_label: bool = False
    ordinal: bool = False
    full: bool = False
    seed: int = 0
    knowing: PriorKnowledge | None = None
    readmitted: Sequence[AblationCandidates] = ()
    say: Callable[[str], None] = field(default=lambda _: None)


def evaluate(synthetic: SyntheticSet, real: RealSets, plan: EvaluationPlan) -> Evaluation:
    """Return what the synthetic texts are worth on the real test rows. Raises UsageError for unusable sets."""
    check_sets(synthetic, real, multi_label=plan.multi_label)
    labels = list(plan.labels) or labels_of(real.train, real.test, real.dev, real.whole, synthetic.raw)
    plan.say("looking for leaks")
    leaks = find_contamination({**real.named(), "raw": synthetic.raw, "selected": synthetic.selected}, plan.embed)
    left_out = sorted(leaks.copied("test"))
    gone = set(left_out)
    test = [row for place, row in enumerate(real.test) if place not in gone]
    if not test:
        raise UsageError(
            f"{synthetic.name}: every test row is copied by a synthetic text, so that nothing is left to test on"
        )
    work = _Experiment(synthetic, real, plan, labels, test)
    for kind in KINDS:
        plan.say(f"training {len(work.arms)} arms on {kind}")
        work.measure(kind)
    findings = work.findings(leaks)
    plan.say("comparing with real texts")
    gap, diversity = _compare(synthetic.selected, reference_texts(real, test), plan, labels)
    shown = {name: rows for name, rows in {"train": real.train, "test": real.test}.items() if rows}
    return Evaluation(
        synthetic=synthetic,
        real=real,
        labels=labels,
        multi_label=plan.multi_label,
        ordinal=plan.ordinal,
        test=test,
        left_out=left_out,
        bench=work.bench,
        outcomes=work.outcomes,
        differences=findings.differences,
        weights=work.weights,
        curves=work.curves,
        earned=work.earned(findings.main),
        leaks=leaks,
        gap=gap,
        diversity=diversity,
        seen=nearest_real_texts(synthetic, shown, plan.embed, seed=plan.seed),
        verdict=reach_verdict(findings),
        notes=[*data_notes(synthetic, real, labels), *leaks.notes, *gap.notes, *diversity.notes],
    )


def reference_texts(real: RealSets, test: Sequence[Record]) -> Sequence[Record]:
    """Return the real texts that synthetic ones are described beside: the most there are outside the test set.

    Under 100 of them, the test rows: nothing is fitted on them here, they are only described.
    """
    others = max((real.whole, real.dev, real.train), key=len)
    return others if len(others) >= ENOUGH else test


def _compare(
    selected: Sequence[Record], real: Sequence[Record], plan: EvaluationPlan, labels: Sequence[str]
) -> tuple[DomainShift, Diversity]:
    texts = [[record.text for record in rows] for rows in (selected, real)]
    vectors = [plan.embed(some) for some in texts]
    gap = measure_domain_shift(selected, real, vectors[0], vectors[1], labels=labels, seed=plan.seed)
    return gap, measure_diversity(texts[0], texts[1], vectors[0], vectors[1], seed=plan.seed)


class _Experiment:
    """The arms at work: what is measured is collected here, one classifier after the other."""

    def __init__(
        self,
        synthetic: SyntheticSet,
        real: RealSets,
        plan: EvaluationPlan,
        labels: Sequence[str],
        test: Sequence[Record],
    ) -> None:
        self._plan = plan
        self._synthetic = synthetic
        pool = LabelledPool(labels, plan.multi_label)
        raw = pool.add(labelled(synthetic.raw))
        self._row_of = {record.id: place for place, record in enumerate(pool.records)}
        self.selected = np.array([self._row_of[record.id] for record in synthetic.selected])
        self.raw = raw
        self.seeds, dev, tested, whole = (pool.add(rows) for rows in (real.train, real.dev, test, real.whole))
        readmitted = [record for check in plan.readmitted for record in check.records]
        self._row_of |= {record.id: row for record, row in zip(readmitted, pool.add(readmitted), strict=True)}
        classifiers = Classifiers(
            pool.texts,
            len(labels),
            multi_label=plan.multi_label,
            embed=plan.embed,
            embedder=plan.embedder,
            memory=plan.memory,
        )
        effort = FULL if plan.full else QUICK
        self.bench = Experiment(pool, classifiers, test=tested, dev=dev, seed=plan.seed, effort=effort)
        self.arms = make_arms(self.seeds, self.selected, raw, whole, checked=synthetic.checked)
        self.outcomes: list[ArmResult] = []
        self.weights: dict[Kind, FittedWeight] = {}
        self.curves: dict[Kind, list[CurvePoint]] = {}
        self._rounds: list[Fold] | None = None

    def measure(self, kind: Kind) -> None:
        """Measure every arm with one classifier, fit the weight and draw the learning curve."""
        outcomes = {arm.name: self.bench.measure(arm, kind) for arm in self.arms}
        none = np.zeros(0, np.int64)
        if self._synthetic.checked:
            outcomes["random"] = self.bench.random_arms("random", kind, none, self.raw, self.selected)
            if len(self.seeds):
                outcomes["seeds_random"] = self.bench.random_arms(
                    "seeds_random", kind, self.seeds, self.raw, self.selected
                )
        if len(self.seeds):
            self._plan.say(f"fitting the weight on {kind}")
            fitted = self._fit(kind)
            self.weights[kind] = fitted
            outcomes["fitted"] = self.bench.measure(Arm("fitted", self.seeds, self.selected, fitted.weight), kind)
            self.curves[kind] = self.bench.curve(outcomes["seeds"], self.seeds)
        self.outcomes += outcomes.values()

    def findings(self, leaks: Contamination) -> Findings:
        """Return what the verdict is made of."""
        return Findings(
            main=self._main(),
            differences=self.bench.differences(self.outcomes),
            weights=self.weights,
            curves=self.curves,
            leaks=leaks.count("selected", "test"),
            leaked=leaks.is_contaminated,
        )

    def earned(self, kind: Kind) -> list[AblationResult]:
        """Return what each check earned, with one classifier, everything beside the seeds if there are any."""
        accepted = np.array([self._row_of[record.id] for record in self._synthetic.accepted])
        found = []
        with_check = self._f1(accepted, kind) if self._plan.readmitted else 0.0
        for check in self._plan.readmitted:
            self._plan.say(f"putting back what {check.item} dropped")
            rows = np.concatenate([accepted, [self._row_of[one.id] for one in check.records if one.labels]]).astype(
                np.int64
            )
            without = self._f1(rows, kind)
            draws = random_rows(rows, accepted, self.bench.targets, self._plan.seed, self.bench.effort.random)
            random = [self._f1(some, kind) for some in draws]
            spread = float(np.std(random, ddof=1)) if len(random) > 1 else 0.0
            found.append(
                AblationResult(
                    check.item,
                    check.dropped,
                    len(check.records),
                    kind,
                    with_check,
                    without,
                    float(np.mean(random)),
                    spread,
                )
            )
        return found

    def _f1(self, synthetic: Codes, kind: Kind) -> float:
        return self.bench.macro_f1(Arm("", self.seeds, synthetic), kind)

    def _main(self) -> Kind:
        """Return the classifier that does better on held-out seeds without any synthetic text."""
        losses = {kind: fitted.grid[0].log_loss for kind, fitted in self.weights.items() if fitted.grid}
        return min(losses, key=lambda kind: losses[kind]) if losses else "embeddings"

    def _fit(self, kind: Kind) -> FittedWeight:
        if self._rounds is None:
            repeats = self.bench.effort.repeats
            self._rounds = make_folds(
                self.seeds, self.bench.targets, self._allowed, seed=self._plan.seed, repeats=repeats
            )
        return fit_weight(self.bench.classifiers, kind, self._rounds, self.bench.targets)

    def _allowed(self, held: Codes) -> Codes:
        """Return the rows of the synthetic texts that a run without the held-out seeds would have selected."""
        if self._plan.knowing is None:
            return self.selected
        kept = self._plan.knowing([int(row - self.seeds[0]) for row in held])
        return np.array([self._row_of[record.id] for record in kept], np.int64)
