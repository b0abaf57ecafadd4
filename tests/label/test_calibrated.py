"""A labeller that is tried on gold rows: what it is asked, what it learns, what becomes of texts, and whole runs."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.contexts import LABELS, context
from tests.runner.recipes import digest
from textsynth.core.errors import RecipeError
from textsynth.core.protocols import CalibratableSession
from textsynth.core.records import Completion, GenerationRequest, OptionScores, Provenance, Record
from textsynth.label.calibrated import CalibratedSession
from textsynth.label.choice import Choice
from textsynth.recipe import read_recipe
from textsynth.runner import RunSummary, run
from textsynth.store.manifest import read_manifest

TEXT = Record("Please send my money back.", Provenance("labelled"), ("refund",))


def rows(count: int, label: str = "refund") -> list[Record]:
    return [Record(f"{label} row {place}", Provenance("gold", index=place), (label,)) for place in range(count)]


def desk(gold: Sequence[Record], **options: object) -> CalibratedSession:
    step = Choice.model_validate({"gold": "gold", **options})
    found = step.start(context(sources={"gold": gold}), "choice")
    assert isinstance(found, CalibratedSession)
    return found


def votes(text: str) -> list[Completion]:
    return [Completion(one) for one in text.split()]


RIGHT, DOUBTFUL, WRONG = "refund refund refund", "refund refund delivery", "delivery delivery refund"


def test_a_labeller_without_gold_is_not_tried() -> None:
    assert not isinstance(Choice().start(context(), "choice"), CalibratableSession)
    assert isinstance(desk(rows(20)), CalibratableSession)


def test_gold_rows_are_asked_about_like_texts_and_blind() -> None:
    gold = rows(3)
    one = desk(gold)
    assert [row.labels for row in one.gold_records()] == [(), (), ()]
    asked = one.build_requests(one.gold_records())
    assert asked == Choice().start(context(sources={"gold": gold}), "choice").build_requests(one.gold_records())
    assert [len(some) for some in asked] == [3, 3, 3]


def test_it_learns_how_often_it_is_right_and_from_where_enough_labels_are() -> None:
    gold = rows(100)
    told = desk(gold, precision=0.95).calibrate([votes(RIGHT)] * 60 + [votes(DOUBTFUL)] * 24 + [votes(WRONG)] * 16)
    assert told["source"] == "gold"
    assert told["all"] == {"rows": 100, "right": 84, "low": 0.7558, "high": 0.899}
    assert told["precision"] == 0.95
    assert told["kept"] == {"rows": 60, "right": 60, "low": 0.9398, "high": 1.0, "confidence": 0.9836, "before": 1.0}
    assert told["labels"] == [{"label": "refund", **told["all"]}]
    assert [(band["lowest"], band["rows"], band["right"]) for band in told["bands"]] == [
        (0.6667, 40, 24),
        (1.0, 60, 60),
    ]
    assert told["sentence"] == (
        "choice: right on 84 % of 100 gold rows (76–90 %); kept from confidence .98: 100 % right (94–100 %), 60 % of"
        " them pass"
    )


def learnt(**options: object) -> CalibratedSession:
    one = desk(rows(100), **options)
    one.calibrate([votes(RIGHT)] * 60 + [votes(DOUBTFUL)] * 24 + [votes(WRONG)] * 16)
    return one


def test_a_text_has_the_calibrated_confidence_and_keeps_the_raw_one() -> None:
    record, verdict = learnt(precision=0.95).parse_responses(TEXT, votes(RIGHT))
    assert verdict is None
    assert record.scores == {"choice": 0.9836, "choice_raw": 1.0}
    assert record.labels == ("refund",)
    assert record.fields == {"chosen_label": "refund", "intended_label": "refund"}
    assert record.id == TEXT.id


@pytest.mark.parametrize(("unsure", "review"), [("drop", False), ("review", True)])
def test_below_the_limit_number_and_limit_are_of_the_same_scale(unsure: str, review: bool) -> None:
    record, verdict = learnt(precision=0.95, unsure=unsure).parse_responses(TEXT, votes(DOUBTFUL))
    assert verdict is not None
    assert verdict.reason == "the label is too seldom right at this confidence"
    assert (verdict.score, verdict.limit, verdict.needs_review) == (record.scores["choice"], 0.9836, review)
    assert record.scores == {"choice": 0.6098, "choice_raw": 0.6667}


def test_another_label_is_still_another_label() -> None:
    _, verdict = learnt(precision=0.95).parse_responses(TEXT, votes("praise praise praise"))
    assert verdict is not None
    assert verdict.reason == "the model chose another label: praise"


def test_an_answer_that_names_no_label_is_told_as_without_gold() -> None:
    record, verdict = learnt(precision=0.95).parse_responses(TEXT, votes("none none none"))
    assert verdict is not None
    assert "none of the labels" in (verdict.reason or "")
    assert record == TEXT


def test_without_a_precision_the_confidence_needed_is_calibrated() -> None:
    record, verdict = learnt(min_confidence=0.6).parse_responses(TEXT, votes(DOUBTFUL))
    assert verdict is None
    assert record.scores["choice"] == 0.6098
    _, verdict = learnt(min_confidence=0.65).parse_responses(TEXT, votes(DOUBTFUL))
    assert verdict is not None
    assert (verdict.score, verdict.limit) == (0.6098, 0.65)


@pytest.mark.parametrize(("unsure", "becomes"), [("drop", "is dropped"), ("review", "waits for a person")])
def test_where_no_confidence_reaches_the_precision_nothing_is_kept_and_it_is_said(unsure: str, becomes: str) -> None:
    one = desk(rows(40), precision=0.95, unsure=unsure)
    told = one.calibrate([votes(RIGHT)] * 20 + [votes("delivery delivery delivery")] * 20)
    assert "kept" not in told
    assert told["sentence"] == (
        "choice: right on 50 % of 40 gold rows (35–65 %); no confidence has 95 % right on 20 rows or more (at most 50 %"
        f" of 40), so every text {becomes}; ask for less, or take a better model or prompt"
    )
    record, verdict = one.parse_responses(TEXT, votes(RIGHT))
    assert verdict is not None
    assert verdict.reason == "no confidence reaches the precision asked for"
    assert (verdict.score, verdict.limit, verdict.needs_review) == (record.scores["choice"], None, unsure == "review")


def test_rows_that_got_no_label_are_not_right_and_teach_nothing() -> None:
    told = desk(rows(30), precision=0.9).calibrate([votes(RIGHT)] * 25 + [votes("none none none")] * 5)
    assert (told["unread"], told["all"]["right"]) == (5, 25)
    assert told["kept"]["rows"] == 25
    assert "; 5 rows got no label; kept from confidence .96" in told["sentence"]
    assert "83 % of them pass" in told["sentence"]


def test_too_few_rows_are_said() -> None:
    told = desk(rows(12)).calibrate([votes(RIGHT)] * 12)
    assert told["sentence"].endswith("; fewer than 20 rows say little")
    assert told["kept"]["rows"] == 12


def test_labels_of_fewer_than_10_rows_are_not_told_apart() -> None:
    gold = [*rows(9), *rows(11, "delivery")]
    told = desk(gold).calibrate([votes(RIGHT)] * 9 + [votes(WRONG)] * 11)
    assert [(one["label"], one["rows"], one["right"]) for one in told["labels"]] == [("delivery", 11, 11)]


def test_several_labels_are_right_where_all_are() -> None:
    gold = [Record(f"row {n}", Provenance("gold", index=n), ("refund", "praise")) for n in range(4)]
    one = Choice(gold="gold", votes=1).start(context(sources={"gold": gold}, multi_label=True), "choice")
    assert isinstance(one, CalibratedSession)
    answers = ("refund, praise", "praise,refund", "refund", "refund, praise, delivery")
    told = one.calibrate([[Completion(answer)] for answer in answers])
    assert told["all"]["right"] == 2


def test_probabilities_are_calibrated_too() -> None:
    gold = rows(40)
    one = desk(gold, by="probabilities", votes=1, precision=0.9)

    def held(asks: Sequence[GenerationRequest], share: float) -> list[Completion]:
        (ask,) = asks
        assert ask.prompt is not None
        lines = ask.prompt.messages[0].content.splitlines()
        letter = next(line[0] for line in lines if line[1:3] == ". " and line[3:].startswith("refund"))
        rest = {code: (1 - share) / 2 for code in ask.options if code != letter}
        known = {code: math.log(value) for code, value in {letter: share, **rest}.items()}
        return [Completion("", scores=OptionScores(known, exact=True))]

    asked = one.build_requests(one.gold_records())
    told = one.calibrate([held(asks, 0.3 if place < 10 else 0.8) for place, asks in enumerate(asked)])
    assert (told["all"]["right"], told["kept"]["rows"], told["kept"]["before"]) == (30, 30, 0.8)
    (asks,) = one.build_requests([TEXT])
    record, verdict = one.parse_responses(TEXT, held(asks, 0.8))
    assert verdict is None
    assert record.scores == {"choice": told["kept"]["confidence"], "choice_raw": 0.8}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"precision": 0.9}, "precision needs gold"),
        ({"precision": 0.9, "gold": "g", "min_confidence": 0.6}, "take min_confidence out"),
        ({"gold": "g", "from_": "g"}, "gold and from are both 'g'"),
        ({"gold": "g", "precision": 95}, "precision"),
    ],
)
def test_what_does_not_go_together_is_a_mistake(options: dict[str, object], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        Choice(**options)  # type: ignore[arg-type]


# Whole runs: a judge that reads the label off the text, and doubts what holds `perhaps`.
MODELS = """\
import re

