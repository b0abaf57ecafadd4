"""A recipe of the task `pairs` in a folder: real small sources, and a scripted model whose answers have flaws."""

from __future__ import annotations

import csv
import random
from pathlib import Path

WORLD = '''\
"""Pairs of sentences: `same` where both are about one event, `other` where they are about two."""

NAMES = "Anna Boris Clara David Emma Frank Greta Henry Irene Jacob".split()
VERBS = "painted sold cleaned found repaired lost bought hid carried photographed".split()
COLOURS = "red blue green yellow black white brown grey pink golden".split()
THINGS = "bicycle lamp table jacket kettle tent piano carpet ladder guitar".split()
PLACES = "garden kitchen harbour station market library museum bakery stadium village".split()


def event(rng):
    return [rng.choice(words) for words in (NAMES, VERBS, COLOURS, THINGS, PLACES)]


def first(event):
    name, verb, colour, thing, place = event
    return f"{name} {verb} the {colour} {thing} in the {place}."


def second(event):
    name, verb, colour, thing, place = event
    return f"There was a {colour} {thing} at the {place} which {name} {verb}."


def pair(rng, label):
    told = event(rng)
    return first(told), second(told if label == "same" else event(rng))
'''
ANSWERS = '''\
import json
import random

from world import event, first, pair, second

SEED = "Anna painted the red bicycle in the garden."
TEST = "Boris sold the blue lamp in the kitchen."


def flawed(rng, number):
    """Return a pair whose first text is right, and whose second one is not."""
    a, b = pair(rng, "same")
    flaws = (
        {"text_b": f"Write to {b.split()[3]}@gmail.com about the lamp and the kitchen."},
        {"text_b": "I'm sorry, but as an AI language model I cannot write this text."},
        {"text_b": "Gestern hat die alte Frau ihren Garten sehr lange und gern gepflegt."},
        {"text_b": "Yes."},
        {"text_b": SEED},
        {"text_b": TEST},
        {"text_b": 7},
    )
    return {"text_a": a, **flaws[number % len(flaws)]}


def answer(request):
    rng = random.Random(request.key)
    label = "same" if "Write 8 new pairs for the label same" in request.prompt.messages[-1].content else "other"
    labels = [label] * 4 + [{"same": "other", "other": "same"}[label]]
    pairs = [dict(zip(("text_a", "text_b"), pair(rng, written))) for written in labels]
    copy = dict(pairs[0])
    near = {**pairs[1], "text_b": pairs[1]["text_b"].replace("There was", "There once was")}
    return json.dumps({"pairs": [*pairs, copy, near, flawed(rng, rng.randrange(7))]})


def judge(request):
    """Return the label of the pair at the end of the prompt."""
    text = request.prompt.messages[-1].content
    a, b = text.rsplit("text_a: ", 1)[1].splitlines()[:2]
    shared = set(a.strip(".").split()) & set(b.removeprefix("text_b: ").strip(".").split())
    return "same" if len(shared - {"the"}) >= 4 else "other"
'''
RECIPE = """\
name: events
task: pairs
labels:
  same: both texts are about the same event
  other: the texts are about two events
models:
  generator: {scripted: {function: "./answers.py:answer"}}
  judge: {scripted: {function: "./answers.py:judge"}}
sources:
  seeds: {rows: {path: seeds.csv, text: premise, fields: {text_b: hypothesis}}}
  test: test.csv
generate: [pair: {source: seeds, per_request: 8, attributes: {tone: [plain, lively]}}]
label: [choice: {model: judge, votes: 1, on_disagreement: review}]
select: []
want: {label: 40}
oversample: 1.2
export: {splits: {train: 0.8, test: 0.2}, license: cc-by-4.0, task_ids: [natural-language-inference]}
evaluate: {train: seeds, test: test}
"""
SEED = "Anna painted the red bicycle in the garden."
TEST = "Boris sold the blue lamp in the kitchen."


def write_recipe(folder: Path) -> Path:
    """Write the recipe, its rows, and the answers of its model into a folder."""
    for name, text in {
        "recipe.yaml": RECIPE,
        "answers.py": f"{_importing(folder)}{ANSWERS}",
        "world.py": WORLD,
    }.items():
        (folder / name).write_text(text, encoding="utf-8")
    write_pairs(folder / "seeds.csv", 8, ("premise", "hypothesis"), SEED)
    write_pairs(folder / "test.csv", 25, ("text_a", "text_b"), TEST)
    return folder / "recipe.yaml"


def _importing(folder: Path) -> str:
    return f"import sys\n\nsys.path.insert(0, {str(folder)!r})\n"


def write_pairs(path: Path, per_label: int, columns: tuple[str, str], first_text: str) -> None:
    """Write pairs of both labels; the first text of the first pair is `first_text`."""
    world: dict[str, object] = {}
    exec(WORLD, world)
    rng = random.Random(path.name)
    rows = [(*world["pair"](rng, label), label) for _ in range(per_label) for label in ("same", "other")]  # type: ignore[operator]
    rows[0] = (first_text, *rows[0][1:])
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([(*columns, "label"), *rows])
