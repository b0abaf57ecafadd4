"""A small recipe of two labels with a scripted model, for tests of the parts of a run."""

from __future__ import annotations

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
  - labelled: {{from: seeds, texts: 2, vary: {vary}}}
want: {want}
{more}
"""
SEEDS = "text,label\n" + "".join(
    f"{text} {when},{label}\n"
    for label, text in (("card", "my card is lost since"), ("transfer", "no transfer came in since"))
    for when in ("monday", "tuesday", "friday", "last week", "easter")
)
ANSWERS = '["1. where is my new card now\\n2. it ate my card at noon", "1. nothing arrived yet from abroad"]'


def small_recipe(
    folder: Path, *, want: str = "{label: 4}", vary: str = "{}", answers: str = ANSWERS, more: str = ""
) -> Recipe:
    """Write the recipe and its seeds into the folder, and read it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "seeds.csv").write_text(SEEDS)
    path = folder / "small.yaml"
    path.write_text(RECIPE.format(want=want, vary=vary, answers=answers, more=more))
    return read_recipe(path)
