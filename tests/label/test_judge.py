"""The labeller `judge`: its requests, points and decisions, the calibration on gold rows, and whole runs."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contexts import LABELS, context
from tests.runner.recipes import digest
from textsynth.core.errors import RecipeError, UsageError
from textsynth.core.records import Completion, Provenance, Record
from textsynth.core.sessions import CalibratableSession, LabellerSession
from textsynth.label.judge import CalibratedJudgingSession, Judge, judged_rows
from textsynth.recipe import read_recipe
from textsynth.runner import run
from textsynth.runner.estimate import estimate
from textsynth.store.manifest import read_manifest
from textsynth.task import Pairs, Paraphrasing

TEXT = Record("Please send my money back.", Provenance("labelled"), ("refund",))
RUBRIC = {"fits": "the label fits", "natural": "reads like a customer"}
GOLD_ROWS = [
    Record(f"{label} row {index}", Provenance("gold", index=index), (label,)) for index in range(40) for label in LABELS
]


def start(**options: object) -> LabellerSession:
    return Judge(**{"criteria": RUBRIC, **options}).start(context(), "judge")  # type: ignore[arg-type]


def answer(reason: str = "it fits", **points: object) -> Completion:
    return Completion(json.dumps({"reason": reason, "points": points}))


def test_the_prompt_has_the_text_its_label_and_the_rubric_and_no_other_label() -> None:
    ((request,),) = start(levels=["no", "hardly", "partly", "mostly", "fully"]).build_requests([TEXT])
    assert request.prompt is not None
    system, user = (message.content for message in request.prompt.messages)
    assert "- fits: the label fits\n- natural: reads like a customer" in system
    assert "- 1: no\n- 2: hardly" in system
    assert '{"reason": "…", "points": {"fits": …, "natural": …}}' in system
    assert user == "text: Please send my money back.\nLabel: refund: asks for money back"
    assert all(name not in system + user for name in LABELS if name != "refund")
    schema = json.loads(request.constraint.value if request.constraint else "")
    assert schema["properties"]["points"]["required"] == ["fits", "natural"]


def test_a_text_with_enough_points_is_kept_with_points_and_limit_in_its_scores() -> None:
    record, verdict = start(min_points=4).parse_responses(TEXT, [answer(fits=5, natural=4)])
    assert verdict is None
    assert record.scores == {"judge": 4.5, "judge_points": 4.5, "judge_limit": 4.0}
    assert (record.id, record.labels, record.fields) == (TEXT.id, TEXT.labels, TEXT.fields)


@pytest.mark.parametrize(("on_low_confidence", "needs_review"), [("drop", False), ("review", True)])
def test_too_few_points_drop_the_text_or_send_it_to_review(on_low_confidence: str, needs_review: bool) -> None:
    session = start(min_points=4, on_low_confidence=on_low_confidence)
    record, verdict = session.parse_responses(TEXT, [answer(fits=2, natural=5)])
    assert verdict is not None
    assert (verdict.reason, verdict.score, verdict.limit) == ("too few points: fits 2, natural 5", 3.5, 4.0)
    assert verdict.needs_review is needs_review
    assert record.scores["judge"] == 3.5


@pytest.mark.parametrize(
    "text",
    [
        "5",
        "",
        '{"points": {"fits": 5, "natural": 5}}',
        '{"reason": "good", "points": {"fits": 5}}',
        '{"reason": "good", "points": {"fits": 6, "natural": 5}}',
        '{"reason": "good", "points": {"fits": 0, "natural": 5}}',
        '{"reason": "good", "points": {"fits": "5", "natural": 5}}',
        '{"reason": "good", "points": {"fits": true, "natural": 5}}',
        '{"reason": "good", "points": {"fits": 4.5, "natural": 5}}',
        '{"reason": "good", "points": [5, 5]}',
    ],
)
def test_an_answer_without_points_of_the_scale_for_each_criterion_is_never_read(text: str) -> None:
    record, verdict = start().parse_responses(TEXT, [Completion(text)])
    assert verdict is not None
    assert (verdict.reason or "").startswith("the model gave no points")
    assert record == TEXT


def test_votes_show_the_criteria_in_other_orders_and_the_readable_ones_are_averaged() -> None:
    session = start(votes=2)
    ((first, second),) = session.build_requests([TEXT])
    assert first.prompt != second.prompt
    record, _ = session.parse_responses(TEXT, [answer(fits=5, natural=3), answer(fits=4, natural=4)])
    assert record.scores["judge"] == 4.0
    failed = Completion("", failure="the prompt is too long")
    record, _ = session.parse_responses(TEXT, [answer(fits=5, natural=3), failed])
    assert record.scores["judge"] == 4.0


def test_the_points_of_several_models_are_averaged() -> None:
    session = start(models=["a", "b"], votes=2)
    (requests,) = session.build_requests([TEXT])
    assert [request.model for request in requests] == ["a", "a", "b", "b"]
    record, _ = session.parse_responses(TEXT, [answer(fits=5, natural=5)] * 2 + [answer(fits=1, natural=1)] * 2)
    assert record.scores["judge"] == 3.0
    assert Judge(models=["a", "b"], votes=2).requests_per_record == 4


def test_a_text_without_a_label_has_nothing_to_judge_where_the_recipe_has_labels() -> None:
    unlabelled = TEXT.with_labels(())
    session = start()
    assert session.build_requests([unlabelled]) == [[]]
    _, verdict = session.parse_responses(unlabelled, [])
    assert verdict is not None
    assert verdict.reason == "it has no label to judge"


def test_both_texts_of_a_pair_and_the_original_of_a_paraphrase_are_shown() -> None:
    pair = Record("Where is my lamp?", Provenance("pair"), ("refund",), {"text_b": "My lamp is missing."})
    ((request,),) = Judge().start(context(task=Pairs()), "judge").build_requests([pair])
    assert request.prompt is not None
    assert request.prompt.messages[-1].content.startswith("text_a: Where is my lamp?\ntext_b: My lamp is missing.\nLab")
    paraphrase = Record("Where is my lamp?", Provenance("p"), (), {"source_text": "I miss my lamp."})
    session = Judge().start(context(task=Paraphrasing(), labels={}), "judge")
    ((request,),) = session.build_requests([paraphrase])
    assert request.prompt is not None
    assert request.prompt.messages[-1].content == "original: I miss my lamp.\nparaphrase: Where is my lamp?"
    assert "- label:" not in request.prompt.messages[0].content
    kept, verdict = session.parse_responses(paraphrase, [answer(natural=4)])
    assert (verdict, kept.scores["judge"]) == (None, 4.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": 0.9}, "belong together"),
        ({"gold": "g"}, "belong together"),
        ({"gold": "g", "precision": 0.9, "min_points": 3}, "remove one of them"),
        ({"levels": ["bad", "good"]}, "levels describes 2 numbers of points, but scale is 5"),
        ({"models": ["a", "a"]}, "models has an entry twice"),
        ({"models": ["a", "b"], "model": "c"}, "model and models are both set"),
        ({"min_points": 6}, "at most 5 points"),
        ({"criteria": {"fits": " "}}, "one of them is empty"),
        ({"criteria": {"fits": "it fits"}, "votes": 2}, "only 1 orders"),
    ],
)
def test_options_that_exclude_each_other_are_an_error(options: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        Judge(**options)  # type: ignore[arg-type]


# Calibration.


def calibrated(gold: Sequence[Record], labels: Mapping[str, str] = LABELS, **options: object) -> LabellerSession:
    step = Judge.model_validate({"criteria": RUBRIC, "gold": "gold", "precision": 0.95, **options})
    return step.start(context(sources={"gold": gold}, labels=labels), "judge")


def test_each_gold_row_is_judged_with_its_label_and_with_a_wrong_one() -> None:
    session = calibrated(GOLD_ROWS)
    assert isinstance(session, CalibratableSession)
    rows = session.gold_records()
    assert [row.text for row in rows] == [row.text for row in GOLD_ROWS for _ in range(2)]
    assert [row.labels for row in rows[::2]] == [row.labels for row in GOLD_ROWS]
    assert all(wrong.labels != right.labels for right, wrong in zip(rows[::2], rows[1::2], strict=True))


@given(
    st.lists(st.sets(st.sampled_from(sorted(LABELS)), min_size=1).map(sorted).map(tuple), min_size=1, max_size=12),
    st.text(max_size=3),
)
def test_wrong_labels_are_never_part_of_the_own_ones_and_do_not_depend_on_the_order(
    label_sets: list[tuple[str, ...]], seed: str
) -> None:
    rows = [Record("t", Provenance("gold", index=n), labels) for n, labels in enumerate(label_sets)]
    judged = judged_rows(rows, list(LABELS), seed=seed)
    for entry in judged:
        own = set(rows[entry.row.provenance.index].labels)
        assert (set(entry.row.labels) == own) is entry.right
        assert entry.right or not set(entry.row.labels) < own
    assert sum(entry.right for entry in judged) == len(rows)
    again = judged_rows(rows[::-1], list(LABELS), seed=seed)
    assert {(entry.row.id, entry.row.labels) for entry in again} == {
        (entry.row.id, entry.row.labels) for entry in judged
    }


def test_gold_rows_need_a_second_label() -> None:
    one_label = [row for row in GOLD_ROWS if row.label == "refund"]
    with pytest.raises(UsageError, match="no second label"):
        calibrated(one_label, labels={"refund": ""})


def draw_points(generator: random.Random, *, right: bool, skill: float) -> Completion:
    """Answer as a model that gives a right label many points, a wrong one few, and with 1 - skill any points."""
    if generator.random() > skill:
        fits = generator.randint(1, 5)
    else:
        fits = generator.choice((4, 5, 5)) if right else generator.choice((1, 1, 2, 3))
    return answer(fits=fits, natural=generator.randint(3, 5))


def simulate(seed: int, skill: float, gold: int, texts: int = 1500) -> tuple[int, int, bool]:
    """Return how many fresh texts were kept, how many of these are right, and whether a threshold was chosen.

    Half of the fresh texts have a right label, as among the judged gold rows.
    """
    generator = random.Random(seed)
    session = calibrated(GOLD_ROWS[:gold])
    assert isinstance(session, CalibratedJudgingSession)
    answers = [
        [draw_points(generator, right=index % 2 == 0, skill=skill)] for index in range(len(session.gold_records()))
    ]
    summary = session.calibrate(answers)
    assert "kept" not in summary or summary["kept"]["right"] >= 0.95 * summary["kept"]["rows"]
    kept = kept_right = 0
    for index in range(texts):
        record, verdict = session.parse_responses(TEXT, [draw_points(generator, right=index % 2 == 0, skill=skill)])
        if verdict is None:
            assert record.scores["judge"] >= record.scores["judge_limit"]
            kept += 1
            kept_right += index % 2 == 0
    return kept, kept_right, "kept" in summary


@pytest.mark.parametrize(("skill", "gold"), [(0.9, 100), (0.97, 100), (0.97, 40), (1.0, 40)])
def test_the_kept_texts_are_right_as_often_as_the_precision_says(skill: float, gold: int) -> None:
    results = [simulate(seed, skill, gold) for seed in range(12)]
    kept, right = sum(result[0] for result in results), sum(result[1] for result in results)
    assert kept > 1000
    assert right / kept >= 0.93, f"{right} of {kept}"


def test_a_model_that_cannot_reach_the_precision_keeps_hardly_anything() -> None:
    # With this skill 90 % of the labels with the highest points are right.
    results = [simulate(seed, 0.7, gold=100) for seed in range(12)]
    assert sum(reached for _, _, reached in results) <= 3
    assert sum(kept for kept, _, _ in results) <= 0.02 * 12 * 1500


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.3, 1.0))
def test_more_points_never_have_a_lower_probability(seed: int, skill: float) -> None:
    generator = random.Random(seed)
    session = calibrated(GOLD_ROWS[:60])
    assert isinstance(session, CalibratedJudgingSession)
    session.calibrate(
        [[draw_points(generator, right=index % 2 == 0, skill=skill)] for index in range(len(session.gold_records()))]
    )
    scores = [
        session.parse_responses(TEXT, [answer(fits=fits, natural=natural)])[0].scores["judge"]
        for fits, natural in ((1, 1), (1, 2), (2, 2), (3, 2), (3, 3), (4, 3), (4, 4), (5, 4), (5, 5))
    ]
    assert scores == sorted(scores)
    assert all(0 <= score <= 1 for score in scores)


def test_a_model_that_gives_all_texts_the_same_points_keeps_nothing() -> None:
    session = calibrated(GOLD_ROWS, on_low_confidence="review")
    assert isinstance(session, CalibratedJudgingSession)
    summary = session.calibrate([[answer(fits=5, natural=5)] for _ in session.gold_records()])
    assert "kept" not in summary
    assert "judge: 50 % of 240 judged gold rows judged correctly" in summary["sentence"]
    assert "every text goes to review" in summary["sentence"]
    record, verdict = session.parse_responses(TEXT, [answer(fits=5, natural=5)])
    assert verdict is not None
    assert (verdict.limit, verdict.needs_review) == (None, True)
    assert "judge_limit" not in record.scores


# Whole runs. The judging model gives a text five points for its own label, and between one and three for another.
MODELS = """\
import json
import re

