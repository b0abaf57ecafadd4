"""One evaluation, from the sets to the verdict: contamination, arms, sample weights, learning curves, ablation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from textsynth.core.errors import UsageError
from textsynth.core.records import Record
from textsynth.core.task import Task
from textsynth.evaluate.ablation import AblationCandidates
from textsynth.evaluate.classifiers import CLASSIFIERS, ClassifierName, Classifiers
from textsynth.evaluate.contamination import Contamination, find_contamination
from textsynth.evaluate.contributions import Contribution, measure_contributions
from textsynth.evaluate.cross_validation import Fold, make_folds
from textsynth.evaluate.data import LabelledPool, RealSets, SyntheticSet, check_sets, data_notes, labelled, labels_of
from textsynth.evaluate.diversity import Diversity, measure_diversity
from textsynth.evaluate.domain_shift import RESERVED_FIELDS, DomainShift, measure_domain_shift
from textsynth.evaluate.experiment_arms import FULL, NO_ROWS, QUICK, Arm, Experiment, make_arms, random_rows
from textsynth.evaluate.fidelity import Fidelity, measure_fidelity
from textsynth.evaluate.learning_curve import CurvePoint
from textsynth.evaluate.metrics import IntArray
from textsynth.evaluate.nearest_texts import TextComparison, nearest_real_texts
from textsynth.evaluate.origins import RequestOrigins
from textsynth.evaluate.own_classifier import OwnClassifier
from textsynth.evaluate.privacy import SeedProximity, measure_seed_proximity, shown_and_unseen
from textsynth.evaluate.results import ArmDifference, ArmResult
from textsynth.evaluate.sample_weight import FittedWeight, better_on_seeds, fit_weight
from textsynth.evaluate.verdict import EvaluationVerdict, Findings, reach_verdict
from textsynth.similarity.embedder import VectorStore
from textsynth.similarity.vectors import Vectors

MIN_REFERENCE_TEXTS = 100
Embed = Callable[[Sequence[str]], Vectors]
TextsWithoutSeeds = Callable[[Sequence[int]], Sequence[Record]]
"""Returns, for the indices of held-out seeds, the texts that a run without those seeds would have selected."""


@dataclass(frozen=True, slots=True)
class AblationResult:
    """The ablation of one filter, as macro-F1 of a classifier.

    `with_filter`: on the accepted texts. `without_filter`: with the readmitted texts as well. `random_drop`: after a
    random drop of as many texts as were readmitted, the mean of several draws, and `random_drop_sd` their standard
    deviation.
    """

    step: str
    dropped: int
    readmitted: int
    classifier: ClassifierName
    with_filter: float
    without_filter: float
    random_drop: float
    random_drop_sd: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All results of an evaluation.

    `labels` are in the recipe's order. `test` are the test rows that were scored; `excluded_test_rows` are the indices
    of those left out because a synthetic text copies them. `arm_results` and `differences` are in the order of the
    arms; `sample_weights` and `learning_curves` are by classifier.
    """

    synthetic: SyntheticSet
    real: RealSets
    labels: Sequence[str]
    multi_label: bool
    ordinal: bool
    test: Sequence[Record]
    excluded_test_rows: Sequence[int]
    experiment: Experiment
    arm_results: Sequence[ArmResult]
    differences: Sequence[ArmDifference]
    sample_weights: Mapping[ClassifierName, FittedWeight]
    learning_curves: Mapping[ClassifierName, Sequence[CurvePoint]]
    ablation: Sequence[AblationResult]
    contributions: Sequence[Contribution]
    contamination: Contamination
    domain_shift: DomainShift
    fidelity: Fidelity | None
    diversity: Diversity
    privacy: SeedProximity | None
    nearest_texts: Sequence[TextComparison]
    verdict: EvaluationVerdict
    notes: Sequence[str]

    @property
    def main_classifier(self) -> ClassifierName:
        """The classifier that the verdict rests on."""
        return self.verdict.difference.classifier if self.verdict.difference else CLASSIFIERS[-1]


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """How an evaluation is carried out.

    `task` gives the texts of a record: the classifiers see each of them, everything else sees them as one. `embedder`
    names the model behind `embed`, as a part of the cache keys; `cache` stores predictions. `labels` gives the order of
    the labels (empty: the order in which they occur). `full` takes more draws and repeats. `sources` are the names of
    the sources that may have held the seeds in the run. `texts_without_seeds` serves the fit of the sample weight; None
    takes all selected texts in every fold. `ablation_candidates` are the texts that switching each filter off would let
    through. `origins` says which model and prompt wrote each text. `unlabelled` are rows that prompts may have shown
    besides the seeds. `own` is a classifier of the user's own. `log` shows a line of progress to the user.
    """

    embed: Embed
    embedder: str
    cache: VectorStore
    task: Task = field(default_factory=Task)
    labels: Sequence[str] = ()
    multi_label: bool = False
    ordinal: bool = False
    full: bool = False
    seed: int = 0
    sources: Sequence[str] = ()
    own: OwnClassifier | None = None
    texts_without_seeds: TextsWithoutSeeds | None = None
    ablation_candidates: Sequence[AblationCandidates] = ()
    origins: RequestOrigins = field(default_factory=RequestOrigins)
    unlabelled: Sequence[Record] = ()
    log: Callable[[str], None] = field(default=lambda _: None)


