"""Several judges in one labeller: the numbers of the combination, the estimated reliability, and whole runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contexts import LABELS, context
from tests.runner.recipes import digest
from textsynth.core.errors import RecipeError, UsageError
from textsynth.core.records import Completion, Provenance, Record
from textsynth.core.sessions import PanelSession
from textsynth.label.calibrated import CalibratedSession
from textsynth.label.choice import Choice
from textsynth.label.glad import fit_glad, fit_glad_from_labels
from textsynth.label.judge_panel import Combination, JudgePanel, PanelJudge
from textsynth.label.vote_combination import Votes, fit_dawid_skene, fit_from_labels, majority
from textsynth.recipe import read_recipe
from textsynth.report import text_report
from textsynth.runner import run
from textsynth.store.manifest import read_manifest

NAMES = list(LABELS)
# How often each of four scripted judges names each label where another is true.
CONFUSION = np.array(
    [
        [[0.95, 0.03, 0.02], [0.05, 0.90, 0.05], [0.02, 0.08, 0.90]],
        [[0.80, 0.15, 0.05], [0.10, 0.85, 0.05], [0.30, 0.10, 0.60]],
        [[0.70, 0.10, 0.20], [0.10, 0.80, 0.10], [0.05, 0.05, 0.90]],
        [[0.60, 0.20, 0.20], [0.30, 0.50, 0.20], [0.20, 0.20, 0.60]],
    ]
)
SHARES = (0.5, 0.3, 0.2)


def scripted_votes(texts: int, seed: int = 0) -> tuple[Votes, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Return one vote of each judge on each text, and the true labels."""
    generator = np.random.default_rng(seed)
    truth = generator.choice(3, size=texts, p=SHARES)
    labels = np.array([[generator.choice(3, p=matrix[label]) for matrix in CONFUSION] for label in truth])
    rows = np.repeat(np.arange(texts), len(CONFUSION))
    judges = np.tile(np.arange(len(CONFUSION)), texts)
    return Votes(rows, judges, labels.ravel(), np.ones(len(rows)), (texts, len(CONFUSION), 3)), truth


def test_the_reliability_of_scripted_judges_is_estimated_within_a_twentieth() -> None:
    expected = np.diagonal(CONFUSION, axis1=1, axis2=2)
    draws = [scripted_votes(4000, seed) for seed in range(6)]
    errors = [np.abs(fit_dawid_skene(votes).reliability - expected).max() for votes, _ in draws]
    assert np.mean(errors) <= 0.05, errors
    assert max(errors) <= 0.06, errors
    votes, truth = draws[0]
    model = fit_dawid_skene(votes)
    assert np.abs(model.priors - SHARES).max() <= 0.05
    assert np.abs(fit_from_labels(votes, truth).reliability - expected).max() <= 0.05
    by_model = (model.probabilities(votes).argmax(axis=1) == truth).mean()
    by_majority = (majority(votes).argmax(axis=1) == truth).mean()
    assert by_model > by_majority + 0.01


def test_dawid_skene_is_that_of_crowd_kit() -> None:
    """Runs where crowd-kit is installed; it brings transformers, so it is no dependency."""
    aggregation = pytest.importorskip("crowdkit.aggregation", reason="pip install crowd-kit")
    pandas = pytest.importorskip("pandas")
    votes, truth = scripted_votes(1500, seed=3)
    frame = pandas.DataFrame({"task": votes.texts, "worker": votes.judges, "label": votes.labels})
    theirs = aggregation.DawidSkene(n_iter=100).fit_predict(frame)
    ours = fit_dawid_skene(votes).probabilities(votes).argmax(axis=1)
    accuracies = [(labels == truth).mean() for labels in (ours, theirs.loc[np.arange(1500)].to_numpy())]
    assert abs(accuracies[0] - accuracies[1]) <= 0.005


