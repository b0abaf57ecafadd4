from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.run_cli import RECIPE, run_cli


def test_validate_prints_all_issues_with_their_lines(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "recipe.yaml").write_text(RECIPE.replace("exact_duplicate", "exact_dup").replace("want", "wamt"))
    result = run_cli(capsys, "validate", folder / "recipe.yaml")
    assert result.code == 2
    assert result.out == ""
    assert "recipe.yaml:9: " in result.err
    assert "did you mean 'exact_duplicate'?" in result.err
    assert "recipe.yaml:11: " in result.err
    as_json = run_cli(capsys, "validate", folder / "recipe.yaml", "--json")
    summary = json.loads(as_json.out)
    assert (as_json.code, summary["ok"], len(summary["mistakes"])) == (2, False, 2)
    assert summary["mistakes"][0]["where"].endswith("recipe.yaml:9")


def test_validate_prints_the_estimate_of_a_correct_recipe(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    result = run_cli(capsys, "validate", folder / "recipe.yaml")
    assert result.code == 0
    assert "requests" in result.out
    assert json.loads(run_cli(capsys, "validate", folder / "recipe.yaml", "--json").out)["ok"] is True
    assert not (folder / "runs").exists()


def test_preview_prints_prompts_answers_and_verdicts(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    result = run_cli(capsys, "preview", folder / "recipe.yaml", "-n", 2)
    assert result.code == 0
    assert "wants money back" in result.out
    assert "text number" in result.out
    assert len(json.loads(run_cli(capsys, "preview", folder / "recipe.yaml", "-n", 2, "--json").out)) == 2


def test_a_run_prints_its_result_to_stdout_and_progress_to_stderr(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    result = run_cli(capsys, "run", folder / "recipe.yaml", "--out", folder / "out")
    assert result.code == 0
    assert re.search(r"^refund +4 +4$", result.out, re.MULTILINE)
    assert f'load_dataset("{folder}/out/dataset")' in result.out
    assert "accepted" in result.err
    assert "\x1b" not in result.out + result.err
    assert (folder / "out" / "manifest.json").is_file()


def test_a_run_with_json_prints_one_document(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    result = run_cli(capsys, "run", folder / "recipe.yaml", "--out", folder / "out", "--json", "--set", "want.label=2")
    summary = json.loads(result.out)
    assert summary["exit_code"] == result.code == 0
    assert summary["manifest"]["counts"]["selected"] == 4


def test_a_quiet_run_prints_one_line(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    result = run_cli(capsys, "run", folder / "recipe.yaml", "--out", folder / "out", "--quiet")
    assert result.err == ""
    assert len(result.out.splitlines()) == 1


def test_limit_counts_selected_texts(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    result = run_cli(capsys, "run", folder / "recipe.yaml", "--out", folder / "out", "--json", "--limit", 3)
    assert json.loads(result.out)["manifest"]["counts"]["selected"] == 3


def test_a_quota_that_cannot_be_met_is_exit_code_3_with_the_reasons(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    same_answer = 'models.generator={scripted: {answers: ["1. always the same text"]}}'
    result = run_cli(capsys, "run", folder / "recipe.yaml", "--out", folder / "out", "--set", same_answer)
    assert result.code == 3
    assert re.search(r"^delivery +4 +[01] +[34]  .*exact_duplicate: the same text", result.out, re.MULTILINE)


def test_the_same_command_again_sends_no_request_and_fresh_sends_all(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    args = ["run", folder / "recipe.yaml", "--out", folder / "out", "--json"]
    first = json.loads(run_cli(capsys, *args).out)["manifest"]["requests"]
    again = json.loads(run_cli(capsys, *args).out)["manifest"]["requests"]
    fresh = json.loads(run_cli(capsys, *args, "--fresh").out)["manifest"]["requests"]
    assert (again["sent"], again["from_journal"]) == (0, first["sent"])
    assert fresh["sent"] == first["sent"]


def test_a_recipe_written_by_init_is_valid(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    result = run_cli(capsys, "init", tmp_path / "new", "--labels", "refund,delivery,no")
    assert result.out.splitlines() == [str(tmp_path / "new" / "recipe.yaml"), str(tmp_path / "new" / "seeds.csv")]
    assert run_cli(capsys, "validate", tmp_path / "new" / "recipe.yaml").code == 0


def test_a_run_in_rounds_writes_missing_requests_and_reads_answers(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    served = RECIPE.replace(
        'scripted: {function: "./answers.py:answer"}', "http: {base_url: 'http://127.0.0.1:9/v1', model: small}"
    )
    (folder / "recipe.yaml").write_text(served)
    args = ("run", folder / "recipe.yaml", "--out", folder / "out", "--quiet")
    result = run_cli(capsys, *args, "--requests-only", folder / "requests.jsonl")
    lines = (folder / "requests.jsonl").read_text().splitlines()
    assert result.code == 4
    assert result.out.startswith(
        f"{len(lines)} request{'s' * (len(lines) > 1)} written to {folder / 'requests.jsonl'}: have them answered"
    )
    assert set(json.loads(lines[0])) == {"custom_id", "method", "url", "body"}
    to_stdout = run_cli(capsys, *args, "--requests-only", "-")
    assert (to_stdout.code, to_stdout.out.splitlines()) == (4, lines)
    texts = "\n".join(f"{n}. where is my order number {n}" for n in range(1, 6))
    with (folder / "answers.jsonl").open("w") as file:
        for number, line in enumerate(lines):
            body = {"choices": [{"message": {"content": texts.replace("number", f"number {number}")}}]}
            reply = {"custom_id": json.loads(line)["custom_id"], "response": {"status_code": 200, "body": body}}
            file.write(json.dumps(reply) + "\n")
    result = run_cli(capsys, *args, "--answers", folder / "answers.jsonl", "--json")
    summary = json.loads(result.out)
    assert (result.code, summary["waiting"], summary["taken"], summary["run"]["exit_code"]) == (0, 0, len(lines), 0)
    again = run_cli(capsys, *args, "--answers", folder / "answers.jsonl")
    assert again.code == 0
    assert f"0 answers added to the journal, {len(lines)} were in it already" in again.out
    missing = run_cli(capsys, *args, "--answers", folder / "missing.jsonl")
    assert (missing.code, missing.out) == (2, "")
    assert "the answers cannot be read" in missing.err
