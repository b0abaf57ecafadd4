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
from textsynth.export.card.metadata import read_card
from textsynth.export.dataset import write_dataset
from textsynth.hub.payload import pushed_card, read_payload

TEXTS = ("README.md", "recipe.yaml", "manifest.json")
pytest_plugins = ("tests.hub_fixtures",)


def test_what_is_no_finished_run_is_told(client: Client, run: Path, tmp_path: Path) -> None:
    assert "no finished run is in this folder" in client.textsynth("push", tmp_path, "anna/x").err
    assert "no such folder" in client.textsynth("push", tmp_path / "nix", "anna/x").err
    (run / "dataset" / "README.md").unlink()
    assert "README.md: the card cannot be read (No such file" in client.textsynth("push", run, "anna/x").err
    shutil.rmtree(run / "dataset" / "data")
    assert "has 0 of the run's 20 rows; run the recipe again" in client.textsynth("push", run, "anna/x").err


def test_a_key_in_the_recipe_stops_the_push(client: Client, server: Server, repo: str, run: Path) -> None:
    key = "sk-" + "a1" * 20
    with (run.parent / "tickets.yaml").open("a", encoding="utf-8") as recipe:
        recipe.write(f"# {key}\n")
    make = (run.parent / "tickets.yaml").read_text()
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["recipe"]["text"] = make
    (run / "manifest.json").write_text(json.dumps(manifest))
    said = client.textsynth("push", run, repo)
    assert said.code == 2
    assert "recipe.yaml: holds a key, so nothing is pushed" in said.err
    assert key not in said.err
    assert server.asked == []


def test_nothing_but_these_files_is_read_for_a_push(finished: Path) -> None:
    assert {"journal.sqlite", "report.html"} <= {path.name for path in finished.iterdir()}
    (finished / "review.jsonl").write_text('{"id": "a", "decision": "keep", "by": "ann"}\n', encoding="utf-8")
    (finished / "waiting.json").write_text('{"version": 1, "texts": []}\n', encoding="utf-8")
    plain, whole = read_payload(finished), read_payload(finished, with_provenance=True)
    assert {path.split("/")[0] for path in plain.items} == {*TEXTS, "data", "figures"}
    assert {path.split("/")[0] for path in whole.items} - {path.split("/")[0] for path in plain.items} == {
        "provenance",
        "dropped",
    }
    assert (plain.license, plain.rows) == ("cc-by-4.0", 20)
    (finished / "review.jsonl").unlink()
    (finished / "waiting.json").unlink()


def test_sets_stand_at_the_head_of_the_recipe_and_times_are_left_out(run: Path) -> None:
    make_run(run.parent, seed=3)
    items = read_payload(run).items
    recipe = items["recipe.yaml"].content
    assert isinstance(recipe, bytes)
    assert recipe.startswith(b'# run with --set "seed=3"\nname: tickets\n')
    told = json.loads(bytes(items["manifest.json"].content))  # type: ignore[arg-type]
    assert "seconds" not in told
    assert set(told["requests"]) == {"planned", "failed"}


def test_a_half_surrogate_does_not_stop_a_push(run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["notes"].append("half \ud800 a pair")
    (run / "manifest.json").write_text(json.dumps(manifest))
    content = read_payload(run).items["manifest.json"].content
    assert isinstance(content, bytes)
    assert b"half ? a pair" in content


ASIDE = ("provenance", "dropped")


@pytest.fixture
def card(tmp_path: Path) -> str:
    write_dataset(tmp_path / "dataset", outcome())
    return (tmp_path / "dataset" / "README.md").read_text(encoding="utf-8")


def test_configs_that_stay_at_home_are_not_in_the_metadata(card: str) -> None:
    pushed = pushed_card(card, ASIDE)
    before, after = DatasetCard(card).data.to_dict(), DatasetCard(pushed).data.to_dict()
    assert [one["config_name"] for one in after["configs"]] == ["default"]
    assert {**after, "configs": None} == {**before, "configs": None}
    assert list(read_card(pushed).metadata) == list(read_card(card).metadata)


def test_and_not_in_the_table_of_the_configs(card: str) -> None:
    pushed = pushed_card(card, ASIDE)
    assert "| `provenance` |" in card
    assert "| `provenance` |" not in pushed
    assert "| `default` |" in pushed
    assert pushed.count("were not published: they stay with the run") == 1


def test_a_card_that_names_none_of_them_keeps_its_words() -> None:
    card = "---\nlicense: mit\n---\n\n# x\n\n| a | b |\n"
    assert pushed_card(card, ASIDE) == card
    assert pushed_card("# no metadata\n", ASIDE) == "# no metadata\n"


def test_a_config_of_the_data_set_info_goes_too() -> None:
    card = "---\ndataset_info:\n- config_name: default\n- config_name: dropped\n---\n"
    assert read_card(pushed_card(card, ASIDE)).metadata == {"dataset_info": [{"config_name": "default"}]}
