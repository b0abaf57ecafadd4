"""A labeller calibrated on gold rows: its requests, its calibration, its decisions, and whole runs."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.contexts import LABELS, context
from tests.runner.recipes import digest
from textsynth.core.errors import RecipeError
from textsynth.core.records import Completion, GenerationRequest, OptionScores, Provenance, Record
from textsynth.core.sessions import CalibratableSession
from textsynth.label.calibrated import CalibratedSession
from textsynth.label.choice import Choice
from textsynth.recipe import read_recipe
from textsynth.runner import RunSummary, run
from textsynth.store.manifest import read_manifest

TEXT = Record("Please send my money back.", Provenance("labelled"), ("refund",))


def gold_rows(count: int, label: str = "refund") -> list[Record]:
    return [Record(f"{label} row {index}", Provenance("gold", index=index), (label,)) for index in range(count)]


def start(gold: Sequence[Record], **options: object) -> CalibratedSession:
    step = Choice.model_validate({"gold": "gold", **options})
    session = step.start(context(sources={"gold": gold}), "choice")
    assert isinstance(session, CalibratedSession)
    return session


def votes(answers: str) -> list[Completion]:
    return [Completion(answer) for answer in answers.split()]


RIGHT, DIVIDED, WRONG = "refund refund refund", "refund refund delivery", "delivery delivery refund"


def test_only_a_labeller_with_gold_rows_is_calibrated() -> None:
    assert not isinstance(Choice().start(context(), "choice"), CalibratableSession)
    assert isinstance(start(gold_rows(20)), CalibratableSession)


def test_the_requests_for_gold_rows_are_those_of_texts_without_labels() -> None:
    gold = gold_rows(3)
    session = start(gold)
    assert [row.labels for row in session.gold_records()] == [(), (), ()]
    requests = session.build_requests(session.gold_records())
    uncalibrated = Choice().start(context(sources={"gold": gold}), "choice")
    assert requests == uncalibrated.build_requests(session.gold_records())
    assert [len(of_row) for of_row in requests] == [3, 3, 3]


def test_the_summary_has_the_accuracy_the_threshold_and_the_bins() -> None:
    summary = start(gold_rows(100), precision=0.95).calibrate(
        [votes(RIGHT)] * 60 + [votes(DIVIDED)] * 24 + [votes(WRONG)] * 16
    )
    assert summary["source"] == "gold"
    assert summary["all"] == {"rows": 100, "right": 84, "low": 0.7558, "high": 0.899}
    assert summary["precision"] == 0.95
    assert summary["kept"] == {"rows": 60, "right": 60, "low": 0.9398, "high": 1.0, "confidence": 0.9836, "before": 1.0}
    assert summary["labels"] == [{"label": "refund", **summary["all"]}]
    assert [(bin_["lowest"], bin_["rows"], bin_["right"]) for bin_ in summary["bands"]] == [
        (0.6667, 40, 24),
        (1.0, 60, 60),
    ]
    assert summary["sentence"] == (
        "choice: 84 % of 100 gold rows labelled correctly (76–90 %); from confidence .98 on, 100 % are correct"
        " (94–100 %) and 60 % of the gold rows pass"
    )


def start_calibrated(**options: object) -> CalibratedSession:
    session = start(gold_rows(100), **options)
    session.calibrate([votes(RIGHT)] * 60 + [votes(DIVIDED)] * 24 + [votes(WRONG)] * 16)
    return session


def test_a_text_gets_the_calibrated_and_the_raw_confidence() -> None:
    record, verdict = start_calibrated(precision=0.95).parse_responses(TEXT, votes(RIGHT))
    assert verdict is None
    assert record.scores == {"choice": 0.9836, "choice_raw": 1.0}
    assert record.labels == ("refund",)
    assert record.fields == {"chosen_label": "refund", "intended_label": "refund"}
    assert record.id == TEXT.id


@pytest.mark.parametrize(("on_low_confidence", "needs_review"), [("drop", False), ("review", True)])
def test_below_the_threshold_score_and_limit_are_calibrated_confidences(
    on_low_confidence: str, needs_review: bool
) -> None:
    session = start_calibrated(precision=0.95, on_low_confidence=on_low_confidence)
    record, verdict = session.parse_responses(TEXT, votes(DIVIDED))
    assert verdict is not None
    assert verdict.reason == "the calibrated confidence of the label is too low"
    assert (verdict.score, verdict.limit, verdict.needs_review) == (record.scores["choice"], 0.9836, needs_review)
    assert record.scores == {"choice": 0.6098, "choice_raw": 0.6667}


def test_a_disagreement_is_decided_as_without_gold() -> None:
    _, verdict = start_calibrated(precision=0.95).parse_responses(TEXT, votes("praise praise praise"))
    assert verdict is not None
    assert verdict.reason == "the model chose another label: praise"


def test_an_answer_that_names_no_label_has_the_reason_as_without_gold() -> None:
    record, verdict = start_calibrated(precision=0.95).parse_responses(TEXT, votes("none none none"))
    assert verdict is not None
    assert "none of the labels" in (verdict.reason or "")
    assert record == TEXT


def test_without_a_precision_min_confidence_applies_to_the_calibrated_confidence() -> None:
    record, verdict = start_calibrated(min_confidence=0.6).parse_responses(TEXT, votes(DIVIDED))
    assert verdict is None
    assert record.scores["choice"] == 0.6098
    _, verdict = start_calibrated(min_confidence=0.65).parse_responses(TEXT, votes(DIVIDED))
    assert verdict is not None
    assert (verdict.score, verdict.limit) == (0.6098, 0.65)


@pytest.mark.parametrize(("on_low_confidence", "consequence"), [("drop", "is dropped"), ("review", "goes to review")])
def test_where_no_confidence_reaches_the_precision_no_text_is_kept(on_low_confidence: str, consequence: str) -> None:
    session = start(gold_rows(40), precision=0.95, on_low_confidence=on_low_confidence)
    summary = session.calibrate([votes(RIGHT)] * 20 + [votes("delivery delivery delivery")] * 20)
    assert "kept" not in summary
    assert summary["sentence"] == (
        "choice: 50 % of 40 gold rows labelled correctly (35–65 %); no confidence has 95 % correct on at least 20 rows"
        f" (at most 50 % of 40), so every text {consequence}; lower the precision, or use a better model or prompt"
    )
    record, verdict = session.parse_responses(TEXT, votes(RIGHT))
    assert verdict is not None
    assert verdict.reason == "no confidence reaches the requested precision"
    assert (verdict.score, verdict.limit) == (record.scores["choice"], None)
    assert verdict.needs_review is (on_low_confidence == "review")


def test_rows_without_a_readable_label_count_as_incorrect_and_do_not_calibrate() -> None:
    summary = start(gold_rows(30), precision=0.9).calibrate([votes(RIGHT)] * 25 + [votes("none none none")] * 5)
    assert (summary["unread"], summary["all"]["right"]) == (5, 25)
    assert summary["kept"]["rows"] == 25
    assert "; 5 rows got no label; from confidence .96 on" in summary["sentence"]
    assert "83 % of the gold rows pass" in summary["sentence"]


def test_too_few_rows_are_reported() -> None:
    summary = start(gold_rows(12)).calibrate([votes(RIGHT)] * 12)
    assert summary["sentence"].endswith("; fewer than 20 gold rows are too few for a reliable result")
    assert summary["kept"]["rows"] == 12


def test_labels_with_fewer_than_10_rows_have_no_accuracy_of_their_own() -> None:
    gold = [*gold_rows(9), *gold_rows(11, "delivery")]
    summary = start(gold).calibrate([votes(RIGHT)] * 9 + [votes(WRONG)] * 11)
    assert [(entry["label"], entry["rows"], entry["right"]) for entry in summary["labels"]] == [("delivery", 11, 11)]


def test_a_row_with_several_labels_is_correct_only_as_a_whole() -> None:
    gold = [Record(f"row {n}", Provenance("gold", index=n), ("refund", "praise")) for n in range(4)]
    session = Choice(gold="gold", votes=1).start(context(sources={"gold": gold}, multi_label=True), "choice")
    assert isinstance(session, CalibratedSession)
    answers = ("refund, praise", "praise,refund", "refund", "refund, praise, delivery")
    summary = session.calibrate([[Completion(answer)] for answer in answers])
    assert summary["all"]["right"] == 2


def test_probabilities_are_calibrated_too() -> None:
    session = start(gold_rows(40), method="logprobs", votes=1, precision=0.9)

    def answer(requests: Sequence[GenerationRequest], probability: float) -> list[Completion]:
        """Answer with this probability of the label refund."""
        (request,) = requests
        assert request.prompt is not None
        lines = request.prompt.messages[0].content.splitlines()
        refund = next(line[0] for line in lines if line[1:3] == ". " and line[3:].startswith("refund"))
        probabilities = {
            letter: probability if letter == refund else (1 - probability) / 2 for letter in request.options
        }
        logprobs = {letter: math.log(value) for letter, value in probabilities.items()}
        return [Completion("", scores=OptionScores(logprobs, exact=True))]

    requests = session.build_requests(session.gold_records())
    answers = [answer(of_row, 0.3 if index < 10 else 0.8) for index, of_row in enumerate(requests)]
    summary = session.calibrate(answers)
    assert (summary["all"]["right"], summary["kept"]["rows"], summary["kept"]["before"]) == (30, 30, 0.8)
    (requests_of_text,) = session.build_requests([TEXT])
    record, verdict = session.parse_responses(TEXT, answer(requests_of_text, 0.8))
    assert verdict is None
    assert record.scores == {"choice": summary["kept"]["confidence"], "choice_raw": 0.8}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": 0.9}, "precision needs gold"),
        ({"precision": 0.9, "gold": "g", "min_confidence": 0.6}, "remove one of them"),
        ({"gold": "g", "source": "g"}, "gold and source are both 'g'"),
        ({"gold": "g", "precision": 95}, "precision"),
    ],
)
def test_options_that_exclude_each_other_are_an_error(options: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        Choice(**options)  # type: ignore[arg-type]


# Whole runs. The labelling model reads the label off the text, and is wrong about half of the texts with `perhaps`.
MODELS = """\
import re

