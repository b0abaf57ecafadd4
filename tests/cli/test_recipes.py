from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.said import RECIPE, Said


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


def test_a_recipe_that_init_wrote_is_valid(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    said = Said(capsys, "init", tmp_path / "new", "--labels", "refund,delivery,no")
    assert said.out.splitlines() == [str(tmp_path / "new" / "recipe.yaml"), str(tmp_path / "new" / "seeds.csv")]
    assert Said(capsys, "validate", tmp_path / "new" / "recipe.yaml").code == 0


def test_a_run_in_rounds_writes_what_is_missing_and_leaves_with_four(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    served = RECIPE.replace(
        'scripted: {function: "./answers.py:answer"}', "http: {base_url: 'http://127.0.0.1:9/v1', model: small}"
    )
    (folder / "recipe.yaml").write_text(served)
    given = ("run", folder / "recipe.yaml", "--out", folder / "out", "--quiet")
    said = Said(capsys, *given, "--requests-only", folder / "requests.jsonl")
    lines = (folder / "requests.jsonl").read_text().splitlines()
    assert said.code == 4
    assert said.out.startswith(
        f"{len(lines)} request{'s' * (len(lines) > 1)} written to {folder / 'requests.jsonl'}: have them answered"
    )
    assert set(json.loads(lines[0])) == {"custom_id", "method", "url", "body"}
    to_stdout = Said(capsys, *given, "--requests-only", "-")
    assert (to_stdout.code, to_stdout.out.splitlines()) == (4, lines)
    texts = "\n".join(f"{n}. where is my order number {n}" for n in range(1, 6))
    with (folder / "answers.jsonl").open("w") as file:
        for place, line in enumerate(lines):
            body = {"choices": [{"message": {"content": texts.replace("number", f"number {place}")}}]}
            reply = {"custom_id": json.loads(line)["custom_id"], "response": {"status_code": 200, "body": body}}
            file.write(json.dumps(reply) + "\n")
    done = Said(capsys, *given, "--answers", folder / "answers.jsonl", "--json")
    told = json.loads(done.out)
    assert (done.code, told["waiting"], told["taken"], told["run"]["exit_code"]) == (0, 0, len(lines), 0)
    again = Said(capsys, *given, "--answers", folder / "answers.jsonl")
    assert again.code == 0
    assert f"0 answers added to the journal, {len(lines)} were in it already" in again.out
    missing = Said(capsys, *given, "--answers", folder / "nowhere.jsonl")
    assert (missing.code, missing.out) == (2, "")
    assert "the answers cannot be read" in missing.err
