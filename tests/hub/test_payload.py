from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from huggingface_hub import DatasetCard

from tests.export.outcomes import outcome
from tests.hub.runs import make_run
from tests.hub_client import Client
from tests.hub_server import Server
from tests.store.evaluations import evaluation_content
from textsynth.core.errors import UsageError
from textsynth.export.card.metadata import read_card
from textsynth.export.dataset import write_dataset
from textsynth.hub.payload import OPTIONAL_CONFIGS, read_payload, remove_configs
from textsynth.store.evaluation import write_evaluation

TEXT_FILES = ("README.md", "recipe.yaml", "manifest.json")
pytest_plugins = ("tests.hub_fixtures",)


def test_a_folder_without_a_complete_run_is_refused(client: Client, run: Path, tmp_path: Path) -> None:
    assert "no finished run is in this folder" in client.textsynth("push", tmp_path, "anna/x").err
    assert "no such folder" in client.textsynth("push", tmp_path / "nix", "anna/x").err
    (run / "dataset" / "README.md").unlink()
    assert "README.md: the card cannot be read (No such file" in client.textsynth("push", run, "anna/x").err
    shutil.rmtree(run / "dataset" / "data")
    assert "has 0 of the run's 20 rows; run the recipe again" in client.textsynth("push", run, "anna/x").err


def test_a_card_that_does_not_belong_to_the_evaluation_is_refused(run: Path) -> None:
    write_evaluation(run, evaluation_content())
    assert read_payload(run).rows == 20
    write_evaluation(run, evaluation_content(), card="one with the scores, which a killed evaluation did not write")
    with pytest.raises(UsageError, match=r"README\.md: is not the card that belongs to evaluation\.json"):
        read_payload(run)


def test_a_secret_in_the_recipe_stops_the_push(client: Client, server: Server, repo: str, run: Path) -> None:
    key = "sk-" + "a1" * 20
    recipe = (run.parent / "tickets.yaml").read_text(encoding="utf-8") + f"# {key}\n"
    (run.parent / "tickets.yaml").write_text(recipe, encoding="utf-8")
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["recipe"]["text"] = recipe
    (run / "manifest.json").write_text(json.dumps(manifest))
    result = client.textsynth("push", run, repo)
    assert result.code == 2
    assert "recipe.yaml: contains a secret key or token, so nothing is pushed" in result.err
    assert key not in result.err
    assert server.requests == []


def test_no_other_files_of_the_run_are_pushed(finished_run: Path) -> None:
    assert {"journal.sqlite", "report.html"} <= {path.name for path in finished_run.iterdir()}
    (finished_run / "review.jsonl").write_text('{"id": "a", "decision": "keep", "by": "ann"}\n', encoding="utf-8")
    (finished_run / "pending.json").write_text('{"version": 1, "texts": []}\n', encoding="utf-8")
    default, complete = read_payload(finished_run), read_payload(finished_run, with_provenance=True)
    folders = {path.split("/")[0] for path in default.files}
    assert folders == {*TEXT_FILES, "data", "figures"}
    assert {path.split("/")[0] for path in complete.files} - folders == {"provenance", "dropped"}
    assert (default.license, default.rows) == ("cc-by-4.0", 20)
    (finished_run / "review.jsonl").unlink()
    (finished_run / "pending.json").unlink()


def test_set_options_are_at_the_top_of_the_recipe_and_durations_are_left_out(run: Path) -> None:
    make_run(run.parent, seed=3)
    files = read_payload(run).files
    recipe = files["recipe.yaml"].content
    assert isinstance(recipe, bytes)
    assert recipe.startswith(b'# run with --set "seed=3"\nname: tickets\n')
    manifest = json.loads(bytes(files["manifest.json"].content))  # type: ignore[arg-type]
    assert "seconds" not in manifest
    assert set(manifest["requests"]) == {"planned", "failed"}


def test_an_unpaired_surrogate_does_not_stop_a_push(run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["notes"].append("half \ud800 a pair")
    (run / "manifest.json").write_text(json.dumps(manifest))
    content = read_payload(run).files["manifest.json"].content
    assert isinstance(content, bytes)
    assert b"half ? a pair" in content


@pytest.fixture
def card(tmp_path: Path) -> str:
    write_dataset(tmp_path / "dataset", outcome())
    return (tmp_path / "dataset" / "README.md").read_text(encoding="utf-8")


def test_configs_that_are_not_pushed_are_removed_from_the_metadata(card: str) -> None:
    pushed = remove_configs(card, OPTIONAL_CONFIGS)
    before, after = DatasetCard(card).data.to_dict(), DatasetCard(pushed).data.to_dict()
    assert [config["config_name"] for config in after["configs"]] == ["default"]
    assert {**after, "configs": None} == {**before, "configs": None}
    assert list(read_card(pushed).metadata) == list(read_card(card).metadata)


def test_configs_that_are_not_pushed_are_removed_from_the_table_of_configs(card: str) -> None:
    pushed = remove_configs(card, OPTIONAL_CONFIGS)
    assert "| `provenance` |" in card
    assert "| `provenance` |" not in pushed
    assert "| `default` |" in pushed
    assert pushed.count("were not published; they are kept with the run") == 1


def test_a_card_without_these_configs_does_not_change() -> None:
    card = "---\nlicense: mit\n---\n\n# x\n\n| a | b |\n"
    assert remove_configs(card, OPTIONAL_CONFIGS) == card
    assert remove_configs("# no metadata\n", OPTIONAL_CONFIGS) == "# no metadata\n"


def test_configs_are_removed_from_dataset_info_too() -> None:
    card = "---\ndataset_info:\n- config_name: default\n- config_name: dropped\n---\n"
    metadata = read_card(remove_configs(card, OPTIONAL_CONFIGS)).metadata
    assert metadata == {"dataset_info": [{"config_name": "default"}]}
