"""Finished runs to push: a real run of a small recipe, with seeds, a test set and a scripted model."""

from __future__ import annotations

from pathlib import Path

from textsynth.recipe import read_recipe
from textsynth.runner import run

RECIPE = """\
name: tickets
labels: {{refund: wants money back, delivery: asks where a parcel is}}
models: {{generator: {{scripted: {{function: "./answers.py:answer"}}}}}}
sources:
  seeds: {{rows: {{path: {base}/seeds.csv}}}}
  test: {{rows: {{path: test.csv}}}}
generate: [labelled: {{source: seeds, per_request: 4}}]
filter: [exact_duplicate, copies_source: {{source: seeds}}, leak: {{semantic: 1}}]
select: []
want: {{label: {texts_per_label}}}
export: {{license: {license}, splits: {splits}, hub: anna/tickets}}
"""
SEED = "please give back what I paid for the blue kettle"
SEEDS = f"text,label\n{SEED},refund\nwhere is the tent that I ordered last week,delivery\n"
TEST_ROW = "the driver left with my parcel"
ANSWERS = f'''\
"""Answers that differ from request to request; each one also repeats a seed and a test row."""


def answer(request):
    start = int(request.key[:8], 16)
    lines = [f"{{n}}. text number {{start + n}} about parcel {{start * n % 97}}" for n in range(1, 3)]
    return "\\n".join([*lines, "3. {SEED}!", "4. {TEST_ROW}"])
'''


def make_run(
    base: Path,
    *,
    texts_per_label: int = 10,
    splits: str = "{train: 0.8, validation: 0.2}",
    license_: str = "cc-by-4.0",
    **sets: object,
) -> Path:
    """Write the recipe and its files into `base` and run it; return the folder of the run.

    `sets` are --set options, with `__` for the dot.
    """
    base.mkdir(parents=True, exist_ok=True)
    recipe = RECIPE.format(base=base, texts_per_label=texts_per_label, splits=splits, license=license_)
    (base / "tickets.yaml").write_text(recipe, encoding="utf-8")
    (base / "seeds.csv").write_text(SEEDS, encoding="utf-8")
    (base / "test.csv").write_text(f"text,label\n{TEST_ROW},delivery\n", encoding="utf-8")
    (base / "answers.py").write_text(ANSWERS, encoding="utf-8")
    overrides = [f"{name.replace('__', '.')}={value}" for name, value in sets.items()]
    fresh = (base / "run").exists()  # another recipe in the same folder
    return run(read_recipe(base / "tickets.yaml", overrides), out=base / "run", fresh=fresh).folder
