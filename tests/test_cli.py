from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from textsynth import __version__
from textsynth.cli import main, verbs

RECIPE = """\
name: tickets
labels:
  refund: wants money back
  delivery: asks where a parcel is
models:
  generator: {scripted: {function: "./answers.py:answer"}}
generate:
  - labelled
filter: [exact_duplicate]
select: []
want: {label: 4}
"""
ANSWERS = '''\
"""Answers that differ from request to request."""


def answer(request):
    start = int(request.key[:8], 16)
    return "\\n".join(f"{n}. text number {start + n} about parcel {start * n % 97}" for n in range(1, 6))
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    (tmp_path / "answers.py").write_text(ANSWERS, encoding="utf-8")
    return tmp_path


class Said:
    """What a command left: its exit code, its results and its talk."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *args: object) -> None:
        with pytest.raises(SystemExit) as left:
            main([str(arg) for arg in args])
        self.code = left.value.code
        self.out, self.err = capsys.readouterr()


def test_help_lists_the_verbs_in_the_order_of_work_and_none_that_does_not_work_yet(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = Said(capsys, "--help")
    listed = re.findall(r"^  ([a-z]+)  ", said.out.split("Commands:")[1].split("Exit codes:")[0], re.MULTILINE)
    assert listed == ["init", "validate", "preview", "run", "report", "evaluate", "why", "steps", "schema"]
    for code in ("0 ", "1 ", "2 ", "3 ", "130 "):
        assert f"\n    {code}" in said.out
    assert said.code == 0


@pytest.mark.parametrize("verb", list(verbs.commands))
def test_every_verb_has_help_with_an_example_that_parses(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    said = Said(capsys, verb, "--help")
    assert said.code == 0
    examples = re.findall(rf"^    textsynth ({verb} .*|{verb})$", said.out, re.MULTILINE)
    assert examples
    for line in examples:
        words = line.split(" > ")[0].split()
        verbs.commands[verb].make_context(verb, words[1:])


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert Said(capsys, "--version").out == f"textsynth {__version__}\n"


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["rum"], "there is no verb 'rum'; did you mean 'run'?"),
        (["frobnicate"], "there are: init, validate, preview"),
        (["run"], "Missing argument 'RECIPE'"),
        (["run", "r.yaml", "--limt", "3"], "--limit"),
        (["run", "r.yaml", "--limit", "0"], "0 is not in the range"),
        (["preview", "r.yaml", "-n", "0"], "0"),
        (["run", "no/such.yaml"], "no/such.yaml"),
        (["validate", "no/such.yaml"], "no/such.yaml"),
        (["report", "no/such/run"], "no/such/run"),
        (["why", "no/such/run", "abc"], "no/such/run"),
        (["steps", "near_duplicat"], "did you mean 'near_duplicate'?"),
        (["init"], "--labels a,b,c or --seeds FILE"),
    ],
)
def test_a_wrong_command_is_a_sentence_and_exit_2(
    capsys: pytest.CaptureFixture[str], args: list[str], told: str
) -> None:
    said = Said(capsys, *args)
    assert said.code == 2
    assert told in said.err
    assert said.out == ""
    assert "Traceback" not in said.err


def test_validate_tells_all_mistakes_with_their_lines(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "recipe.yaml").write_text(RECIPE.replace("exact_duplicate", "exact_dup").replace("want", "wamt"))
    said = Said(capsys, "validate", folder / "recipe.yaml")
    assert said.code == 2
    assert said.out == ""
    assert "recipe.yaml:9: " in said.err
    assert "did you mean 'exact_duplicate'?" in said.err
    assert "recipe.yaml:11: " in said.err
    as_json = Said(capsys, "validate", folder / "recipe.yaml", "--json")
    told = json.loads(as_json.out)
    assert (as_json.code, told["ok"], len(told["mistakes"])) == (2, False, 2)
    assert told["mistakes"][0]["where"].endswith("recipe.yaml:9")


def test_validate_tells_the_plan_of_a_good_recipe(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    said = Said(capsys, "validate", folder / "recipe.yaml")
    assert said.code == 0
    assert "requests" in said.out
    assert json.loads(Said(capsys, "validate", folder / "recipe.yaml", "--json").out)["ok"] is True
    assert not (folder / "runs").exists()


def test_preview_shows_prompts_answers_and_verdicts(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    said = Said(capsys, "preview", folder / "recipe.yaml", "-n", 2)
    assert said.code == 0
    assert "wants money back" in said.out
    assert "text number" in said.out
    assert len(json.loads(Said(capsys, "preview", folder / "recipe.yaml", "-n", 2, "--json").out)) == 2


def test_a_run_reports_to_stdout_and_talks_on_stderr(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    said = Said(capsys, "run", folder / "recipe.yaml", "--out", folder / "out")
    assert said.code == 0
    assert re.search(r"^refund +4 +4$", said.out, re.MULTILINE)
    assert f'load_dataset("{folder}/out/dataset")' in said.out
    assert "accepted" in said.err
    assert "\x1b" not in said.out + said.err
    assert (folder / "out" / "manifest.json").is_file()


def test_a_run_for_a_script_is_one_json_document(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    said = Said(capsys, "run", folder / "recipe.yaml", "--out", folder / "out", "--json", "--set", "want.label=2")
    told = json.loads(said.out)
    assert told["exit_code"] == said.code == 0
    assert told["manifest"]["counts"]["selected"] == 4


def test_a_quiet_run_says_one_line(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    said = Said(capsys, "run", folder / "recipe.yaml", "--out", folder / "out", "--quiet")
    assert said.err == ""
    assert len(said.out.splitlines()) == 1


def test_limit_counts_selected_texts(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    told = Said(capsys, "run", folder / "recipe.yaml", "--out", folder / "out", "--json", "--limit", 3)
    assert json.loads(told.out)["manifest"]["counts"]["selected"] == 3


def test_a_quota_that_cannot_be_met_is_exit_3_with_the_reasons(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    always = 'models.generator={scripted: {answers: ["1. always the same text"]}}'
    said = Said(capsys, "run", folder / "recipe.yaml", "--out", folder / "out", "--set", always)
    assert said.code == 3
    assert re.search(r"^delivery +4 +[01] +[34]  .*exact_duplicate: the same text", said.out, re.MULTILINE)


def test_the_same_command_again_asks_nothing_and_fresh_asks_all(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    args = ["run", folder / "recipe.yaml", "--out", folder / "out", "--json"]
    first = json.loads(Said(capsys, *args).out)["manifest"]["requests"]
    again = json.loads(Said(capsys, *args).out)["manifest"]["requests"]
    fresh = json.loads(Said(capsys, *args, "--fresh").out)["manifest"]["requests"]
    assert (again["sent"], again["from_journal"]) == (0, first["sent"])
    assert fresh["sent"] == first["sent"]


def test_report_and_why_tell_of_kept_and_dropped_texts(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    import pyarrow.parquet as pq

    twice = ANSWERS.replace('"\\n".join', '"1. the same for all\\n" + "\\n".join').replace("range(1, 6)", "range(2, 7)")
    (folder / "answers.py").write_text(twice, encoding="utf-8")
    run = folder / "out"
    assert Said(capsys, "run", folder / "recipe.yaml", "--out", run).code == 0
    report = Said(capsys, "report", run)
    assert report.code == 0
    assert "report.html" in report.err
    assert json.loads(Said(capsys, "report", run, "--json").out)
    kept = [pq.read_table(path)["id"][0].as_py() for path in (run / "dataset" / "data").rglob("*.parquet")]
    ends = [row for path in (run / "dataset" / "dropped").rglob("*.parquet") for row in pq.read_table(path).to_pylist()]
    dropped = [row["id"] for row in ends if row["section"] == "filter"]
    for one, told in ((kept[0], "selected"), (dropped[0], "exact_duplicate")):
        said = Said(capsys, "why", run, one)
        assert said.code == 0
        assert told in said.out
        assert json.loads(Said(capsys, "why", run, one, "--json").out)
    unknown = Said(capsys, "why", run, "0" * 16)
    assert unknown.code == 2
    assert "0" * 16 in unknown.err


def test_steps_and_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert "near_duplicate" in Said(capsys, "steps").out
    assert "Does not catch" in Said(capsys, "steps", "near_duplicate").out
    assert json.loads(Said(capsys, "steps", "filter", "--json").out)[0]["section"] == "filter"
    assert json.loads(Said(capsys, "schema").out)["title"] == "TextSynth recipe"


def test_a_recipe_that_init_wrote_is_valid(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    said = Said(capsys, "init", tmp_path / "new", "--labels", "refund,delivery,no")
    assert said.out.splitlines() == [str(tmp_path / "new" / "recipe.yaml"), str(tmp_path / "new" / "seeds.csv")]
    assert Said(capsys, "validate", tmp_path / "new" / "recipe.yaml").code == 0
