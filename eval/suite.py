"""The recipes on real data sets with the embedded model, and the filters on given LLM-written sets, in one table.

    python eval/suite.py DATA --out runs/suite [--only banking77,parrot,bare] [--draws 3] [--minutes 13]

DATA holds the folders banking77, parrot_crowdflower, parrot_intimacy, ag_news and trec. Finished runs and measurements
are used again, so that the suite can be stopped and resumed. Every evaluation on a test set is logged as a line of
OUT/looks.csv; the table is written to OUT/table.md with commit, hardware and time. Defaults are not chosen here but on
development rows of the training files (`--dev` evaluates on those rows instead of the test sets, and logs nothing).
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
CLASSIFIERS = ("words", "embeddings")
Row = dict[str, str]
Evaluation = Mapping[str, Any]
"""The content of an evaluation.json."""


class Suite:
    """The folders of the data and of the output, and whether test sets may be used."""

    def __init__(self, data: Path, out: Path, *, dev: bool, minutes: float) -> None:
        self.data = data.resolve()
        self.out = out.resolve()
        self.dev = dev
        self.minutes = minutes
        self.lines: list[str] = []
        self.out.mkdir(parents=True, exist_ok=True)

    def read_rows(self, *parts: str) -> list[Row]:
        """Return the rows of a file of the data."""
        with (self.data / Path(*parts)).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def write_rows(self, name: str, rows: Sequence[Row]) -> Path:
        """Write text and label of rows to a file of the output."""
        path = self.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ["text", "label"], extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        return path

    def run(self, recipe: Path, name: str, *settings: str) -> Path:
        """Run a recipe to its end, unless that was done before, and return its folder."""
        folder = self.out / name
        if not (folder / "manifest.json").exists():
            options = [part for setting in settings for part in ("--set", setting)]
            command = [sys.executable, "-m", "textsynth", "run", str(recipe), "--out", str(folder), "--quiet", *options]
            process = subprocess.run(command, capture_output=True, text=True, check=False)
            if process.returncode not in (0, 3):
                raise SystemExit(f"{name}: {process.stderr}")
        return folder

    def evaluate(self, path: Path, test: Path, *options: str) -> Evaluation:
        """Evaluate a run or a file on test rows; an evaluation on a test set is logged."""
        command = [sys.executable, "-m", "textsynth", "evaluate", str(path), "--test", str(test), "--json", *options]
        process = subprocess.run(command, capture_output=True, text=True, check=False)
        if process.returncode:
            raise SystemExit(f"{path.name}: {process.stderr}")
        evaluation: Evaluation = json.loads(process.stdout)
        if not self.dev:
            verdict = evaluation["verdict"]
            with (self.out / "looks.csv").open("a", encoding="utf-8") as file:
                now = datetime.now(UTC).isoformat(timespec="seconds")
                file.write(f"{now},{commit()},{path.name},{test.name},{verdict['effect']},{verdict['difference']}\n")
        return evaluation

    def add_line(self, line: str) -> None:
        """Add a line to the table, and print it."""
        self.lines.append(line)
        print(line, flush=True)


def commit() -> str:
    """Return the commit that is measured, with a + where files differ from it."""
    command = ["git", "describe", "--always", "--dirty=+"]
    process = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    return process.stdout.strip() or "unknown"


def split_rows(rows: Sequence[Row], excluded: Sequence[Row], share: float) -> tuple[list[Row], list[Row]]:
    """Return development rows and the others, without rows of the texts of `excluded`; always the same random split."""
    texts = {row["text"] for row in excluded}
    remaining = [row for row in rows if row["text"] not in texts]
    random.Random("development").shuffle(remaining)
    size = int(share * len(remaining))
    return remaining[:size], remaining[size:]


def sample_seeds(rows: Sequence[Row], per_label: int, draw: int) -> list[Row]:
    """Return `per_label` random rows of every label."""
    generator = random.Random(f"draw {draw}")
    by_label: dict[str, list[Row]] = {}
    for row in rows:
        by_label.setdefault(row["label"], []).append(row)
    return [row for label_rows in by_label.values() for row in generator.sample(label_rows, per_label)]


def difference_of(evaluation: Evaluation, arm: str, baseline: str, classifier: str) -> Mapping[str, Any] | None:
    """Return the difference of two arms, None where it was not measured."""
    for difference in evaluation["differences"]:
        if (difference["arm"], difference["baseline"], difference["classifier"]) == (arm, baseline, classifier):
            return difference
    return None


def banking77(suite: Suite, draws: int) -> None:
    """Few-shot: one generation for each draw of five seeds a label; the mean of the differences over the draws."""
    train = suite.read_rows("banking77", "train.csv")
    evaluations = []
    for draw in range(draws):
        seeds = sample_seeds(train, 5, draw)
        path = suite.write_rows(f"seeds-{draw}.csv", seeds)
        settings = (f"sources.seeds={path}", f"budget.minutes={suite.minutes:g}", f"seed={draw}")
        folder = suite.run(RECIPES / "bank_intents.yaml", f"bank-{draw}", *settings)
        development, _ = split_rows(train, seeds, 0.3)
        test = suite.write_rows(f"dev-{draw}.csv", development) if suite.dev else suite.data / "banking77" / "test.csv"
        evaluations.append(suite.evaluate(folder, test, "--train", str(path)))
    suite.add_line(f"\n### banking77, {draws} draws of 5 seeds a label\n")
    suite.add_line(
        "| classifier | seeds | + raw | + selected | + selected, fitted weight | selected - seeds | fitted - seeds |"
    )
    suite.add_line("|---|---|---|---|---|---|---|")
    for classifier in CLASSIFIERS:
        arms = ("seeds", "seeds_raw", "seeds_selected", "fitted")
        cells = [mean_score(evaluations, arm, classifier) for arm in arms]
        cells += [mean_over_draws(evaluations, arm, "seeds", classifier) for arm in ("seeds_selected", "fitted")]
        suite.add_line(f"| {classifier} | " + " | ".join(cells) + " |")


def mean_score(evaluations: Sequence[Evaluation], arm: str, classifier: str) -> str:
    """Return the mean macro-F1 of an arm over evaluations."""
    scores = [evaluation["arms"][arm][classifier]["macro_f1"] for evaluation in evaluations]
    return f"{sum(scores) / len(scores):.3f}"


def mean_over_draws(evaluations: Sequence[Evaluation], arm: str, baseline: str, classifier: str) -> str:
    """Return the mean difference of two arms and its interval over the draws."""
    differences = [
        evaluation["arms"][arm][classifier]["macro_f1"] - evaluation["arms"][baseline][classifier]["macro_f1"]
        for evaluation in evaluations
    ]
    low, high = mean_interval(differences)
    return f"{sum(differences) / len(differences):+.3f} ({low:+.3f} to {high:+.3f})"


def parrot(suite: Suite) -> None:
    """Given LLM-written sets: the default filters with the human tenth as seeds, and many random subsets."""
    pairs = (("selected", "random"), ("seeds_selected", "seeds_raw"), ("fitted", "seeds"))
    suite.add_line("\n### LLM-written sets, their human tenth as seeds\n")
    suite.add_line(
        "| set | classifier | rows kept | selected - random | seeds + selected - seeds + raw | fitted - seeds |"
    )
    suite.add_line("|---|---|---|---|---|---|")
    measured: dict[tuple[tuple[str, str], str], list[Mapping[str, Any]]] = {
        (pair, classifier): [] for pair in pairs for classifier in CLASSIFIERS
    }
    for task in ("crowdflower", "intimacy"):
        folder = f"parrot_{task}"
        base = suite.read_rows(folder, "base.csv")
        development, unused = split_rows(suite.read_rows(folder, "train.csv"), base, 0.4)
        test_rows = development if suite.dev else [*suite.read_rows(folder, "test.csv"), *unused]
        seeds = suite.write_rows(f"{task}-seeds.csv", base)
        test = suite.write_rows(f"{task}-{'dev' if suite.dev else 'test'}.csv", test_rows)
        for model in ("gpt4", "llama2_70b"):
            raw = suite.write_rows(f"{task}-{model}.csv", suite.read_rows(folder, f"generated_{model}.csv"))
            recipe = write_filter_recipe(suite, task, model, raw, seeds, sorted({row["label"] for row in base}))
            run_folder = suite.run(recipe, f"{task}-{model}")
            evaluation = suite.evaluate(run_folder, test, "--train", str(seeds), "--full")
            counts = evaluation["data"]["synthetic"]
            for classifier in CLASSIFIERS:
                differences = [difference_of(evaluation, *pair, classifier) for pair in pairs]
                for pair, difference in zip(pairs, differences, strict=True):
                    measured[pair, classifier] += [difference] if difference else []
                cells = " | ".join(map(format_difference, differences))
                suite.add_line(f"| {task} {model} | {classifier} | {counts['selected']} of {counts['raw']} | {cells} |")
    for classifier in CLASSIFIERS:
        means = [mean_difference(measured[pair, classifier]) for pair in pairs]
        suite.add_line(f"| mean of the four | {classifier} | | {' | '.join(map(format_difference, means))} |")


def mean_difference(differences: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the mean difference over fixed sets; its interval follows from those of the sets."""
    mean = sum(difference["difference"] for difference in differences) / len(differences)
    half_widths = [(difference["interval"][1] - difference["interval"][0]) / 2 for difference in differences]
    half_width = sum(width**2 for width in half_widths) ** 0.5 / len(differences)
    return {"difference": mean, "interval": (mean - half_width, mean + half_width)}


