"""Recipes for tests of runs, and the digest of a data set.

`small_recipe` has two labels and a scripted model, for tests of single parts of a run; `served_recipe` has three labels
and a model behind a server on loopback, for whole runs.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from textsynth.recipe import Recipe, read_recipe

RECIPE = """\
version: 1
name: small
task: classification
models: {{generator: {{scripted: {{answers: {answers}}}}}}}
labels: {{card: asks about a card, transfer: asks about a transfer}}
sources: {{seeds: seeds.csv}}
generate:
  - labelled: {{source: seeds, per_request: 2, attributes: {attributes}}}
want: {want}
{sections}
"""
SEEDS = "text,label\n" + "".join(
    f"{text} {when},{label}\n"
    for label, text in (("card", "my card is lost since"), ("transfer", "no transfer came in since"))
    for when in ("monday", "tuesday", "friday", "last week", "easter")
)
ANSWERS = '["1. where is my new card now\\n2. it ate my card at noon", "1. nothing arrived yet from abroad"]'


def small_recipe(
    folder: Path, *, want: str = "{label: 4}", attributes: str = "{}", answers: str = ANSWERS, sections: str = ""
) -> Recipe:
    """Write the recipe and its seeds into the folder, and read it; `sections` are further sections."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "seeds.csv").write_text(SEEDS)
    path = folder / "small.yaml"
    path.write_text(RECIPE.format(want=want, attributes=attributes, answers=answers, sections=sections))
    return read_recipe(path)


SERVED = """\
version: 1
name: served
models: {generator: {http: MODEL}}
labels: {card: asks about a card, transfer: asks about a transfer, app: asks about the app}
sources: {seeds: seeds.csv}
generate:
  - labelled: {source: seeds, per_request: 5, attributes: {case: CASES}}GENERATORS
filter: [{length: {min_words: 7}}, exact_duplicate, near_duplicate]
select: []
want: {label: 60}
"""
SERVED_SEEDS = "text,label\n" + "".join(
    f"{text} number {n},{label}\n"
    for label, text in (("card", "my card is lost"), ("transfer", "the transfer is late"), ("app", "the app crashes"))
    for n in range(6)
)


def served_recipe(folder: Path, generators: str = "", **options: object) -> Path:
    """Write the recipe and its seeds; `generators` are further items of YAML, `options` those of the `http` model."""
    folder.mkdir(parents=True, exist_ok=True)
    model = json.dumps({"model": "mock-small", "concurrency": 16, **options})
    cases = json.dumps([f"case {n}" for n in range(400)])
    items = f"\n  {generators}" if generators else ""
    path = folder / "served.yaml"
    path.write_text(SERVED.replace("MODEL", model).replace("CASES", cases).replace("GENERATORS", items))
    (folder / "seeds.csv").write_text(SERVED_SEEDS)
    return path


def digest(run: Path, *, card: bool = False) -> dict[str, str]:
    """Return the sha256 of each file of a run's data set; with `card` also of the card, which quotes the recipe."""
    root = run / "dataset"
    files = sorted(path for path in root.rglob("*") if path.is_file() and (card or path.name != "README.md"))
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