def evaluate(synthetic: SyntheticSet, real: RealSets, plan: EvaluationPlan) -> Evaluation:
    """Return what the synthetic texts are worth on the real test rows. Raises UsageError for unusable sets."""
    check_sets(synthetic, real, multi_label=plan.multi_label)
    if plan.own and plan.multi_label:
        raise UsageError(f"{plan.own.name}: a classifier of your own predicts one label a text, and these have several")
    labels = list(plan.labels) or labels_of(real.train, real.test, real.dev, real.all_rows, synthetic.raw)
    plan.log("looking for contamination")
    joined, joined_real = synthetic.joined(plan.task), real.joined(plan.task)
    sets = {**joined_real.by_name(), "raw": joined.raw, "selected": joined.selected}
    contamination = find_contamination(sets, plan.embed)
    excluded = contamination.copied_rows("test")
    copied = set(excluded)
    test = [record for index, record in enumerate(real.test) if index not in copied]
    if not test:
        raise UsageError(
            f"{synthetic.name}: every test row is copied by a synthetic text, so that nothing is left to test on"
        )
    measurements = _Measurements(synthetic, real, plan, labels, test)
    for classifier in CLASSIFIERS:
        plan.log(f"training {len(measurements.arms)} arms on {classifier}")
        measurements.measure(classifier)
    if plan.own:
        plan.log(f"training {len(measurements.arms)} arms on {plan.own.name}")
        measurements.measure_arms(plan.own.name)
    privacy = _seed_proximity(joined.selected, joined_real, plan)
    findings = measurements.findings(contamination, privacy)
    plan.log("comparing with real texts")
    reference = reference_texts(joined_real, [plan.task.joined(record) for record in test])
    domain_shift, diversity = _compare(joined.selected, reference, plan, labels)
    shown = {name: rows for name, rows in {"train": joined_real.train, "test": joined_real.test}.items() if rows}
    return Evaluation(
        synthetic=synthetic,
        real=real,
        labels=labels,
        multi_label=plan.multi_label,
        ordinal=plan.ordinal,
        test=test,
        excluded_test_rows=excluded,
        experiment=measurements.experiment,
        arm_results=measurements.arm_results,
        differences=findings.differences,
        sample_weights=measurements.sample_weights,
        learning_curves=measurements.learning_curves,
        ablation=measurements.ablation(better_on_seeds(measurements.sample_weights)),
        contributions=measurements.contributions(better_on_seeds(measurements.sample_weights)),
        contamination=contamination,
        domain_shift=domain_shift,
        fidelity=measure_fidelity(
            joined.selected,
            reference,
            seed=plan.seed,
            other_fields=RESERVED_FIELDS.union(plan.task.required_fields),
        ),
        diversity=diversity,
        privacy=privacy,
        nearest_texts=nearest_real_texts(joined, shown, plan.embed, seed=plan.seed),
        verdict=reach_verdict(findings),
        notes=[
            *data_notes(synthetic, real, labels),
            *contamination.notes,
            *domain_shift.notes,
            *diversity.notes,
        ],
    )