NAMES = ("order", "chairs", "lamp", "shoes", "bicycle", "parcel", "jacket", "table", "kettle", "tent")


def write(request):
    start = int(request.key[:8], 16)
    label = re.findall("label: *([a-z]+)", str(request.prompt.messages))
    word = ("refund", "delivery", "perhaps a refund")[start % 3]
    return "\\n".join(f"{n}. {word} for {NAMES[(start + n) % 10]} number {start // 7 + n}" for n in range(1, 5))


def judge(request):
    text = request.prompt.messages[-1].content
    if "perhaps" in text and int(request.key[:4], 16) % 2:
        return "delivery"
    return "refund" if "refund" in text else "delivery"
"""


def recipe_file(folder: Path, gold: Sequence[tuple[str, str]], **choice: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "models.py").write_text(MODELS)
    lines = "".join(f"{text},{label}\n" for text, label in gold)
    (folder / "gold.csv").write_text(f"text,label\n{lines}")
    in_flight = choice.pop("concurrency", 16)
    unread = {"scripted": {"function": "./models.py:write", "concurrency": in_flight}}
    judge = {"scripted": {"function": "./models.py:judge", "concurrency": in_flight}}
    told = {
        "version": 1,
        "name": "tried",
        "models": {"generator": unread, "judge": judge},
        "labels": {"refund": "asks for money back", "delivery": "asks where a parcel is"},
        "sources": {"checked": "gold.csv"},
        "generate": ["labelled"],
        "filter": ["exact_duplicate"],
        "label": [{"choice": {"model": "judge", "disagree": "relabel", "gold": "checked", **choice}}],
        "select": [],
        "want": 40,
        "budget": {"requests": 900},
    }
    (folder / "recipe.yaml").write_text(json.dumps(told))
    return folder / "recipe.yaml"


GOLD = [
    (f"{word} for {thing} {n}", label)
    for n in range(10)
    for word, thing, label in (
        ("refund", "a lamp", "refund"),
        ("where is", "my lamp", "delivery"),
        ("perhaps a refund", "a lamp", "refund"),
    )
]


def tried(folder: Path, **choice: object) -> RunSummary:
    return run(read_recipe(recipe_file(folder, GOLD, **choice)), out=folder / "run")


def test_a_run_tells_in_notes_manifest_card_and_report_what_its_labels_are_worth(tmp_path: Path) -> None:
    result = tried(tmp_path, precision=0.85)
    assert result.exit_code == 0
    told = read_manifest(result.folder)["calibration"]["choice"]
    assert (told["source"], told["all"]["rows"], told["unread"]) == ("checked", 30, 0)
    assert told["kept"]["right"] / told["kept"]["rows"] >= 0.85
    assert told["sentence"] in result.manifest["notes"]
    card = (result.folder / "dataset" / "README.md").read_text()
    assert "choice was right on" in card
    assert "30 gold rows" in card
    assert "not calibrated" not in card
    assert "tried on gold rows" in (result.folder / "report.html").read_text()
    # as every text is charged, so are gold rows: three votes each
    assert result.manifest["requests"]["planned"] > 3 * 30


def test_gold_rows_become_no_text_and_no_example(tmp_path: Path) -> None:
    result = tried(tmp_path, precision=0.85)
    texts = {text for text, _ in GOLD}
    counts = result.manifest["counts"]
    assert counts["candidates"] == counts["accepted"] + counts["dropped"] + counts["review"]
    import pyarrow.parquet as parquet

    for name in ("data", "dropped"):
        for path in (result.folder / "dataset" / name).glob("*.parquet"):
            assert texts.isdisjoint(parquet.read_table(path)["text"].to_pylist())


def test_the_bytes_are_the_same_at_any_number_in_flight_and_again(tmp_path: Path) -> None:
    one, multi_label = (tried(tmp_path / str(count), precision=0.85, in_flight=count) for count in (1, 64))
    assert digest(one.folder) == digest(multi_label.folder)
    again = run(read_recipe(tmp_path / "1" / "recipe.yaml"), out=one.folder)
    assert again.manifest["requests"]["sent"] == 0
    assert digest(again.folder, card=True) == digest(one.folder, card=True)
    assert again.manifest["calibration"] == one.manifest["calibration"] == multi_label.manifest["calibration"]


def test_gold_pays_for_its_own_rows_alone(tmp_path: Path) -> None:
    """A recipe to which gold is added finds every answer that it had."""
    path = recipe_file(tmp_path, GOLD)
    without = run(read_recipe(path, ["label.0.choice.gold=null", "want=8"]), out=tmp_path / "run")
    assert "gold" not in without.manifest
    after = run(read_recipe(path, ["want=8", "label.0.choice.min_confidence=0"]), out=tmp_path / "run")
    assert after.manifest["requests"]["sent"] == 3 * len(GOLD)


def test_gold_rows_are_charged_to_the_budget(tmp_path: Path) -> None:
    path = recipe_file(tmp_path, GOLD, precision=0.85)
    result = run(read_recipe(path, ["budget.requests=120"]), out=tmp_path / "run")
    assert (result.exit_code, result.stopped) == (3, "budget")
    assert 3 * len(GOLD) < result.manifest["requests"]["planned"] <= 120
    short = run(read_recipe(path, ["budget.requests=60"]), out=tmp_path / "short")
    assert (short.stopped, short.manifest["requests"]["planned"]) == ("budget", 60)
    assert short.manifest["calibration"]["choice"]["unread"] == 10


def test_where_the_precision_is_not_reached_the_run_ends_with_the_sentence(tmp_path: Path) -> None:
    wrong = [(text, "delivery" if label == "refund" else "refund") for text, label in GOLD]
    path = recipe_file(tmp_path, wrong, precision=0.95, unsure="review")
    result = run(read_recipe(path, ["budget.requests=300"]), out=tmp_path / "run")
    assert result.exit_code == 3
    assert result.manifest["counts"]["accepted"] == 0
    assert result.manifest["counts"]["review"] > 0
    assert any("no confidence has 95 % right" in note for note in result.manifest["notes"])
    assert {drop["section"] for drop in result.manifest["drops"]} == {"review"}


@pytest.mark.parametrize("name", sorted(LABELS))
def test_every_label_may_be_gold(name: str) -> None:
    answer = " ".join([name] * 3)
    assert desk(rows(20, name), precision=1.0).calibrate([votes(answer)] * 20)["kept"]["rows"] == 20
