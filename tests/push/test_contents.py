from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.hub_client import Client
from tests.hub_server import Server
from tests.push.runs import make_run
from textsynth.push.contents import read_contents

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
    plain, whole = read_contents(finished), read_contents(finished, with_passports=True)
    assert {path.split("/")[0] for path in plain.items} == {*TEXTS, "data", "figures"}
    assert {path.split("/")[0] for path in whole.items} - {path.split("/")[0] for path in plain.items} == {
        "passports",
        "dropped",
    }
    assert (plain.license, plain.rows) == ("cc-by-4.0", 20)
    (finished / "review.jsonl").unlink()
    (finished / "waiting.json").unlink()


def test_sets_stand_at_the_head_of_the_recipe_and_times_are_left_out(run: Path) -> None:
    make_run(run.parent, seed=3)
    items = read_contents(run).items
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
    content = read_contents(run).items["manifest.json"].content
    assert isinstance(content, bytes)
    assert b"half ? a pair" in content
