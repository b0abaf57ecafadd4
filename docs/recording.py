"""Records a run of the README's recipe as a picture of the terminal.

    python docs/recording.py [FILE]

The recipe and its seeds are read from README.md, and the model is scripted. The progress display and the result are
those of the program. Without a name the picture is `run.svg` beside this file.
"""

from __future__ import annotations

import re
import sys
import tempfile
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

from textsynth.console.progress import render_progress
from textsynth.console.results import result_text
from textsynth.core.progress import ProgressSnapshot
from textsynth.recipe import read_recipe
from textsynth.runner import run

DOCS = Path(__file__).parent
WIDTH = 100
# The accepted share at which the progress display is shown.
SHOWN_SHARE = 0.5
# Without this rule the picture loads nothing from other servers.
FONT_RULE = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)
MODEL = """models.generator={scripted: {function: "./answers.py:answer", latency_seconds: 0.6, concurrency: 8}}"""
ANSWERS = """
import random
import re

THINGS = (
    "kettle lamp table jacket tent bicycle sofa camera printer mirror carpet helmet shelf clock fridge piano"
).split()
STARTS = (
    "", "", "hello,", "good morning,", "hi there,", "just wondering,", "dear team,", "as I wrote on Monday,",
    "my number is 4711,", "second time I ask:", "quick question:", "sorry to bother you again,",
)
ENDS = (
    "", "", "", "please answer today", "it is for my mother's birthday", "I am at home all week", "Ann from Leeds",
    "this was my first order with you", "we move house on Friday", "order placed in the blue shop", "thanks in advance",
)
TEXTS = {
    "refund": (
        "I returned the {thing} and still wait for my money",
        "the {thing} came broken so refund me {n} euros",
        "you charged my card twice for one {thing}",
        "cancel my order of the {thing} and pay it back",
        "how do I get back the {n} euros I paid for the {thing}",
        "that {thing} stopped working after a day and I want a refund",
        "please return the payment for the {thing} I never used",
        "{n} euros for shipping a {thing} is wrong, give me the difference",
    ),
    "delivery": (
        "where is the {thing} I ordered",
        "my {thing} should have arrived {n} days ago",
        "has the courier with the {thing} left yet",
        "the tracking page of my {thing} has not changed for {n} hours",
        "when will the parcel with the {thing} be delivered",
        "nobody rang the bell and the {thing} is still in your van",
        "can the {thing} be left with the neighbour at number {n}",
        "is the {thing} on its way or lost in some depot",
    ),
    "praise": (
        "I love the {thing}, thank you so much",
        "best {thing} I have bought in {n} years",
        "your friendly help with my {thing} made my day",
        "the {thing} is lovely and my kids adore it",
        "great shop, the {thing} is even nicer than in the picture",
        "what a kind driver, he carried the {thing} up {n} stairs",
        "five stars for the quick reply about the {thing}",
        "so happy with this {thing} that I told all my friends",
    ),
}


def answer(request):
    generator = random.Random(request.key)
    prompt = request.prompt.messages[-1].content
    label = re.search(r"^Label[^:]*: (\\w+)", prompt, re.MULTILINE)[1]
    count = int(re.search(r"Write (\\d+)", prompt)[1])
    return "\\n".join(f"{number}. {text(generator, label)}" for number in range(1, count + 1))


def text(generator, label):
    if generator.random() < 0.1:
        return "As an AI language model I cannot write this message."
    if generator.random() < 0.3:
        label = generator.choice(sorted(TEXTS))
    core = generator.choice(TEXTS[label]).format(thing=generator.choice(THINGS), n=generator.randint(3, 90))
    return " ".join(filter(None, (generator.choice(STARTS), core, generator.choice(ENDS))))
"""


def write_recipe(folder: Path) -> Path:
    """Write the files that the README shows, and the model's answers, into `folder`; return the recipe's path."""
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    for name, text in re.findall(r"^```\w+ (\S+)\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL):
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "answers.py").write_text(ANSWERS, encoding="utf-8")
    return folder / "recipe.yaml"


def record(folder: Path) -> str:
    """Run the recipe in `folder`; return the picture of its progress display and its result as SVG."""
    recipe = read_recipe(write_recipe(folder), [MODEL])
    snapshots: list[ProgressSnapshot] = []
    result = run(recipe, out=folder / "run", watch=snapshots.append)
    shown = next(snapshot for snapshot in snapshots if _accepted_share(snapshot) >= SHOWN_SHARE and snapshot.in_flight)
    text = result_text(result, WIDTH).replace(str(folder / "run"), f"runs/{recipe.name}")
    console = Console(record=True, width=WIDTH, file=StringIO(), force_terminal=True, highlight=False, markup=False)
    console.print(Text("$ textsynth run recipe.yaml", style="bold"))
    console.print(render_progress(recipe.name, shown))
    console.print(Text("\n… when it is done:\n", style="dim"))
    console.print(Text(text))
    return FONT_RULE.sub("", console.export_svg(title="textsynth run recipe.yaml", unique_id="run"))


def _accepted_share(snapshot: ProgressSnapshot) -> float:
    wanted = sum(cell.wanted for cell in snapshot.quota)
    return sum(cell.accepted for cell in snapshot.quota) / wanted if wanted else 0.0


def main() -> None:
    """Write the picture."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS / "run.svg"
    with tempfile.TemporaryDirectory() as folder:
        path.write_text(record(Path(folder)), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
