"""The manifest of a run: read as written, or one sentence that says what is wrong and which run was meant."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from tests.export.outcomes import outcome
from tests.report.folders import manifest
from textsynth.core.errors import UsageError
from textsynth.store.manifest import FILE, ReviewOutcome, read_manifest, write_json, write_manifest


def test_a_manifest_is_read_as_written_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    told = manifest(outcome())
    told["name"] = "é 亀"
    write_manifest(tmp_path, told)
    assert read_manifest(tmp_path) == told
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    assert "亀" in (tmp_path / FILE).read_text(encoding="utf-8")


def test_half_a_surrogate_pair_ends_no_run(tmp_path: Path) -> None:
    write_json(tmp_path / "told.json", {"reason": "odd \ud800 reason"}, indent=1)
    assert json.loads((tmp_path / "told.json").read_text(encoding="utf-8")) == {"reason": "odd ? reason"}


def test_what_a_later_version_adds_is_kept(tmp_path: Path) -> None:
    write_json(tmp_path / FILE, {**manifest(outcome()), "more": 1}, indent=1)
    assert dict(read_manifest(tmp_path))["more"] == 1


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\x00", b"\xff", b"[" * 100_000])
def test_a_damaged_file_is_one_sentence(content: bytes, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(UsageError, match=r"manifest\.json: the manifest is damaged.*; run the recipe again"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda told: told.pop("name"), "name is missing"),
        (lambda told: told["recipe"].pop("hash"), "recipe.hash is missing"),
        (lambda told: told["counts"].update(selected="many"), 'counts.selected is "many"'),
        (lambda told: told["splits"].update(train=None), "splits.train is null"),
        (lambda told: told["drops"].append(None), "drops[1] is null"),
        (lambda told: told["drops"][0].pop("count"), "drops[0].count is missing"),
        (lambda told: told.update(stopped=[]), "stopped is []"),
        (lambda told: told["licenses"].update(license=1), "licenses.license is 1"),
        (lambda told: told.update(seconds="1"), 'seconds is "1"'),
    ],
)
def test_a_part_that_is_missing_or_of_another_kind_is_named(
    spoil: Callable[[dict[str, Any]], object], said: str, tmp_path: Path
) -> None:
    told: dict[str, Any] = json.loads(json.dumps(manifest(outcome())))
    del told["drops"][1:]
    spoil(told)
    (tmp_path / FILE).write_text(json.dumps(told))
    with pytest.raises(UsageError) as fault:
        read_manifest(tmp_path)
    assert f"damaged, or of an earlier version ({said})" in str(fault.value)


def test_a_newer_form_is_said_to_be_newer_whatever_it_holds(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"version": 2}')
    with pytest.raises(UsageError, match=r"a newer version of TextSynth \(it has form 2, this one reads form 1\)"):
        read_manifest(tmp_path)


def test_a_folder_that_is_no_run_names_the_run_that_was_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("tickets", "letters"):
        (Path("runs") / name / "dataset").mkdir(parents=True)
        write_manifest(Path("runs") / name, manifest(outcome()))
    (tmp_path / "tickets.yaml").touch()
    (tmp_path / "elsewhere").mkdir()
    said = {}
    for given in ("runs/tikets", "tickets", "runs/tickets/dataset", "runs", ".", "elsewhere", "tickets.yaml", "nix/x"):
        with pytest.raises(UsageError) as fault:
            read_manifest(Path(given))
        said[given] = str(fault.value).removeprefix(f"{given}: ")
    none = "no finished run is in this folder (no manifest.json)"
    assert said == {
        "runs/tikets": "no such folder; did you mean 'runs/tickets'?",
        "tickets": "no such folder; did you mean 'runs/tickets'?",
        "runs/tickets/dataset": f"{none}; did you mean 'runs/tickets'?",
        "runs": f"{none}; there are: runs/letters, runs/tickets",
        ".": f"{none}; there are: runs/letters, runs/tickets",
        "elsewhere": f"{none}; give the folder of a run, as runs/NAME",
        "tickets.yaml": "a file, not the folder of a run; did you mean 'runs/tickets'?",
        "nix/x": "no such folder; give the folder of a run, as runs/NAME",
    }


def test_a_run_that_has_not_ended_is_told_from_none_at_all(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").touch()
    with pytest.raises(UsageError, match=r"has not ended yet \(no manifest\.json\).*same recipe goes on"):
        read_manifest(tmp_path)


def test_what_people_decided_may_be_missing_but_not_a_part_of_it(tmp_path: Path) -> None:
    people = {name: 1 for name in get_type_hints(ReviewOutcome)}
    write_json(tmp_path / FILE, {**manifest(outcome()), "people": people}, indent=1)
    assert read_manifest(tmp_path)["review"]["kept"] == 1
    del people["kept"]
    write_json(tmp_path / FILE, {**manifest(outcome()), "people": people}, indent=1)
    with pytest.raises(UsageError, match=r"people\.kept is missing"):
        read_manifest(tmp_path)