def reference_texts(real: RealSets, test: Sequence[Record]) -> Sequence[Record]:
    """Return the real texts that domain shift and diversity are measured against: the largest set besides the test set.

    Where that has under 100 texts, the test rows are returned: they are only described here, nothing is fitted on them.
    """
    largest = max((real.all_rows, real.dev, real.train), key=len)
    return largest if len(largest) >= MIN_REFERENCE_TEXTS else test


def _compare(
    selected: Sequence[Record], real: Sequence[Record], plan: EvaluationPlan, labels: Sequence[str]
) -> tuple[DomainShift, Diversity]:
    texts = [[record.text for record in records] for records in (selected, real)]
    vectors = [plan.embed(side) for side in texts]
    domain_shift = measure_domain_shift(
        selected,
        real,
        vectors[0],
        vectors[1],
        labels=labels,
        seed=plan.seed,
        text_fields=plan.task.required_fields,
    )
    return domain_shift, measure_diversity(texts[0], texts[1], vectors[0], vectors[1], seed=plan.seed)


def _seed_proximity(selected: Sequence[Record], real: RealSets, plan: EvaluationPlan) -> SeedProximity | None:
    if not real.train:
        return None
    unlabelled = [plan.task.joined(row) for row in plan.unlabelled]
    seeds, unseen = shown_and_unseen(selected, real, plan.sources, unlabelled)
    vectors = [plan.embed([record.text for record in records]) for records in (selected, seeds, unseen)]
    return measure_seed_proximity(vectors[0], vectors[1], vectors[2], seed=plan.seed)


