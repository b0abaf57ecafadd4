"""A task in a file beside the recipe: run, data set, card, every export format, report, why and review use it."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

import textsynth as ts
from tests.cli.run_cli import run_cli
from textsynth.core.errors import RecipeError
from textsynth.export.formats import format_names
from textsynth.recipe import read_recipe

ANSWERING = '''\
"""Answering: a question beside its answer.

Does not cover: questions with several answers.
"""

from pydantic import Field

import textsynth as ts


class Answering(ts.Task):
    """Questions and answers to them."""

    columns = {"question": "question", "answer": ""}
    generator = "./quiz.py"

    max_words: int = Field(default=20, ge=1, description="the longest answer that is kept")

    def default_filters(self, facts):
        return ["exact_duplicate", {"length": {"min_words": 1, "max_words": self.max_words}}]

    def default_want(self, facts):
        return {"total": 6}

    def has_labels(self, labels):
        return False

    @property
    def hub_category(self):
        return "question-answering"

    def description(self, *, multi_label):
        return "Questions and answers to them."

    def column_notes(self):
        return {"answer": "one sentence"}

    @property
    def review_question(self):
        return ts.ReviewQuestion("Is the answer right?", {"yes": "it is", "no": "it is not"}, "A better answer")

    def instruction(self, labels, *, multi_label):
        return f"Answer in at most {self.max_words} words."

    def chat_example(self, example, instruction, labels):
        return f"{instruction}\\n\\n{example.texts['question']}", example.texts["answer"]
'''
QUIZ = '''\
"""Quiz: asks a model one question after the other."""

import textsynth as ts
from textsynth.core.options import ModelName
from textsynth.core.records import RenderedPrompt


class Quiz(ts.Generator):
    """Asks what a number doubled is."""

    output_fields = frozenset({"question"})

    model: ModelName = "generator"

    def start(self, context, name):
        return Session(self, name)


class Session:
    def __init__(self, step, name):
        self.step, self.name, self.asked = step, name, 0

    def plan_requests(self, deficits, max_requests):
        number = min(max_requests, sum(deficit.candidates for deficit in deficits))
        self.asked += number
        return [self.request(f"What is {n} doubled?") for n in range(self.asked - number, self.asked)]

    def request(self, question):
        prompt = RenderedPrompt("quiz", "0" * 64, (ts.Message("user", question),))
        return ts.GenerationRequest(self.name, self.step.model, prompt, ts.Sampling(), fields={"question": question})

    def parse_response(self, request, request_key, completion):
        return [ts.Record(completion.text, ts.Provenance(self.name, request_key=request_key), fields=request.fields)]

    def observe_accepted(self, accepted):
        pass
'''
ANSWERS = """\
def answer(request):
    number = int(request.prompt.messages[-1].content.split()[2])
    return "it is " + "very " * (number % 4) + str(2 * number)
"""
RECIPE = """\
name: quiz
task: {./answering.py: {max_words: 5}}
models: {generator: {scripted: {function: "./answers.py:answer"}}}
export: {splits: {train: 1.0}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quiz")
    for name, text in {
        "answering.py": ANSWERING,
        "quiz.py": QUIZ,
        "answers.py": ANSWERS,
        "recipe.yaml": RECIPE,
    }.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def run(folder: Path) -> ts.Run:
    return ts.run(folder / "recipe.yaml", out=folder / "run", quiet=True)


def test_the_defaults_of_the_recipe_are_those_of_the_task(folder: Path) -> None:
    recipe = read_recipe(folder / "recipe.yaml")
    assert (recipe.task_name, recipe.task.model_dump()) == ("./answering.py", {"max_words": 5})
    assert [step.name for step in recipe.generate] == ["./quiz.py"]
    assert [step.name for step in recipe.filter] == ["exact_duplicate", "length"]
    assert recipe.filter[1].step.model_dump()["max_words"] == 5
    assert recipe.want == {(): 6}


def test_an_option_of_the_task_can_be_overridden(folder: Path) -> None:
    assert read_recipe(folder / "recipe.yaml", ["task../answering.py.max_words=9"]).task.model_dump()["max_words"] == 9
    bare_name = (folder / "recipe.yaml").read_text().replace("{./answering.py: {max_words: 5}}", "./answering.py")
    (folder / "bare.yaml").write_text(bare_name)
    assert read_recipe(folder / "bare.yaml").task.model_dump()["max_words"] == 20
    overridden = read_recipe(folder / "bare.yaml", ["task../answering.py.max_words=9"])
    assert overridden.task.model_dump()["max_words"] == 9


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("max_words: 5", "max_word: 5", "./answering.py has no field 'max_word'; did you mean 'max_words'?"),
        ("max_words: 5", "max_words: 0", "./answering.py.max_words takes a whole number (at least 1), found 0"),
        ("./answering.py: {max_words: 5}", "./answring.py: {}", "no file './answring.py' beside the recipe"),
        ("./answering.py: {max_words: 5}", "./quiz.py: {}", "task takes a Task, but the class of './quiz.py' is none"),
        ("./answering.py: {max_words: 5}", "./no_generator.py: {}", "the class NoGenerator names no generator"),
        ("./answering.py: {max_words: 5}", "./no_text.py: {}", "must map exactly one column to ''"),
        ("name: quiz", "generate: [./plain.py]", "./plain.py writes no 'question', which fills the column 'question'"),
    ],
)
def test_an_issue_of_the_task_has_its_line(folder: Path, old: str, new: str, sentence: str) -> None:
    (folder / "no_generator.py").write_text("import textsynth as ts\n\n\nclass NoGenerator(ts.Task): ...\n")
    (folder / "no_text.py").write_text(
        "import textsynth as ts\n\n\nclass NoText(ts.Task):\n    generator = 'labelled'\n    columns = {'a': 'b'}\n"
    )
    plain = QUIZ.replace("Quiz", "Plain").replace('frozenset({"question"})', "frozenset()")
    (folder / "plain.py").write_text(plain)
    (folder / "wrong.yaml").write_text(RECIPE.replace(old, new))
    with pytest.raises(RecipeError) as caught:
        read_recipe(folder / "wrong.yaml")
    (issue,) = caught.value.issues
    assert issue.where == f"{folder / 'wrong.yaml'}:{2 if old != 'name: quiz' else 1}"
    assert sentence in issue.sentence