NAMES = ("order", "chairs", "lamp", "shoes", "bicycle", "parcel", "jacket", "table", "kettle", "tent")


def write(request):
    start = int(request.key[:8], 16)
    word = ("refund", "delivery", "refund")[start % 3]
    return "\\n".join(f"{n}. {word} for {NAMES[(start + n) % 10]} number {start // 7 + n}" for n in range(1, 5))


def judge(request):
    text, _, label = request.prompt.messages[-1].content.partition("Label: ")
    fits = 5 if label.split(":")[0] in text or not label else 1 + int(request.key[:4], 16) % 3
    names = re.findall(r'"(\\w+)": …', request.prompt.messages[0].content)
    return json.dumps({"reason": "as it is", "points": {n: fits for n in names if n not in ("reason", "points")}})
"""
LABELLED_LINES = "".join(f"{label} for the lamp {n},{label}\n" for n in range(15) for label in ("refund", "delivery"))


def write_recipe(folder: Path, judge: Mapping[str, object], **sections: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "models.py").write_text(MODELS)
    (folder / "checked.csv").write_text(f"text,label\n{LABELLED_LINES}")
    recipe = {
        "version": 1,
        "name": "judged",
        "models": {
            "generator": {"scripted": {"function": "./models.py:write"}},
            "judge": {"scripted": {"function": "./models.py:judge"}},
        },
        "labels": {"refund": "asks for money back", "delivery": "asks where a parcel is"},
        "sources": {"checked": "checked.csv"},
        "generate": ["labelled"],
        "filter": ["exact_duplicate"],
        "label": [{"judge": {"model": "judge", **judge}}],
        "select": [],
        "want": 30,
        **sections,
    }
    recipe = {name: value for name, value in recipe.items() if value is not None}
    (folder / "recipe.yaml").write_text(json.dumps(recipe))
    return folder / "recipe.yaml"


def test_a_calibrated_run_keeps_only_texts_with_their_label(tmp_path: Path) -> None:
    path = write_recipe(tmp_path, {"gold": "checked", "precision": 0.95})
    result = run(read_recipe(path), out=tmp_path / "run")
    assert result.exit_code == 0
    summary = read_manifest(result.folder)["calibration"]["judge"]
    assert (summary["all"]["rows"], summary["kept"]["right"], summary["kept"]["rows"]) == (60, 30, 30)
    assert summary["sentence"] in result.manifest["notes"]
    assert {drop["reason"] for drop in result.manifest["drops"] if drop["step"] == "judge"} == {
        "the calibrated confidence of the label is too low"
    }
    import pyarrow.parquet as parquet

    (provenance,) = (result.folder / "dataset" / "provenance").glob("*.parquet")
    names = ("refund", "delivery")
    for path_of_split in (result.folder / "dataset" / "data").glob("*.parquet"):
        rows = parquet.read_table(path_of_split).to_pylist()
        assert all(row["text"].startswith(names[row["label"]]) for row in rows)
    for row in parquet.read_table(provenance).to_pylist():
        scores = json.loads(row["scores"])
        assert row["confidence"] == scores["judge"] >= scores["judge_limit"]
        assert scores["judge_points"] == 5.0
    again = run(read_recipe(path), out=tmp_path / "run")
    assert again.manifest["requests"]["sent"] == 0
    other = run(read_recipe(write_recipe(tmp_path / "b", {"gold": "checked", "precision": 0.95})), out=tmp_path / "c")
    assert digest(other.folder) == digest(result.folder)


def test_the_estimate_counts_gold_rows_twice(tmp_path: Path) -> None:
    path = write_recipe(tmp_path, {"gold": "checked", "precision": 0.95})
    (labeller,) = (part for part in estimate(read_recipe(path)).parts if part.item == "judge")
    assert labeller.requests.low == labeller.texts + 2 * 30


def test_points_without_gold_rows_are_no_confidence(tmp_path: Path) -> None:
    result = run(read_recipe(write_recipe(tmp_path, {"min_points": 4})), out=tmp_path / "run")
    import pyarrow.parquet as parquet

    (provenance,) = (result.folder / "dataset" / "provenance").glob("*.parquet")
    assert set(parquet.read_table(provenance)["confidence"].to_pylist()) == {None}
    card = (result.folder / "dataset" / "README.md").read_text()
    assert "The score by judge is no calibrated probability" in card


def test_paraphrases_are_judged_without_labels(tmp_path: Path) -> None:
    path = write_recipe(
        tmp_path,
        {"criteria": {"same": "it means the same"}},
        task="paraphrasing",
        labels=None,
        generate=[{"paraphrase": {"source": "checked"}}],
        sources={"checked": {"rows": {"path": "checked.csv", "label": None}}},
        want=10,
    )
    result = run(read_recipe(path), out=tmp_path / "run")
    assert result.manifest["counts"]["selected"] == 10
    with pytest.raises(RecipeError, match="judge chooses among labels, but the recipe lists none"):
        read_recipe(path, ["label.0.judge.gold=checked", "label.0.judge.precision=0.9"])


def test_too_few_gold_rows_for_a_precision_are_an_issue_of_the_recipe(tmp_path: Path) -> None:
    path = write_recipe(tmp_path, {"gold": "checked", "precision": 0.95})
    (tmp_path / "checked.csv").write_text("text,label\nrefund for it,refund\ndelivery of it,delivery\n")
    with pytest.raises(RecipeError, match="judge estimates a precision from 20 or more"):
        run(read_recipe(path), out=tmp_path / "run")