NAMES = ("order", "chairs", "lamp", "shoes", "bicycle", "parcel", "jacket", "table", "kettle", "tent")


def write(request):
    start = int(request.key[:8], 16)
    label = re.findall("label: *([a-z]+)", str(request.prompt.messages))
    word = ("refund", "delivery", "perhaps a refund")[start % 3]
    return "\\n".join(f"{n}. {word} for {NAMES[(start + n) % 10]} number {start // 7 + n}" for n in range(1, 5))


def choose(request):
    text = request.prompt.messages[-1].content
    if "perhaps" in text and int(request.key[:4], 16) % 2:
        return "delivery"
    return "refund" if "refund" in text else "delivery"
"""
GOLD = [
    (f"{word} for {thing} {n}", label)
    for n in range(10)
    for word, thing, label in (
        ("refund", "a lamp", "refund"),
        ("where is", "my lamp", "delivery"),
        ("perhaps a refund", "a lamp", "refund"),
    )
]


def write_recipe(folder: Path, gold: Sequence[tuple[str, str]], **choice: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "models.py").write_text(MODELS)
    lines = "".join(f"{text},{label}\n" for text, label in gold)
    (folder / "gold.csv").write_text(f"text,label\n{lines}")
    concurrency = choice.pop("concurrency", 16)
    recipe = {
        "version": 1,
        "name": "calibrated",
        "models": {
            "generator": {"scripted": {"function": "./models.py:write", "concurrency": concurrency}},
            "judge": {"scripted": {"function": "./models.py:choose", "concurrency": concurrency}},
        },
        "labels": {"refund": "asks for money back", "delivery": "asks where a parcel is"},
        "sources": {"checked": "gold.csv"},
        "generate": ["labelled"],
        "filter": ["exact_duplicate"],
        "label": [{"choice": {"model": "judge", "on_disagreement": "relabel", "gold": "checked", **choice}}],
        "select": [],
        "want": 40,
        "budget": {"requests": 900},
    }
    (folder / "recipe.yaml").write_text(json.dumps(recipe))
    return folder / "recipe.yaml"


def run_calibrated(folder: Path, **choice: object) -> RunSummary:
    return run(read_recipe(write_recipe(folder, GOLD, **choice)), out=folder / "run")


def test_notes_manifest_card_and_report_of_a_run_have_the_calibration(tmp_path: Path) -> None:
    result = run_calibrated(tmp_path, precision=0.85)
    assert result.exit_code == 0
    summary = read_manifest(result.folder)["calibration"]["choice"]
    assert (summary["source"], summary["all"]["rows"], summary["unread"]) == ("checked", 30, 0)
    assert summary["kept"]["right"] / summary["kept"]["rows"] >= 0.85
    assert summary["sentence"] in result.manifest["notes"]
    card = (result.folder / "dataset" / "README.md").read_text()
    assert "choice was right on" in card
    assert "30 gold rows" in card
    assert "not calibrated" not in card
    assert "Calibration of choice on gold rows" in (result.folder / "report.html").read_text()
    # Gold rows are charged like texts: three votes each.
    assert result.manifest["requests"]["planned"] > 3 * 30


def test_gold_rows_become_neither_texts_nor_examples(tmp_path: Path) -> None:
    result = run_calibrated(tmp_path, precision=0.85)
    texts = {text for text, _ in GOLD}
    counts = result.manifest["counts"]
    assert counts["candidates"] == counts["accepted"] + counts["dropped"] + counts["review"]
    import pyarrow.parquet as parquet

    for name in ("data", "dropped"):
        for path in (result.folder / "dataset" / name).glob("*.parquet"):
            assert texts.isdisjoint(parquet.read_table(path)["text"].to_pylist())


def test_the_bytes_do_not_depend_on_concurrency_and_a_second_run_sends_nothing(tmp_path: Path) -> None:
    first, parallel = (run_calibrated(tmp_path / str(n), precision=0.85, concurrency=n) for n in (1, 64))
    assert digest(first.folder) == digest(parallel.folder)
    again = run(read_recipe(tmp_path / "1" / "recipe.yaml"), out=first.folder)
    assert again.manifest["requests"]["sent"] == 0
    assert digest(again.folder, card=True) == digest(first.folder, card=True)
    assert again.manifest["calibration"] == first.manifest["calibration"] == parallel.manifest["calibration"]


def test_adding_gold_to_a_recipe_sends_only_the_requests_for_the_gold_rows(tmp_path: Path) -> None:
    path = write_recipe(tmp_path, GOLD)
    without = run(read_recipe(path, ["label.0.choice.gold=null", "want=8"]), out=tmp_path / "run")
    assert "calibration" not in without.manifest
    after = run(read_recipe(path, ["want=8", "label.0.choice.min_confidence=0"]), out=tmp_path / "run")
    assert after.manifest["requests"]["sent"] == 3 * len(GOLD)


def test_gold_rows_are_charged_to_the_budget(tmp_path: Path) -> None:
    path = write_recipe(tmp_path, GOLD, precision=0.85)
    result = run(read_recipe(path, ["budget.requests=120"]), out=tmp_path / "run")
    assert (result.exit_code, result.stopped) == (3, "budget")
    assert 3 * len(GOLD) < result.manifest["requests"]["planned"] <= 120
    short = run(read_recipe(path, ["budget.requests=60"]), out=tmp_path / "short")
    assert (short.stopped, short.manifest["requests"]["planned"]) == ("budget", 60)
    assert short.manifest["calibration"]["choice"]["unread"] == 10


def test_a_run_whose_precision_is_not_reached_accepts_nothing_and_notes_why(tmp_path: Path) -> None:
    mislabelled = [(text, "delivery" if label == "refund" else "refund") for text, label in GOLD]
    path = write_recipe(tmp_path, mislabelled, precision=0.95, on_low_confidence="review")
    result = run(read_recipe(path, ["budget.requests=300"]), out=tmp_path / "run")
    assert result.exit_code == 3
    assert result.manifest["counts"]["accepted"] == 0
    assert result.manifest["counts"]["review"] > 0
    assert any("no confidence has 95 % correct" in note for note in result.manifest["notes"])
    assert {drop["section"] for drop in result.manifest["drops"]} == {"review"}


@pytest.mark.parametrize("name", sorted(LABELS))
def test_gold_rows_can_have_any_label(name: str) -> None:
    answers = [votes(" ".join([name] * 3))] * 20
    assert start(gold_rows(20, name), precision=1.0).calibrate(answers)["kept"]["rows"] == 20
