"""The file `evaluation.json` in a run's folder: its schema, and functions that read, write and delete it.

Numbers are rounded to six decimals. Keys that the schema does not name are allowed and kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from textsynth.core.errors import UsageError
from textsynth.store.dataset_hash import DATASET, dataset_hash
from textsynth.store.owned_files import OwnedFiles, file_hash, write_owned_json

FILE = "evaluation.json"
CARD = f"{DATASET}/README.md"
FORMAT = 2
"""The version of the file format that is written and read."""
DECIMALS = 6
MAX_INPUT_SHOWN = 40
REMEDY = "run `textsynth evaluate` again"

Effect = Literal["helps", "no_difference", "harms", "leak", "unknown"]
Number = Annotated[float, AfterValidator(lambda value: round(value, DECIMALS))]
Interval = Annotated[list[Number], Field(min_length=2, max_length=2)]
"""A 95 % confidence interval, [low, high]."""
Pair = Annotated[list[str], Field(min_length=2, max_length=2)]


class _Schema(BaseModel):
    """A JSON object; it is filled in from a mapping, or from the attributes of the object of the same names."""

    model_config = ConfigDict(extra="allow", from_attributes=True, allow_inf_nan=False)

    def as_json(self) -> dict[str, Any]:
        """Return the object as plain values."""
        return self.model_dump()


class SyntheticCountsSchema(_Schema):
    """The number of synthetic texts: all parsed ones, the selected ones, and the surplus."""

    raw: int
    selected: int
    surplus: int


class DataSchema(_Schema):
    """The sets: their sizes, the indices of excluded test rows, and the texts of each label by set."""

    name: str
    synthetic: SyntheticCountsSchema
    train: int
    dev: int
    all: int
    test: int
    excluded_test_rows: list[int]
    labels: list[str]
    multi_label: bool
    ordinal: bool
    label_counts: dict[str, dict[str, int]]


class LabelScoresSchema(_Schema):
    """The scores of one label, and its number of test rows."""

    f1: Number
    precision: Number
    recall: Number
    test_rows: int


class ArmScoresSchema(_Schema):
    """The scores of an arm with one classifier.

    `micro_f1` is null unless a text may have several labels, `quadratic_kappa` unless the labels are ordered. A random
    arm is the mean over `draws`, and `sd` the standard deviation of their macro-F1; both are null for the other arms.
    """

    macro_f1: Number
    accuracy: Number
    balanced_accuracy: Number
    micro_f1: Number | None
    quadratic_kappa: Number | None
    interval: Interval
    per_label: dict[str, LabelScoresSchema]
    train_rows: int
    sample_weight: Number
    draws: int | None = None
    sd: Number | None = None


class LabelChangeSchema(_Schema):
    """The change of one label's F1; `few_rows` marks labels with under 20 test rows."""

    change: Number
    interval: Interval
    test_rows: int
    few_rows: bool


class DifferenceSchema(_Schema):
    """Macro-F1 of an arm minus that of its baseline."""

    arm: str
    baseline: str
    classifier: str
    difference: Number
    interval: Interval
    per_label: dict[str, LabelChangeSchema]


class VerdictSchema(_Schema):
    """The verdict; the difference it rests on is null where there were no seeds."""

    effect: Effect
    classifier: str | None
    arm: str | None
    baseline: str | None
    difference: Number | None
    interval: Interval | None
    labels_better: list[str]
    labels_worse: list[str]
    labels_few_rows: list[str]
    test_copies: int
    sentences: list[str]


class WeightCandidateSchema(_Schema):
    """One weight of the grid with its mean log-loss on held-out seeds."""

    weight: Number
    log_loss: Number
    standard_error: Number


class FittedWeightSchema(_Schema):
    """The fitted sample weight of a synthetic text."""

    weight: Number
    prior: Number
    held_out_rows: int
    grid: list[WeightCandidateSchema]


class CurvePointSchema(_Schema):
    """A point of the learning curve of the seeds alone."""

    train_rows: int
    macro_f1: Number
    sd: Number


class AblationSchema(_Schema):
    """The ablation of one filter, as macro-F1 of a classifier."""

    step: str
    dropped: int
    readmitted: int
    classifier: str
    with_filter: Number
    without_filter: Number
    random_drop: Number
    random_drop_sd: Number


class ContributionSchema(_Schema):
    """What one generator, model or prompt contributes, as macro-F1 of a classifier, and what it took."""

    kind: str
    name: str
    texts: int
    requests: int
    tokens: int
    cost_share: Number | None
    classifier: str
    with_texts: Number
    without_texts: Number
    gain: Number
    interval: Interval
    random_drop: Number
    random_drop_sd: Number
    gain_over_random: Number
    interval_over_random: Interval


