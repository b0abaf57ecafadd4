from __future__ import annotations

import asyncio
from pathlib import Path

import datasets
import numpy as np
import pytest

import textsynth as ts
from tests.api.recipes import LABELS, SEEDS, make_tickets

TEST = [
    {"text": "give me the money for the broken vase", "label": "refund"},
    {"text": "I sent the boots back and want to be paid", "label": "refund"},
    {"text": "no parcel has come since Friday", "label": "delivery"},
    {"text": "is my bicycle still on its way", "label": "delivery"},
]


def read_files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_recipe_made_in_python_runs_and_is_continued(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = ts.run(make_tickets(), out=tmp_path / "run", quiet=True)
    assert run.met
    assert run.sentence == "the quota is met"
    assert capsys.readouterr() == ("", "")
    again = ts.run(make_tickets(), out=str(tmp_path / "run"))
    assert again.manifest["requests"]["sent"] == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "continuing: answers in the journal are used again" in err
    assert "20 of 20 accepted" in err


def test_the_text_of_a_recipe_gives_the_same_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = "\n".join(["text,label", *(f"{row['text']},{row['label']}" for row in SEEDS)])
    Path("seeds.csv").write_text(rows + "\n", encoding="utf-8")
    built = make_tickets(sources={"seeds": "seeds.csv"}, filter=["length", "exact_duplicate"])
    Path("tickets.yaml").write_text(built.text, encoding="utf-8")
    ts.run(built, out="built", quiet=True)
    ts.run("tickets.yaml", out="read", quiet=True)
    assert read_files(Path("built/dataset")) == read_files(Path("read/dataset"))


def test_a_run_inside_an_event_loop_gives_the_same_data_set(tmp_path: Path) -> None:
    ts.run(make_tickets(), out=tmp_path / "plain", quiet=True)

    async def notebook() -> ts.Run:
        assert len(ts.preview(make_tickets(), 1).samples) == 1
        return ts.run(make_tickets(), out=tmp_path / "inside", quiet=True)

    asyncio.run(notebook())
    assert read_files(tmp_path / "inside" / "dataset") == read_files(tmp_path / "plain" / "dataset")


def test_the_default_folder_is_the_same_as_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert ts.run(make_tickets(), limit=4, quiet=True).folder == Path("runs/tickets")
    assert len(ts.load("runs/tickets").dataset["train"]) == 4


def test_a_quota_that_is_not_met_raises_no_error(tmp_path: Path) -> None:
    run = ts.run(make_tickets(budget=ts.Budget(requests=2)), out=tmp_path, quiet=True)
    assert (run.met, run.sentence) == (False, "the budget is spent")
    assert sum(row["missing"] for row in run.quota) > 0


def test_estimate_and_preview_print_what_the_command_line_prints() -> None:
    estimate = ts.estimate(make_tickets())
    assert estimate.plan.texts == 20
    assert str(estimate).startswith("tickets: the recipe is valid; 20 texts to accept")
    preview = ts.preview(make_tickets(), 2)
    assert len(preview.samples) == 2
    assert "Shouting: is written in capitals" in str(preview)


def test_user_errors_have_a_common_base_class_and_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(ts.RecipeError, match="no such file"):
        ts.run(tmp_path / "recipe.yaml")
    with pytest.raises(ts.SourceError, match=r"seeds: row 1: 'text' is blank"):
        ts.run(make_tickets(sources={"seeds": [{"text": " ", "label": "refund"}]}), out=tmp_path, quiet=True)
    with pytest.raises(ts.RecipeError, match="which `labels` does not list; did you mean 'refund'"):
        ts.run(make_tickets(sources={"seeds": [{"text": "x", "label": "refunds"}]}), out=tmp_path, quiet=True)
    with pytest.raises(ts.UsageError, match="no finished run is in this folder"):
        ts.load(tmp_path)
    assert issubclass(ts.UsageError, ts.TextSynthError)


def test_a_run_is_evaluated_on_rows_and_its_filters_are_measured(tmp_path: Path) -> None:
    """May take over ten seconds: the embedder is loaded."""
    run = ts.run(make_tickets(), out=tmp_path, quiet=True)
    assert run.evaluation is None
    score = ts.evaluate(run, test=datasets.Dataset.from_list(TEST), train=SEEDS, quiet=True)
    assert score.effect in ("helps", "no_difference", "harms", "leak")
    assert [row["step"] for row in score.summary["ablation"]] or score.summary["notes"]
    assert not any("recipe is not where it was" in note for note in score.summary["notes"])
    assert run.evaluation == score
    assert "macro-F1" in str(score)


def test_texts_are_embedded_as_filters_embed_them() -> None:
    """May take over ten seconds: the embedder is loaded."""
    vectors = ts.embed(["where is my parcel", "my parcel has not come", "a lovely shop"])
    assert (vectors.shape, vectors.dtype) == ((3, 384), np.float32)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]


def test_rows_are_evaluated_without_a_run(tmp_path: Path) -> None:
    """May take over ten seconds: the embedder is loaded."""
    texts = [{"utterance": row["text"].replace("my", "our"), "intent": row["label"]} for row in SEEDS]
    test = [{"utterance": row["text"], "intent": row["label"]} for row in TEST]
    score = ts.evaluate(texts, test=test, text="utterance", label="intent", quiet=True)
    assert sorted(score.summary["data"]["labels"]) == sorted(LABELS)
    with pytest.raises(ts.UsageError, match="ordinal needs the order of the labels"):
        ts.evaluate(texts, test=test, text="utterance", label="intent", ordinal=True, quiet=True)
    with pytest.raises(ts.UsageError, match="no real test rows to score on"):
        ts.evaluate(texts, text="utterance", label="intent", quiet=True)
