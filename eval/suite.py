"""The recipes on real sets with the embedded model, and the checks on given LLM-written sets: one table.

    python eval/suite.py DATA --out runs/suite [--only banking77,parrot,bare] [--draws 3] [--minutes 13]

DATA holds the folders banking77, parrot_crowdflower, parrot_intimacy, ag_news and trec. What was generated or measured
before is used again, so that the suite can be stopped and gone on with. Every look at a test set is a line in
OUT/looks.csv; the table goes to OUT/table.md, with commit, hardware and time. Defaults are not chosen here but on
development rows of the training files (`--dev` asks those rows instead of the test sets, and logs nothing).
"""

from __future__ import annotations

import argparse
import csv
import json
import platform
import random
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from textsynth.evaluate.bootstrap import mean_interval

HERE = Path(__file__).parent
RECIPES = HERE.parent / "recipes"
KINDS = ("words", "embeddings")
Row = dict[str, str]


class Suite:
    """The place of a suite: where the data are, where everything goes, and whether test sets may be looked at."""

    def __init__(self, data: Path, out: Path, *, dev: bool, minutes: float) -> None:
        self.data = data.resolve()
        self.out = out.resolve()
        self.dev = dev
        self.minutes = minutes
        self.lines: list[str] = []
        self.out.mkdir(parents=True, exist_ok=True)

    def rows(self, *parts: str) -> list[Row]:
        """Return the rows of a file of the data."""
        with (self.data / Path(*parts)).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def write(self, name: str, rows: Sequence[Row]) -> Path:
        """Write text and label of rows to a file of the suite."""
        path = self.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ["text", "label"], extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        return path

    def run(self, recipe: Path, name: str, *sets: str) -> Path:
        """Run a recipe to its end, unless that was done, and return its folder."""
        folder = self.out / name
        if not (folder / "manifest.json").exists():
            told = [part for one in sets for part in ("--set", one)]
            command = [sys.executable, "-m", "textsynth", "run", str(recipe), "--out", str(folder), "--quiet", *told]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode not in (0, 3):
                raise SystemExit(f"{name}: {done.stderr}")
        return folder

    def evaluate(self, what: Path, test: Path, *options: str) -> dict[str, Any]:
        """Evaluate a run or a file on a set of rows; a look at a test set is logged."""
        command = [sys.executable, "-m", "textsynth", "evaluate", str(what), "--test", str(test), "--json", *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{what.name}: {done.stderr}")
        told: dict[str, Any] = json.loads(done.stdout)
        if not self.dev:
            verdict = told["verdict"]
            with (self.out / "looks.csv").open("a", encoding="utf-8") as file:
                now = datetime.now(UTC).isoformat(timespec="seconds")
                file.write(f"{now},{commit()},{what.name},{test.name},{verdict['effect']},{verdict['difference']}\n")
        return told

    def say(self, line: str) -> None:
        """Add a line to the table, and print it."""
        self.lines.append(line)
        print(line, flush=True)


def commit() -> str:
    """Return the commit that is measured, with a + where files differ from it."""
    told = subprocess.run(
        ["git", "describe", "--always", "--dirty=+"], cwd=HERE, capture_output=True, text=True, check=False
    )
    return told.stdout.strip() or "unknown"


def part(rows: Sequence[Row], known: Sequence[Row], share: float) -> tuple[list[Row], list[Row]]:
    """Part the rows whose text is not in `known` at random, but always the same way: development rows, the others."""
    texts = {row["text"] for row in known}
    rest = [row for row in rows if row["text"] not in texts]
    random.Random("development").shuffle(rest)
    cut = int(share * len(rest))
    return rest[:cut], rest[cut:]


def drawn(rows: Sequence[Row], each: int, draw: int) -> list[Row]:
    """Draw `each` rows of every label."""
    chosen = random.Random(f"draw {draw}")
    by_label: dict[str, list[Row]] = {}
    for row in rows:
        by_label.setdefault(row["label"], []).append(row)
    return [row for some in by_label.values() for row in chosen.sample(some, each)]


def gap(told: Mapping[str, Any], arm: str, minus: str, kind: str) -> Mapping[str, Any] | None:
    """Return the difference of two arms, None where it was not measured."""
    wanted = (arm, minus, kind)
    return next((one for one in told["differences"] if (one["arm"], one["minus"], one["classifier"]) == wanted), None)


def banking77(suite: Suite, draws: int) -> None:
    """Few-shot: for each draw of five seeds a label one generation; the mean of the differences over the draws."""
    train = suite.rows("banking77", "train.csv")
    found = []
    for draw in range(draws):
        seeds = drawn(train, 5, draw)
        path = suite.write(f"seeds-{draw}.csv", seeds)
        sets = (f"sources.seeds={path}", f"budget.minutes={suite.minutes:g}", f"seed={draw}")
        folder = suite.run(RECIPES / "bank_intents.yaml", f"bank-{draw}", *sets)
        development, _ = part(train, seeds, 0.3)
        test = suite.write(f"dev-{draw}.csv", development) if suite.dev else suite.data / "banking77" / "test.csv"
        found.append(suite.evaluate(folder, test, "--train", str(path)))
    suite.say(f"\n### banking77, {draws} draws of 5 seeds a label\n")
    suite.say(
        "| classifier | seeds | + raw | + selected | + selected, fitted weight | selected - seeds | fitted - seeds |"
    )
    suite.say("|---|---|---|---|---|---|---|")
    for kind in KINDS:
        arms = [mean(found, name, kind) for name in ("seeds", "seeds_raw", "seeds_selected", "fitted")]
        gaps = [over_draws(found, name, "seeds", kind) for name in ("seeds_selected", "fitted")]
        suite.say(f"| {kind} | " + " | ".join([*arms, *gaps]) + " |")


def mean(found: Sequence[Mapping[str, Any]], arm: str, kind: str) -> str:
    """Return the mean macro-F1 of an arm over evaluations."""
    return f"{sum(one['arms'][arm][kind]['macro_f1'] for one in found) / len(found):.3f}"


def over_draws(found: Sequence[Mapping[str, Any]], arm: str, minus: str, kind: str) -> str:
    """Return the mean difference of two arms and its interval over the draws."""
    gaps = [one["arms"][arm][kind]["macro_f1"] - one["arms"][minus][kind]["macro_f1"] for one in found]
    low, high = mean_interval(gaps)
    return f"{sum(gaps) / len(gaps):+.3f} ({low:+.3f} to {high:+.3f})"


def parrot(suite: Suite) -> None:
    """Given LLM-written sets: the default checks with the human tenth as seeds, many random subsets beside."""
    rows = [("random", "selected", "random"), ("raw", "seeds_selected", "seeds_raw"), ("seeds", "fitted", "seeds")]
    suite.say("\n### LLM-written sets, their human tenth as seeds\n")
    suite.say("| set | classifier | rows kept | selected - random | seeds + selected - seeds + raw | fitted - seeds |")
    suite.say("|---|---|---|---|---|---|")
    gains: dict[tuple[str, str], list[Mapping[str, Any]]] = {(name, kind): [] for name, _, _ in rows for kind in KINDS}
    for task in ("crowdflower", "intimacy"):
        folder = f"parrot_{task}"
        base = suite.rows(folder, "base.csv")
        development, unused = part(suite.rows(folder, "train.csv"), base, 0.4)
        tested = development if suite.dev else [*suite.rows(folder, "test.csv"), *unused]
        seeds = suite.write(f"{task}-seeds.csv", base)
        test = suite.write(f"{task}-{'dev' if suite.dev else 'test'}.csv", tested)
        for model in ("gpt4", "llama2_70b"):
            raw = suite.write(f"{task}-{model}.csv", suite.rows(folder, f"generated_{model}.csv"))
            recipe = curating(suite, task, model, raw, seeds, sorted({row["label"] for row in base}))
            told = suite.evaluate(suite.run(recipe, f"{task}-{model}"), test, "--train", str(seeds), "--full")
            for kind in KINDS:
                cells = [gap(told, arm, minus, kind) for _, arm, minus in rows]
                for (name, _, _), cell in zip(rows, cells, strict=True):
                    gains[name, kind] += [cell] if cell else []
                kept = told["data"]["synthetic"]
                shown = " | ".join(shown_gap(cell) for cell in cells)
                suite.say(f"| {task} {model} | {kind} | {kept['selected']} of {kept['raw']} | {shown} |")
    for kind in KINDS:
        means = " | ".join(shown_gap(mean_gap(gains[name, kind])) for name, _, _ in rows)
        suite.say(f"| mean of the four | {kind} | | {means} |")


def mean_gap(gaps: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the mean difference over these very sets, its interval from those of the sets."""
    mean = sum(one["difference"] for one in gaps) / len(gaps)
    half = sum(((one["interval"][1] - one["interval"][0]) / 2) ** 2 for one in gaps) ** 0.5 / len(gaps)
    return {"difference": mean, "interval": (mean - half, mean + half)}


def shown_gap(one: Mapping[str, Any] | None) -> str:
    """Return a difference with its interval."""
    return f"{one['difference']:+.3f} ({one['interval'][0]:+.3f} to {one['interval'][1]:+.3f})" if one else "-"


def curating(suite: Suite, task: str, model: str, raw: Path, seeds: Path, labels: Sequence[str]) -> Path:
    """Write a recipe that curates given rows with the default checks, and return its path."""
    path = suite.out / f"{task}-{model}.yaml"
    listed = "\n".join(f"  {label}: {label}" for label in labels)
    path.write_text(
        f"version: 1\nname: {task}-{model}\nlabels:\n{listed}\nsources: {{raw: {raw}, seeds: {seeds}}}\n"
        "generate: [existing: {source: raw}]\nfilter:\n  - length\n  - refusal\n  - exact_duplicate\n  - near_duplicate\n"
        "  - copies_source: {source: seeds}\n  - agreement: {source: seeds}\nselect: []\n",
        encoding="utf-8",
    )
    return path


MEANINGS = {
    "ag_news": {
        "World": "news about countries, governments, wars and politics of the world",
        "Sports": "news about games, teams, athletes and results",
        "Business": "news about companies, markets, prices and the economy",
        "Sci/Tech": "news about science, computers, the internet and space",
    },
    "trec": {
        "abbreviation": "a question about what an abbreviation stands for",
        "entity": "a question about a thing, an animal, a product or a word",
        "description": "a question for a definition, a reason or a way to do something",
        "human": "a question about a person or a group of people",
        "location": "a question about a place",
        "number": "a question about a number, a date, a price or a distance",
    },
}


def bare(suite: Suite) -> None:
    """Without seeds: label names and meanings only; raw and selected at equal size."""
    suite.say("\n### Without seeds: names and meanings only\n")
    suite.say("| set | classifier | selected | random, as many | selected - random |")
    suite.say("|---|---|---|---|---|")
    for name, meanings in MEANINGS.items():
        path = suite.out / f"{name}.yaml"
        listed = "\n".join(f'  "{label}": "{means}"' for label, means in meanings.items())
        path.write_text(
            f"version: 1\nname: {name}\nmodels: {{generator: {{local: {{}}}}}}\nlabels:\n{listed}\n"
            "generate: [labelled: {per_request: 4}]\nselect: []\nwant: {label: 40}\nbudget: {minutes: 6}\n",
            encoding="utf-8",
        )
        rows = suite.rows(name, "train.csv" if suite.dev else "test.csv")
        told = suite.evaluate(suite.run(path, f"bare-{name}"), suite.write(f"{name}-rows.csv", rows[:2000]))
        for kind in KINDS:
            arms = told["arms"]
            scores = [f"{arms[arm][kind]['macro_f1']:.3f}" if arm in arms else "-" for arm in ("selected", "random")]
            suite.say(
                f"| {name} | {kind} | {' | '.join(scores)} | {shown_gap(gap(told, 'selected', 'random', kind))} |"
            )


def main() -> None:
    """Run what is asked for and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/suite"))
    parser.add_argument("--only", default="banking77,parrot,bare")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=13)
    parser.add_argument("--dev", action="store_true")
    asked = parser.parse_args()
    suite = Suite(asked.data, asked.out, dev=asked.dev, minutes=asked.minutes)
    began = datetime.now(UTC)
    parts: dict[str, Callable[[], None]] = {
        "banking77": lambda: banking77(suite, asked.draws), "parrot": lambda: parrot(suite), "bare": lambda: bare(suite)
    }  # fmt: skip
    for name in asked.only.split(","):
        parts[name]()
    minutes = (datetime.now(UTC) - began).total_seconds() / 60
    suite.say(f"\n{commit()}, {began:%Y-%m-%d}, {platform.machine()}, {minutes:.0f} minutes")
    (suite.out / "table.md").write_text("\n".join(suite.lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
