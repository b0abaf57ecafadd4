"""The content of `evaluation.json` and of `textsynth evaluate --json` for an evaluation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from textsynth.core.records import Record
from textsynth.evaluate.contamination import Contamination
from textsynth.evaluate.evaluate import Evaluation
from textsynth.evaluate.overlap import BaseRates
from textsynth.evaluate.results import ArmDifference, arm_scores
from textsynth.evaluate.verdict import EvaluationVerdict
from textsynth.store.evaluation import (
    AblationSchema,
    ArmScoresSchema,
    BaseRatesSchema,
    ContaminationSchema,
    ContributionSchema,
    CopyLimitsSchema,
    CopySchema,
    CurvePointSchema,
    DataSchema,
    DifferenceSchema,
    DiversitySchema,
    DomainShiftSchema,
    EvaluationSchema,
    FidelitySchema,
    FittedWeightSchema,
    LabelChangeSchema,
    SeedProximitySchema,
    SyntheticCountsSchema,
    TextComparisonSchema,
    VerdictSchema,
)

SIMILARITY_DECIMALS = 4


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """Return the evaluation as plain values under the keys of `evaluation.json`."""
    return evaluation_schema(evaluation).as_json()


def evaluation_schema(evaluation: Evaluation) -> EvaluationSchema:
    """Return the evaluation in the schema of `evaluation.json`, with numbers rounded to six decimals."""
    return EvaluationSchema(
        data=_data(evaluation),
        classifiers=list(dict.fromkeys(result.classifier for result in evaluation.arm_results)),
        arms=_arms(evaluation),
        differences=[_difference(difference) for difference in evaluation.differences],
        verdict=_verdict(evaluation.verdict),
        sample_weights={
            classifier: FittedWeightSchema.model_validate(fitted)
            for classifier, fitted in evaluation.sample_weights.items()
        },
        learning_curves={
            classifier: [CurvePointSchema.model_validate(point) for point in curve]
            for classifier, curve in evaluation.learning_curves.items()
        },
        ablation=[AblationSchema.model_validate(result) for result in evaluation.ablation],
        contributions=[ContributionSchema.model_validate(result) for result in evaluation.contributions],
        contamination=contamination_schema(evaluation.contamination),
        domain_shift=DomainShiftSchema.model_validate(evaluation.domain_shift),
        fidelity=FidelitySchema.model_validate(evaluation.fidelity) if evaluation.fidelity else None,
        diversity=DiversitySchema.model_validate(evaluation.diversity),
        privacy=SeedProximitySchema.model_validate(evaluation.privacy) if evaluation.privacy else None,
        nearest_texts=[TextComparisonSchema.model_validate(text) for text in evaluation.nearest_texts],
        notes=list(evaluation.notes),
    )


def contamination_schema(contamination: Contamination) -> ContaminationSchema:
    """Return the contamination in the schema of `evaluation.json`, with rates and similarities to four decimals."""
    overlaps = contamination.overlaps
    return ContaminationSchema(
        test_copies=contamination.test_copies,
        above_base_rate=list(contamination.above_base_rate),
        counts={name: overlap.count for name, overlap in overlaps.items()},
        kinds={name: {str(kind): count for kind, count in overlap.kinds.items()} for name, overlap in overlaps.items()},
        copied_rows={name: len(overlap.copied_rows) for name, overlap in overlaps.items()},
        close={name: overlap.close for name, overlap in overlaps.items()},
        label_conflicts={name: overlap.label_conflicts for name, overlap in overlaps.items()},
        base_rates={name: _base_rates(rates) for name, rates in contamination.base_rates.items()},
        pairs=[
            CopySchema(
                kind=pair.kind,
                sets=list(pair.sets),
                ids=list(pair.ids),
                texts=list(pair.texts),
                labels=list(pair.labels),
                same_label=pair.same_label,
                similarity=round(pair.similarity, SIMILARITY_DECIMALS),
            )
            for pair in contamination.pairs
        ],
    )


def _base_rates(base_rates: BaseRates) -> BaseRatesSchema:
    rates = {kind: round(rate, SIMILARITY_DECIMALS) for kind, rate in base_rates.rates.items()}
    limits = CopyLimitsSchema(
        words=round(base_rates.words, SIMILARITY_DECIMALS), cosine=round(base_rates.cosine, SIMILARITY_DECIMALS)
    )
    return BaseRatesSchema(rows=base_rates.rows, limits=limits, **rates)


def _arms(evaluation: Evaluation) -> dict[str, dict[str, ArmScoresSchema]]:
    truth = evaluation.experiment.truth
    arms: dict[str, dict[str, ArmScoresSchema]] = {}
    for result in evaluation.arm_results:
        scores = arm_scores(result, evaluation.labels, truth, ordinal=evaluation.ordinal)
        arms.setdefault(result.arm, {})[result.classifier] = ArmScoresSchema.model_validate(scores)
    return arms


def _data(evaluation: Evaluation) -> DataSchema:
    synthetic, real = evaluation.synthetic, evaluation.real
    sets = {
        **real.by_name(),
        "raw": synthetic.raw,
        "selected": synthetic.selected,
        "test": evaluation.test,
    }
    return DataSchema(
        name=synthetic.name,
        synthetic=SyntheticCountsSchema(
            raw=len(synthetic.raw), selected=len(synthetic.selected), surplus=len(synthetic.surplus)
        ),
        train=len(real.train),
        dev=len(real.dev),
        all=len(real.all_rows),
        test=len(evaluation.test),
        excluded_test_rows=list(evaluation.excluded_test_rows),
        labels=list(evaluation.labels),
        multi_label=evaluation.multi_label,
        ordinal=evaluation.ordinal,
        label_counts={name: _label_counts(records, evaluation.labels) for name, records in sets.items()},
    )


def _label_counts(records: Sequence[Record], labels: Sequence[str]) -> dict[str, int]:
    counts = Counter(label for record in records for label in record.labels)
    return {label: counts[label] for label in labels}


def _difference(difference: ArmDifference) -> DifferenceSchema:
    return DifferenceSchema(
        arm=difference.arm,
        baseline=difference.baseline,
        classifier=difference.classifier,
        difference=difference.difference,
        interval=list(difference.interval),
        per_label={change.label: LabelChangeSchema.model_validate(change) for change in difference.per_label},
    )


def _verdict(verdict: EvaluationVerdict) -> VerdictSchema:
    difference = verdict.difference
    return VerdictSchema(
        effect=verdict.effect,
        classifier=difference.classifier if difference else None,
        arm=difference.arm if difference else None,
        baseline=difference.baseline if difference else None,
        difference=difference.difference if difference else None,
        interval=list(difference.interval) if difference else None,
        labels_better=verdict.labels_better,
        labels_worse=verdict.labels_worse,
        labels_few_rows=verdict.labels_few_rows,
        test_copies=verdict.test_copies,
        sentences=list(verdict.sentences),
    )