def glad_votes(
    abilities: Sequence[float], texts: int, seed: int
) -> tuple[Votes, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Return a vote of each judge on each text by the model of GLAD, half of the texts easy, and the true labels."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 3, texts)
    eases = np.where(np.arange(texts) % 2, 3.0, 0.3)
    correct = generator.random((texts, len(abilities))) < 1 / (1 + np.exp(-np.outer(eases, abilities)))
    other = (truth[:, None] + generator.integers(1, 3, correct.shape)) % 3
    labels = np.where(correct, truth[:, None], other)
    rows, judges = (index.ravel() for index in np.indices(correct.shape))
    return Votes(rows, judges, labels.ravel(), np.ones(len(rows)), (*correct.shape, 3)), truth


def test_glad_ranks_the_abilities_of_its_own_judges_and_beats_the_majority() -> None:
    abilities = (2.5, 1.2, 0.6, 0.1, 0.1, 0.1)
    votes, truth = glad_votes(abilities, 1200, seed=2)
    model = fit_glad(votes)
    assert list(np.argsort(-model.abilities[:3])) == [0, 1, 2]
    assert model.abilities[:3].min() > model.abilities[3:].max()
    probabilities = model.probabilities(votes)
    accuracy = (probabilities.argmax(axis=1) == truth).mean()
    assert accuracy > (majority(votes).argmax(axis=1) == truth).mean() + 0.02
    easy = np.arange(1200) % 2 == 1
    assert probabilities[easy].max(axis=1).mean() > probabilities[~easy].max(axis=1).mean()
    of_gold = fit_glad_from_labels(votes, truth)
    assert np.corrcoef(of_gold.abilities, abilities)[0, 1] > 0.9
    expected = [(votes.labels[votes.judges == judge] == truth).mean() for judge in range(6)]
    assert np.abs(of_gold.reliability.mean(axis=1) - expected).max() < 0.02


def test_glad_is_that_of_crowd_kit() -> None:
    """Runs where crowd-kit is installed."""
    aggregation = pytest.importorskip("crowdkit.aggregation", reason="pip install crowd-kit")
    pandas = pytest.importorskip("pandas")
    votes, truth = glad_votes((2.5, 1.2, 0.6, 0.1), 200, seed=3)
    frame = pandas.DataFrame({"task": votes.texts, "worker": votes.judges, "label": votes.labels})
    theirs = aggregation.GLAD(n_iter=100).fit_predict(frame).loc[np.arange(200)].to_numpy()
    ours = fit_glad(votes).probabilities(votes).argmax(axis=1)
    assert abs((ours == truth).mean() - (theirs == truth).mean()) <= 0.005


@pytest.mark.parametrize("combine", ["dawid_skene", "glad"])
@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(
        st.lists(st.lists(st.sampled_from(NAMES), max_size=2), min_size=3, max_size=3), min_size=1, max_size=15
    )
)
def test_probabilities_sum_to_one_and_do_not_depend_on_the_order_of_the_texts(
    combine: Combination, texts: list[list[list[str]]]
) -> None:
    judges = [PanelJudge(name, "choice") for name in "abc"]
    panels = [JudgePanel(judges, NAMES, combine) for _ in range(2)]
    panels[0].add(texts)
    panels[1].add(texts[::-1])
    for votes in texts:
        first, second = (np.array(panel.probabilities(votes)) for panel in panels)
        assert first.min() >= 0
        assert abs(first.sum() - 1) < 1e-9
        assert np.allclose(first, second, atol=1e-6)


def record(number: int, *labels: str) -> Record:
    return Record(f"text {number}", Provenance("labelled", index=number), labels)


def start(**options: object) -> PanelSession:
    step = Choice(**{"models": ["a", "b", "c"], "votes": 1, **options})  # type: ignore[arg-type]
    session = step.start(context(), "choice")
    assert isinstance(session, PanelSession)
    return session


def answers(*labels: str) -> list[Completion]:
    return [Completion(label) for label in labels]


def test_each_judge_is_asked_with_its_model_and_the_same_prompts() -> None:
    step = Choice(models=["a", "b"])
    (requests,) = step.start(context(), "choice").build_requests([record(1, "refund")])
    assert [request.model for request in requests] == ["a"] * 3 + ["b"] * 3
    assert [request.prompt for request in requests[:3]] == [request.prompt for request in requests[3:]]
    assert step.requests_per_record == 6


def test_majority_counts_the_votes_of_all_judges() -> None:
    labelled, verdict = start().parse_responses(record(1, "refund"), answers("refund", "praise", "refund"))
    assert verdict is None
    assert labelled.scores == {"choice": 0.6667}


@pytest.mark.parametrize("combine", ["dawid_skene", "glad"])
def test_reliable_judges_are_followed_against_the_majority(combine: str) -> None:
    session = start(models=list("abcde"), combine=combine)
    # a and b agree on nine of ten texts; the others name any label.
    generator = np.random.default_rng(5)
    texts = []
    for number in range(150):
        names = [NAMES[index] for index in generator.choice(3, size=5)]
        names[0] = NAMES[number % 3]
        names[1] = names[0] if number % 10 else names[1]
        texts.append(answers(*names))
    session.observe_responses(texts)
    labelled, _ = session.parse_responses(record(1), answers("refund", "refund", "praise", "praise", "praise"))
    assert labelled.labels == ("refund",)
    assert labelled.scores["choice"] > 0.6
    summary = session.judges_summary()
    assert summary is not None
    assert (summary["measured_on"], summary["texts"]) == ("votes", 150)
    means = [judge["mean"] for judge in summary["judges"]]
    assert min(means[:2]) > 0.9 > 0.6 > max(means[2:])