def test_the_data_set_has_the_columns_of_the_task(run: ts.Run) -> None:
    assert run.met
    assert (run.manifest["task"], run.manifest["task_options"]) == ("./answering.py", {"max_words": 5})
    rows = run.dataset["train"]
    assert rows.column_names == ["id", "question", "answer"]
    assert len(rows) == 6
    assert all(f" {row['answer'].split()[-1]}" and row["question"].startswith("What is ") for row in rows)
    (dropped,) = {row["reason"] for row in run.dropped if row["section"] == "filter"}
    assert dropped == "has too many words"
    assert {row["source_text"][:8] for row in run.dropped if row["section"] == "filter"} == {"What is "}


def test_the_card_has_the_words_of_the_task(run: ts.Run) -> None:
    head, card = (run.folder / "dataset" / "README.md").read_text(encoding="utf-8").split("\n---\n", 1)
    assert yaml.safe_load(head)["task_categories"] == ["question-answering"]
    assert "Questions and answers to them." in card
    assert "one sentence" in card


@pytest.mark.parametrize("name", format_names())
@pytest.mark.parametrize("config", ["default", "provenance", "dropped"])
def test_every_format_has_the_texts_of_the_task(
    run: ts.Run, name: str, config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = run_cli(capsys, "export", run.folder, "--as", name, "--config", config, "--out", tmp_path / "out")
    assert result.code == 0, result.err
    exported = "\n".join(Path(path).read_text(encoding="utf-8") for path in result.out.split())
    columns, rows = ("question", "answer"), run.dataset["train"]
    if config == "dropped":
        columns, rows = ("source_text", "text"), run.dropped
    for row in rows:
        assert all(row[column] in exported for column in columns)
    if name in ("messages", "prompt-completion"):
        assert "Answer in at most 5 words." in exported
    if name in ("argilla", "label-studio"):
        assert "A better answer" in exported


def test_report_why_and_review_show_question_and_answer(run: ts.Run, capsys: pytest.CaptureFixture[str]) -> None:
    row = run.dataset["train"][0]
    report = run_cli(capsys, "report", run.folder, "--json")
    shown = json.loads(report.out)["kept"]
    assert {"text": row["answer"], "source_text": row["question"]}.items() <= next(
        entry for entry in shown if entry["id"] == row["id"]
    ).items()
    assert row["question"] in run.report.read_text(encoding="utf-8")
    explanation = json.loads(run_cli(capsys, "why", run.folder, row["id"], "--json").out)
    assert (explanation["text"], explanation["source_text"]) == (row["answer"], row["question"])
    assert row["question"] in run.why(row["id"])
    review = run_cli(capsys, "review", run.folder, "--json")
    assert review.code == 0, review.err


def test_the_dropped_config_has_the_answers_as_text(run: ts.Run) -> None:
    (path,) = (run.folder / "dataset" / "dropped").glob("*.parquet")
    texts = pq.read_table(path)["text"].to_pylist()
    assert texts
    assert all(text.startswith("it is") for text in texts)


def test_evaluate_refuses_a_task_without_labels(run: ts.Run, capsys: pytest.CaptureFixture[str]) -> None:
    result = run_cli(capsys, "evaluate", run.folder, "--test", "test.csv")
    assert result.code == 2
    assert "./answering.py" in result.err


def test_a_run_whose_task_is_gone_says_so(run: ts.Run, tmp_path: Path) -> None:
    manifest = json.loads((run.folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["recipe"]["path"] = str(tmp_path / "recipe.yaml")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "run" / "dataset").symlink_to(run.folder / "dataset")
    with pytest.raises(ts.UsageError, match=r"the run's task cannot be loaded: no file './answering\.py'"):
        ts.load(tmp_path / "run").why("0")


def test_a_task_without_chat_examples_has_every_other_format(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = ANSWERING[: ANSWERING.index("    @property\n    def review_question")].replace("Answering", "Facts")
    (folder / "facts.py").write_text(plain)
    (folder / "facts.yaml").write_text(RECIPE.replace("./answering.py", "./facts.py"))
    run = ts.run(folder / "facts.yaml", out=tmp_path / "run", quiet=True)
    for name in format_names():
        result = run_cli(capsys, "export", run.folder, "--as", name)
        if name in ("messages", "prompt-completion"):
            assert (result.code, "the task Facts has no chat examples" in result.err) == (2, True), result.err
        else:
            assert result.code == 0, result.err