class CopyLimitsSchema(_Schema):
    """The limits above which near and semantic copies count: a Jaccard index and a cosine."""

    words: Number
    cosine: Number


class BaseRatesSchema(_Schema):
    """The shares of rows that copy another row of the same set."""

    rows: int
    exact: Number
    near: Number
    semantic: Number
    close: Number
    limits: CopyLimitsSchema


class CopySchema(_Schema):
    """A text and the row that it copies."""

    kind: Literal["exact", "near", "semantic", "family"]
    sets: Pair
    ids: Pair
    texts: Pair
    labels: Pair
    same_label: bool
    similarity: Number


class ContaminationSchema(_Schema):
    """Copies between the sets; the keys of the maps are pairs of sets such as `selected-test`."""

    test_copies: int
    above_base_rate: list[str]
    counts: dict[str, int]
    kinds: dict[str, dict[str, int]]
    copied_rows: dict[str, int]
    close: dict[str, int]
    label_conflicts: dict[str, int]
    base_rates: dict[str, BaseRatesSchema]
    pairs: list[CopySchema]


class WordSchema(_Schema):
    """A word that is characteristic of one side, and the share of the texts of each side that contain it."""

    word: str
    weight: Number
    synthetic: Number
    real: Number


class LengthSummarySchema(_Schema):
    """Lengths of the texts of one side in words."""

    mean: Number
    median: Number
    p10: Number
    p90: Number
    histogram: list[Number]


class LengthComparisonSchema(_Schema):
    """Lengths of both sides, null for a side without texts; `bin_edges` are those of both histograms."""

    synthetic: LengthSummarySchema | None
    real: LengthSummarySchema | None
    bin_edges: list[int]


class VocabularySchema(_Schema):
    """Distinct words of both sides, and the share of them that both use."""

    synthetic: int
    real: int
    shared: Number | None


class ShareSchema(_Schema):
    """The share of the labelled texts of each side that carry one label."""

    synthetic: Number | None
    real: Number | None


class DomainShiftSchema(_Schema):
    """How synthetic texts differ from real ones."""

    auc_words: Number | None
    auc_embeddings: Number | None
    texts_per_side: int
    synthetic_words: list[WordSchema]
    real_words: list[WordSchema]
    length: LengthComparisonSchema
    vocabulary: VocabularySchema
    labels: dict[str, ShareSchema]
    attributes: dict[str, dict[str, Number]]


class ColumnFidelitySchema(_Schema):
    """The similarity of one column between synthetic and real rows, 0 to 1, and the means of both sides."""

    column: str
    measure: Literal["KSComplement", "TVComplement"]
    score: Number
    category_coverage: Number | None
    synthetic: Number | None
    real: Number | None


class PairFidelitySchema(_Schema):
    """The similarity of the pairs of values of two columns, ContingencySimilarity, 0 to 1."""

    columns: Pair
    score: Number


class FidelitySchema(_Schema):
    """How similar the columns of synthetic and real rows are distributed, next to two halves of the real rows."""

    columns: list[ColumnFidelitySchema]
    surface_score: Number
    pair_score: Number
    worst_column: ColumnFidelitySchema
    worst_pair: PairFidelitySchema
    real_surface_score: Number | None
    real_pair_score: Number | None


class SeedProximitySchema(_Schema):
    """The share of the texts that are nearer to a seed than to as many real rows that no prompt showed."""

    share: Number
    interval: Interval
    texts: int
    rows: int
    real_share: Number | None
    overfits: bool


class DiversityScoresSchema(_Schema):
    """The diversity of the texts of one side."""

    distinct_1: Number | None
    distinct_2: Number | None
    compression_ratio: Number | None
    mean_similarity: Number | None
    vendi_score: Number | None
    duplicate_share: Number | None


class CoverageSchema(_Schema):
    """The share of real texts with a synthetic text nearby, next to the share with another real text nearby."""

    share: Number
    real_texts: int
    limit: Number
    reference: Number


class DiversitySchema(_Schema):
    """The diversity of both sides, null for a side without texts, and the coverage of real texts."""

    texts_per_side: int
    synthetic: DiversityScoresSchema | None
    real: DiversityScoresSchema | None
    coverage: CoverageSchema | None


class NearestTextSchema(_Schema):
    """A real text near a synthetic one."""

    text: str
    label: str
    similarity: Number
    set: str