class _Measurements:
    """Measures the arms of one evaluation and collects the results, one classifier after the other."""

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
        pool = LabelledPool(labels, plan.multi_label, plan.task)
        self.raw = pool.add(labelled(synthetic.raw))
        self._row_of = {record.id: row for row, record in enumerate(pool.records)}
        self.selected = self._rows(synthetic.selected)
        self.seeds, dev, test_rows, all_rows = (
            pool.add(records) for records in (real.train, real.dev, test, real.all_rows)
        )
        readmitted = [record for candidates in plan.ablation_candidates for record in candidates.readmitted]
        self._row_of |= {record.id: row for record, row in zip(readmitted, pool.add(readmitted), strict=True)}
        classifiers = Classifiers(
            pool.texts,
            len(labels),
            multi_label=plan.multi_label,
            embed=plan.embed,
            embedder=plan.embedder,
            cache=plan.cache,
            own=plan.own,
            label_names=labels,
        )
        repetitions = FULL if plan.full else QUICK
        self.experiment = Experiment(
            pool, classifiers, test=test_rows, dev=dev, seed=plan.seed, repetitions=repetitions
        )
        self.arms = make_arms(self.seeds, self.selected, self.raw, all_rows, has_unselected=synthetic.has_unselected)
        self.arm_results: list[ArmResult] = []
        self.sample_weights: dict[ClassifierName, FittedWeight] = {}
        self.learning_curves: dict[ClassifierName, list[CurvePoint]] = {}
        self._folds: list[Fold] | None = None

    def measure(self, classifier: ClassifierName) -> None:
        """Measure every arm with one classifier, fit the sample weight and compute the learning curve."""
        results = self.measure_arms(classifier)
        if not len(self.seeds):
            return
        self._plan.log(f"fitting the sample weight on {classifier}")
        fitted = self._fit_weight(classifier)
        self.sample_weights[classifier] = fitted
        arm = Arm("fitted", self.seeds, self.selected, fitted.weight)
        self.arm_results.append(self.experiment.measure(arm, classifier))
        self.learning_curves[classifier] = self.experiment.learning_curve(results["seeds"], self.seeds)

    def measure_arms(self, classifier: ClassifierName) -> dict[str, ArmResult]:
        """Measure every arm with one classifier, the random arms too, and return the results by arm."""
        results = {arm.name: self.experiment.measure(arm, classifier) for arm in self.arms}
        if self._synthetic.has_unselected:
            results["random"] = self.experiment.random_arm("random", classifier, NO_ROWS, self.raw, self.selected)
            if len(self.seeds):
                results["seeds_random"] = self.experiment.random_arm(
                    "seeds_random", classifier, self.seeds, self.raw, self.selected
                )
        self.arm_results += results.values()
        return results

    def findings(self, contamination: Contamination, privacy: SeedProximity | None) -> Findings:
        """Return the results that the verdict rests on."""
        return Findings(
            main_classifier=self._plan.own.name if self._plan.own else better_on_seeds(self.sample_weights),
            differences=self.experiment.differences(self.arm_results),
            weights=self.sample_weights,
            learning_curves=self.learning_curves,
            test_copies=contamination.count("selected", "test"),
            is_contaminated=contamination.is_contaminated,
            privacy=privacy,
        )

    def ablation(self, classifier: ClassifierName) -> list[AblationResult]:
        """Return the ablation of each filter with one classifier; every training set includes the seeds."""
        if not self._plan.ablation_candidates:
            return []
        accepted = self._rows(self._synthetic.accepted)
        with_filter = self._macro_f1(accepted, classifier)
        results = []
        for candidates in self._plan.ablation_candidates:
            self._plan.log(f"putting back what {candidates.step} dropped")
            without_filter = np.concatenate([accepted, self._rows(labelled(candidates.readmitted))])
            draws = random_rows(
                without_filter,
                accepted,
                self.experiment.targets,
                self._plan.seed,
                self.experiment.repetitions.random_subsets,
            )
            random_drops = [self._macro_f1(rows, classifier) for rows in draws]
            results.append(
                AblationResult(
                    step=candidates.step,
                    dropped=candidates.dropped,
                    readmitted=len(candidates.readmitted),
                    classifier=classifier,
                    with_filter=with_filter,
                    without_filter=self._macro_f1(without_filter, classifier),
                    random_drop=float(np.mean(random_drops)),
                    random_drop_sd=float(np.std(random_drops, ddof=1)) if len(random_drops) > 1 else 0.0,
                )
            )
        return results

    def contributions(self, classifier: ClassifierName) -> list[Contribution]:
        """Return the contribution of each generator, model and prompt with one classifier."""
        self._plan.log("leaving out each generator, model and prompt")
        selected, origins = self._synthetic.selected, self._plan.origins
        return measure_contributions(self.experiment, classifier, self.seeds, self.selected, selected, origins)

    def _rows(self, records: Sequence[Record]) -> IntArray:
        return np.array([self._row_of[record.id] for record in records], np.int64)

    def _macro_f1(self, synthetic_rows: IntArray, classifier: ClassifierName) -> float:
        return self.experiment.macro_f1(Arm("", self.seeds, synthetic_rows), classifier)

    def _fit_weight(self, classifier: ClassifierName) -> FittedWeight:
        if self._folds is None:
            self._folds = make_folds(
                self.seeds,
                self.experiment.targets,
                self._synthetic_rows_without,
                seed=self._plan.seed,
                repeats=self.experiment.repetitions.cross_validations,
            )
        return fit_weight(self.experiment.classifiers, classifier, self._folds, self.experiment.targets)

    def _synthetic_rows_without(self, held_out: IntArray) -> IntArray:
        """Return the rows of the synthetic texts that a run without the held-out seeds would have selected."""
        if self._plan.texts_without_seeds is None:
            return self.selected
        return self._rows(self._plan.texts_without_seeds([int(row - self.seeds[0]) for row in held_out]))
