"""A journal or a manifest with flipped bits: the right data set, or one true sentence with advice that works."""

from __future__ import annotations

import contextlib
import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.runner.recipes import digest
from textsynth.core.errors import JournalError, UsageError
from textsynth.export.exported_texts import export_info, read_texts
from textsynth.export.formats import ExportedText
from textsynth.recipe import read_recipe
from textsynth.runner import run
from textsynth.store.manifest import read_manifest

ANSWERS = """\
def answer(request):
    start = int(request.key[:8], 16)
    return "\\n".join(f"{n}. my parcel number {start + n} of {start % 97} is late" for n in range(1, 4))
"""
RECIPE = """\
name: flips
labels: {card: asks about a card, transfer: asks about a transfer}
models: {generator: {scripted: {function: "./answers.py:answer"}}}
generate: [labelled: {per_request: 3}]
filter: [exact_duplicate]
select: []
want: {label: 120}
"""
FLIPS = 50


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flips")
    (folder / "answers.py").write_text(ANSWERS)
    (folder / "recipe.yaml").write_text(RECIPE)
    run(read_recipe(folder / "recipe.yaml"), out=folder / "run")
    return folder


def flip_bits(path: Path, seed: int, flips: int = FLIPS) -> None:
    content, chance = bytearray(path.read_bytes()), random.Random(seed)
    for _ in range(flips):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


@pytest.mark.parametrize("seed", range(50))
def test_fifty_flipped_bits_give_the_right_data_set_or_one_sentence_whose_advice_works(
    seed: int, finished: Path, tmp_path: Path
) -> None:
    recipe, out = read_recipe(finished / "recipe.yaml"), tmp_path / "run"
    out.mkdir()
    shutil.copy(finished / "run" / "journal.sqlite", out)
    flip_bits(out / "journal.sqlite", seed)
    sentence = ""
    try:
        run(recipe, out=out)
    except JournalError as error:
        sentence = str(error)
    if sentence:
        assert "\n" not in sentence
        assert "run with --fresh" in sentence
        damaged = (out / "journal.sqlite").read_bytes()
        run(recipe, out=out, fresh=True)
        assert (out / "journal-1.sqlite").read_bytes()[:100] == damaged[:100]
    assert digest(out) == digest(finished / "run")


def test_a_damaged_answer_is_requested_again_and_noted(finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    shutil.copy(finished / "run" / "journal.sqlite", out)
    with sqlite3.connect(out / "journal.sqlite") as connection:
        connection.execute("UPDATE answers SET answer = replace(answer, 'late', 'lost') WHERE rowid % 40 = 1")
        damaged = connection.execute("SELECT count(*) FROM answers WHERE rowid % 40 = 1").fetchone()[0]
        connection.execute("UPDATE answers SET answer = CAST(x'31c328' AS TEXT) WHERE rowid = 2")
    connection.close()
    summary = run(read_recipe(finished / "recipe.yaml"), out=out)
    assert summary.manifest["requests"]["sent"] == damaged + 1
    assert f"{damaged + 1} stored answers in journal.sqlite failed the checksum" in " ".join(summary.manifest["notes"])
    assert digest(out) == digest(finished / "run")
    again = run(read_recipe(finished / "recipe.yaml"), out=out)
    assert again.manifest["requests"]["sent"] == 0
    assert not any("checksum" in note for note in again.manifest["notes"])


def exported(folder: Path) -> list[ExportedText]:
    manifest = read_manifest(folder)
    export_info(folder, manifest)
    return list(read_texts(folder, manifest, "default"))


@pytest.mark.parametrize("flips", [1, FLIPS])
def test_flipped_bits_in_the_manifest_give_the_right_texts_or_one_sentence(
    flips: int, finished: Path, tmp_path: Path
) -> None:
    recipe = read_recipe(finished / "recipe.yaml")
    expected = exported(finished / "run")
    for seed in range(10):
        out = tmp_path / f"run-{seed}"
        shutil.copytree(finished / "run", out)
        flip_bits(out / "manifest.json", seed, flips)
        with contextlib.suppress(UsageError):
            assert exported(out) == expected
        with pytest.raises(UsageError, match="was changed since a run wrote it, and would be replaced; move it away"):
            run(recipe, out=out)
        (out / "manifest.json").unlink()
        assert run(recipe, out=out).manifest["requests"]["sent"] == 0
        assert digest(out) == digest(finished / "run")