def format_difference(difference: Mapping[str, Any] | None) -> str:
    """Return a difference with its interval."""
    if difference is None:
        return "-"
    low, high = difference["interval"]
    return f"{difference['difference']:+.3f} ({low:+.3f} to {high:+.3f})"


def write_filter_recipe(suite: Suite, task: str, model: str, raw: Path, seeds: Path, labels: Sequence[str]) -> Path:
    """Write a recipe that filters given rows with the default filters, and return its path."""
    path = suite.out / f"{task}-{model}.yaml"
    label_lines = "\n".join(f"  {label}: {label}" for label in labels)
    path.write_text(
        f"version: 1\nname: {task}-{model}\nlabels:\n{label_lines}\nsources: {{raw: {raw}, seeds: {seeds}}}\n"
        "generate: [existing: {source: raw}]\n"
        "filter:\n  - length\n  - refusal\n  - exact_duplicate\n  - near_duplicate\n"
        "  - copies_source: {source: seeds}\n  - agreement: {source: seeds}\nselect: []\n",
        encoding="utf-8",
    )
    return path


DESCRIPTIONS = {
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
    """Without seeds: label names and descriptions only; raw and selected at equal size."""
    suite.add_line("\n### Without seeds: label names and descriptions only\n")
    suite.add_line("| set | classifier | selected | random, as many | selected - random |")
    suite.add_line("|---|---|---|---|---|")
    for name, descriptions in DESCRIPTIONS.items():
        path = suite.out / f"{name}.yaml"
        label_lines = "\n".join(f'  "{label}": "{description}"' for label, description in descriptions.items())
        path.write_text(
            f"version: 1\nname: {name}\nmodels: {{generator: {{local: {{}}}}}}\nlabels:\n{label_lines}\n"
            "generate: [labelled: {per_request: 4}]\nselect: []\nwant: {label: 40}\nbudget: {minutes: 6}\n",
            encoding="utf-8",
        )
        rows = suite.read_rows(name, "train.csv" if suite.dev else "test.csv")
        test = suite.write_rows(f"{name}-rows.csv", rows[:2000])
        evaluation = suite.evaluate(suite.run(path, f"bare-{name}"), test)
        arms = evaluation["arms"]
        for classifier in CLASSIFIERS:
            cells = [
                f"{arms[arm][classifier]['macro_f1']:.3f}" if arm in arms else "-" for arm in ("selected", "random")
            ]
            cells.append(format_difference(difference_of(evaluation, "selected", "random", classifier)))
            suite.add_line(f"| {name} | {classifier} | {' | '.join(cells)} |")


def main() -> None:
    """Run the chosen parts and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/suite"))
    parser.add_argument("--only", default="banking77,parrot,bare")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=13)
    parser.add_argument("--dev", action="store_true")
    arguments = parser.parse_args()
    suite = Suite(arguments.data, arguments.out, dev=arguments.dev, minutes=arguments.minutes)
    began = datetime.now(UTC)
    parts: dict[str, Callable[[], None]] = {
        "banking77": lambda: banking77(suite, arguments.draws),
        "parrot": lambda: parrot(suite),
        "bare": lambda: bare(suite),
    }
    for name in arguments.only.split(","):
        parts[name]()
    minutes = (datetime.now(UTC) - began).total_seconds() / 60
    suite.add_line(f"\n{commit()}, {began:%Y-%m-%d}, {platform.machine()}, {minutes:.0f} minutes")
    (suite.out / "table.md").write_text("\n".join(suite.lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
