"""The manifest of a run: read as written, or one sentence that says what is wrong and which run was meant."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from tests.store.manifests import example_manifest
from textsynth.core.errors import RunError, UsageError
from textsynth.store.atomic import write_json
from textsynth.store.manifest import FILE, FORMAT, ReviewOutcome, read_manifest, write_manifest
from textsynth.store.owned_files import FILE as LIST_OF_FILES


def test_a_manifest_is_read_as_written_without_leftovers(tmp_path: Path) -> None:
    manifest = example_manifest()
    manifest["name"] = "é 亀"
    write_manifest(tmp_path, manifest)
    assert read_manifest(tmp_path) == manifest
    assert sorted(path.name for path in tmp_path.iterdir()) == [LIST_OF_FILES, FILE]
    assert "亀" in (tmp_path / FILE).read_text(encoding="utf-8")


def test_a_manifest_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"manifest\.json: the manifest cannot be written: No such file"):
        write_manifest(tmp_path / "missing", example_manifest())


def test_keys_that_this_version_does_not_know_are_kept(tmp_path: Path) -> None:
    manifest: dict[str, Any] = {**example_manifest(), "new": 1}
    manifest["counts"] = {**manifest["counts"], "new": 2}
    write_json(tmp_path / FILE, manifest)
    read = dict(read_manifest(tmp_path))
    assert read == manifest


def test_whole_seconds_are_a_number_too(tmp_path: Path) -> None:
    write_json(tmp_path / FILE, {**example_manifest(), "seconds": 12})
    assert read_manifest(tmp_path)["seconds"] == 12


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\x00", b"\xff", b"[" * 100_000])
def test_a_damaged_file_is_one_sentence(content: bytes, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(
        UsageError, match=r"manifest\.json: the manifest is damaged.*; move it away and run the recipe again"
    ):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda manifest: manifest.pop("name"), "name is missing"),
        (lambda manifest: manifest["recipe"].pop("hash"), "recipe.hash is missing"),
        (lambda manifest: manifest["counts"].update(selected="many"), 'counts.selected is "many"'),
        (lambda manifest: manifest["splits"].update(train=None), "splits.train is null"),
        (lambda manifest: manifest["drops"].append(None), "drops[1] is null"),
        (lambda manifest: manifest["drops"][0].pop("count"), "drops[0].count is missing"),
        (lambda manifest: manifest.update(stopped=[]), "stopped is []"),
        (lambda manifest: manifest["licenses"].update(license=1), "licenses.license is 1"),
        (lambda manifest: manifest.update(seconds="1"), 'seconds is "1"'),
        (lambda manifest: manifest.update(seed=True), "seed is true"),
        (lambda manifest: manifest["quota"][0]["reasons"][0].update(count=1.5), "quota[0].reasons[0].count is 1.5"),
        (lambda manifest: manifest.update(calibration={"choice": {}}), "calibration.choice.source is missing"),
    ],
)
def test_a_part_that_is_missing_or_of_another_type_is_named(
    change: Callable[[dict[str, Any]], object], problem: str, tmp_path: Path
) -> None:
    manifest: dict[str, Any] = json.loads(json.dumps(example_manifest()))
    change(manifest)
    (tmp_path / FILE).write_text(json.dumps(manifest))
    with pytest.raises(UsageError) as caught:
        read_manifest(tmp_path)
    assert f"damaged, or of an earlier version ({problem})" in str(caught.value)


def test_a_manifest_of_a_newer_format_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(f'{{"version": {FORMAT + 1}}}')
    sentence = rf"a newer version of TextSynth \(it has format {FORMAT + 1}, this version reads format {FORMAT}\)"
    with pytest.raises(UsageError, match=sentence):
        read_manifest(tmp_path)


def test_a_folder_that_is_no_run_names_the_run_that_was_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("tickets", "letters"):
        (Path("runs") / name / "dataset").mkdir(parents=True)
        write_manifest(Path("runs") / name, example_manifest())
    (tmp_path / "tickets.yaml").touch()
    (tmp_path / "empty").mkdir()
    sentences = {}
    for path in ("runs/tikets", "tickets", "runs/tickets/dataset", "runs", ".", "empty", "tickets.yaml", "nix/x"):
        with pytest.raises(UsageError) as caught:
            read_manifest(Path(path))
        sentences[path] = str(caught.value).removeprefix(f"{path}: ")
    no_run = "no finished run is in this folder (no manifest.json)"
    assert sentences == {
        "runs/tikets": "no such folder; did you mean 'runs/tickets'?",
        "tickets": "no such folder; did you mean 'runs/tickets'?",
        "runs/tickets/dataset": f"{no_run}; did you mean 'runs/tickets'?",
        "runs": f"{no_run}; there are: runs/letters, runs/tickets",
        ".": f"{no_run}; there are: runs/letters, runs/tickets",
        "empty": f"{no_run}; give the folder of a run, as runs/NAME",
        "tickets.yaml": "a file, not the folder of a run; did you mean 'runs/tickets'?",
        "nix/x": "no such folder; give the folder of a run, as runs/NAME",
    }


def test_a_run_that_has_not_finished_is_not_called_missing(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").touch()
    with pytest.raises(UsageError, match=r"has not finished \(no manifest\.json\).*with the same recipe continues it"):
        read_manifest(tmp_path)


def test_the_review_outcome_may_be_missing_but_not_a_part_of_it(tmp_path: Path) -> None:
    review = {name: 1 for name in get_type_hints(ReviewOutcome)}
    write_json(tmp_path / FILE, {**example_manifest(), "review": review})
    assert read_manifest(tmp_path)["review"]["kept"] == 1
    del review["kept"]
    write_json(tmp_path / FILE, {**example_manifest(), "review": review})
    with pytest.raises(UsageError, match=r"review\.kept is missing"):
        read_manifest(tmp_path)