@pytest.mark.parametrize(("combine", "name"), [("dawid_skene", "Dawid-Skene"), ("glad", "GLAD")])
def test_with_gold_rows_the_reliability_is_that_on_them_and_stays(combine: str, name: str) -> None:
    gold = [record(n, NAMES[n % 3]) for n in range(90)]
    step = Choice(models=["a", "b"], votes=1, combine=combine, gold="gold", precision=0.9)
    session = step.start(context(sources={"gold": gold}), "choice")
    assert isinstance(session, CalibratedSession)
    # a is always right; b names the next label for every third row
    of_gold = [answers(NAMES[n % 3], NAMES[(n + (n % 9 < 3)) % 3]) for n in range(90)]
    calibration = session.calibrate(of_gold)
    assert calibration["all"]["right"] == 90
    before = session.judges_summary()
    assert before is not None
    assert (before["measured_on"], before["texts"]) == ("gold rows", 90)
    assert [round(judge["mean"], 1) for judge in before["judges"]] == [1.0, 0.7]
    labelled, verdict = session.parse_responses(record(1, "refund"), answers("refund", "delivery"))
    assert (verdict, labelled.labels) == (None, ("refund",))
    session.observe_responses([answers("praise", "delivery")] * 50)
    assert session.judges_summary() == before
    assert f"choice: 2 judges combined by {name}; their estimated accuracy on 90 gold rows: " in before["sentence"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"models": ["a", "b"], "method": "logprobs"}, "combined by their votes"),
        ({"models": ["a", "a"]}, "models has an entry twice"),
        ({"models": ["a", "b"], "model": "c"}, "model and models are both set"),
        ({"combine": "dawid_skene"}, "needs several judges"),
        ({"models": ["a", "b"], "combine": "dawid_skene"}, "needs 3 or more, or gold rows"),
        ({"models": ["a", "b"], "combine": "glad"}, "glad has 2 judges, and needs 3 or more, or gold rows"),
    ],
)
def test_options_that_exclude_each_other_are_an_error(options: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        Choice(**options)  # type: ignore[arg-type]


def test_dawid_skene_chooses_one_label() -> None:
    with pytest.raises(UsageError, match="chooses exactly one label"):
        Choice(models=["a", "b", "c"], combine="dawid_skene").start(context(multi_label=True), "choice")


# Whole runs. Judges a and b read the label off the text; c is wrong about two thirds of the deliveries.
MODELS = """\
NAMES = ("order", "chairs", "lamp", "shoes", "bicycle", "parcel", "jacket", "table", "kettle", "tent")


def write(request):
    start = int(request.key[:8], 16)
    word = ("refund", "delivery")[start % 2]
    return "\\n".join(f"{n}. {word} for {NAMES[(start + n) % 10]} number {start // 7 + n}" for n in range(1, 5))


def right(request):
    return "refund" if "refund" in request.prompt.messages[-1].content else "delivery"


def poor(request):
    return "refund" if int(request.key[:4], 16) % 3 else right(request)
"""


def write_recipe(folder: Path, concurrency: int = 16, judges: Sequence[str] = ("a", "b", "c")) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "models.py").write_text(MODELS)
    functions = {"generator": "write", "a": "right", "b": "right", "c": "poor"}
    recipe = {
        "version": 1,
        "name": "panel",
        "models": {
            name: {"scripted": {"function": f"./models.py:{function}", "concurrency": concurrency}}
            for name, function in functions.items()
        },
        "labels": {"refund": "asks for money back", "delivery": "asks where a parcel is"},
        "generate": ["labelled"],
        "filter": ["exact_duplicate"],
        "label": [
            {
                "choice": {
                    "models": list(judges),
                    "votes": 1,
                    "combine": "dawid_skene",
                    "on_disagreement": "relabel",
                }
            }
        ],
        "select": [],
        "want": 60,
    }
    (folder / "recipe.yaml").write_text(json.dumps(recipe))
    return folder / "recipe.yaml"


def test_manifest_report_and_notes_of_a_run_have_the_reliability_of_each_judge(tmp_path: Path) -> None:
    result = run(read_recipe(write_recipe(tmp_path / "1")), out=tmp_path / "run")
    assert result.exit_code == 0
    summary = read_manifest(result.folder)["judges"]["choice"]
    assert [judge["model"] for judge in summary["judges"]] == ["a", "b", "c"]
    a, b, c = (judge["labels"] for judge in summary["judges"])
    assert min(a["delivery"], b["delivery"]) > 0.9 > 0.55 > c["delivery"]
    assert c["refund"] > 0.9
    assert summary["sentence"] in result.manifest["notes"]
    assert "Judges of choice" in text_report(result.folder)
    assert "right for delivery" in (result.folder / "report.html").read_text()
    parallel = run(read_recipe(write_recipe(tmp_path / "64", concurrency=64)), out=tmp_path / "parallel")
    assert digest(parallel.folder) == digest(result.folder)
    again = run(read_recipe(tmp_path / "1" / "recipe.yaml"), out=result.folder)
    assert again.manifest["requests"]["sent"] == 0
    assert again.manifest["judges"] == result.manifest["judges"] == parallel.manifest["judges"]


def test_a_judge_that_no_model_is_named_for_is_an_issue(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"choice.models is 'd', but models has no 'd'"):
        read_recipe(write_recipe(tmp_path, judges=("a", "b", "d")))