class TextComparisonSchema(_Schema):
    """A synthetic text, why it was dropped ("" for a selected one), and the nearest text of each real set."""

    id: str
    text: str
    label: str
    selected: bool
    drop_reason: str
    nearest: list[NearestTextSchema]


class EvaluationSchema(_Schema):
    """The content of `evaluation.json`.

    `arms` maps an arm and a classifier to scores; `sample_weights` and `learning_curves` map classifiers.
    """

    version: int = FORMAT
    data: DataSchema
    classifiers: list[str]
    arms: dict[str, dict[str, ArmScoresSchema]]
    differences: list[DifferenceSchema]
    verdict: VerdictSchema
    sample_weights: dict[str, FittedWeightSchema]
    learning_curves: dict[str, list[CurvePointSchema]]
    ablation: list[AblationSchema]
    contributions: list[ContributionSchema] = Field(default_factory=list)
    contamination: ContaminationSchema
    domain_shift: DomainShiftSchema
    fidelity: FidelitySchema | None = None
    diversity: DiversitySchema
    privacy: SeedProximitySchema | None = None
    nearest_texts: list[TextComparisonSchema]
    notes: list[str]


def read_evaluation(folder: Path) -> dict[str, Any] | None:
    """Return the content of the evaluation in a run's folder, None where there is none.

    Raises UsageError for a damaged file, for one of another version of the format, and for one of another data set.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(content, dict):
        raise _damaged(path, f"it is a {type(content).__name__}, not an object")
    version = content.get("version", "missing")
    if version != FORMAT:
        raise UsageError(
            f"{path}: the evaluation has format version {version!r}, but this version of TextSynth reads {FORMAT}; "
            f"{REMEDY}"
        )
    try:
        evaluation = EvaluationSchema.model_validate(content, strict=True).as_json()
    except ValidationError as error:
        raise _damaged(path, _first_error(error)) from error
    except RecursionError as error:
        raise _damaged(path, "it is nested too deeply") from error
    evaluated = evaluation.pop("dataset", None)
    evaluation.pop("card", None)
    if evaluated is not None and evaluated != dataset_hash(folder):
        raise UsageError(f"{path}: the evaluation is of another data set than the one in this folder; {REMEDY}")
    return evaluation


def write_evaluation(folder: Path, content: Mapping[str, Any], *, card: str | None = None) -> None:
    """Write the evaluation of a run atomically, with the hashes of the data set that it is of and of its card.

    `card` is the text that the card is about to get; default: the one that it has.
    """
    card_hash = file_hash(folder / CARD) if card is None else sha256(card.encode("utf-8", "replace")).hexdigest()
    stamped = {**content, "dataset": dataset_hash(folder), "card": card_hash}
    write_owned_json(folder, FILE, stamped, indent=1, error="the evaluation cannot be written")


def check_card(folder: Path) -> None:
    """Raise UsageError where the card of a run is not the one that was written together with its evaluation.

    A card that the user has changed is none of ours, and is not compared.
    """
    try:
        stamp = json.loads((folder / FILE).read_text(encoding="utf-8"))["card"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return
    if stamp not in ("", file_hash(folder / CARD)) and OwnedFiles(folder).owns(CARD):
        raise UsageError(
            f"{folder / CARD}: is not the card that belongs to {FILE}: a command was stopped while it wrote the two; "
            "run `textsynth evaluate` again"
        )


def delete_evaluation(folder: Path) -> None:
    """Delete the evaluation of an earlier data set, if there is one that a run here wrote."""
    if (folder / FILE).exists():
        OwnedFiles(folder).remove(FILE)


def _damaged(path: Path, reason: str) -> UsageError:
    return UsageError(f"{path}: the evaluation is damaged ({reason}); {REMEDY}")


def _first_error(error: ValidationError) -> str:
    """Return the first error as a phrase such as `differences[2].interval is missing`."""
    details = error.errors(include_url=False)[0]
    where = _json_path(details["loc"])
    if details["type"] == "missing":
        return f"{where} is missing"
    value = repr(details["input"])
    shown = value if len(value) <= MAX_INPUT_SHOWN else value[:MAX_INPUT_SHOWN] + "…"
    expected = details["msg"].removeprefix("Input ").removeprefix("List ")
    return f"{where} {expected}, but is {shown}"


def _json_path(location: Sequence[str | int]) -> str:
    """Return a location such as `differences[2].interval`; keys that are no identifiers are quoted in brackets."""
    path = ""
    for part in location:
        path += f".{part}" if isinstance(part, str) and part.isidentifier() else f"[{part!r}]"
    return path.removeprefix(".")
