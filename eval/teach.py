"""Which texts teach a classifier most: runs that select from real held-back rows, some of them mislabelled.

    python eval/teach.py DATA [--draws 10] [--wrong 0.25] [--out runs/teach] [--classifiers words,embeddings] [--dev]

DATA holds the folder banking77. For each draw: five seeds a label; a scripted model gives the generator `labelled` 20
other rows of the training file for each label, of which the share `--wrong` is from the three labels nearest to it; a
scripted judge, a labeller beside the recipe, keeps 95 % of the right texts and 15 % of the wrong ones. Each arm is a
run that selects five texts a label: without a judge the first ones (`random`), those that `agreement` keeps, and those
of `margin`, which then selects as `diverse`; with the judge the first ones, and those of `diverse` and of `margin`. A
classifier is trained on seeds and selected texts and scored on banking77's test rows, with `--dev` on a quarter of the
training file. Scores that OUT has are not measured again. Prints the mean macro-F1 of each arm, and differences with
their 95 % intervals over the draws.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

sys.path.insert(0, str(Path(__file__).parent.parent))

import textsynth as ts
from textsynth.evaluate.bootstrap import mean_interval
from textsynth.evaluate.classifiers import ClassifierName, Classifiers, TrainingSet
from textsynth.similarity.embedder import BUNDLED_EMBEDDER, Embedder
from textsynth.store.journal import Journal

SEEDS, CANDIDATES, SELECTED, NEAREST = 5, 20, 5, 3
KEEPS_RIGHT, KEEPS_WRONG = 0.95, 0.15
Rows = list[tuple[str, str]]
"""Texts with their labels."""
JUDGE, AGREEMENT = "label: [./judge.py]", "agreement: {source: seeds}"
ARMS: Mapping[str, tuple[str, str, str]] = {
    "random": ("", "", "[]"),
    "agreement": (AGREEMENT, "", "[]"),
    "margin, no judge": ("", "", "[margin]"),
    "judge + random": ("", JUDGE, "[]"),
    "judge + diverse": ("", JUDGE, "[diverse]"),
    "judge + margin": ("", JUDGE, "[margin]"),
    "judge + agreement": (AGREEMENT, JUDGE, "[]"),
}
"""The filter, the labeller and the selectors of each arm."""
COMPARED = (
    ("judge + margin", "judge + random"),
    ("judge + margin", "agreement"),
    ("judge + margin", "judge + diverse"),
)
BARS = {("judge + margin", "judge + random"): 0.01, ("judge + margin", "agreement"): 0.04}

ANSWERS = """\
import json
import re
from pathlib import Path

TEXTS = json.loads((Path(__file__).parent / "candidates.json").read_text(encoding="utf-8"))


def answer(request):
    label = re.search(r"^Label: (.*)$", request.prompt.messages[-1].content, re.MULTILINE)[1]
    return "\\n".join(f"{number}. {text}" for number, text in enumerate(TEXTS[label], 1))
"""
JUDGE_FILE = '''\
"""A scripted judge that knows which texts are right.

Does not catch: anything else."""

import json
from pathlib import Path

import textsynth as ts

KEPT = json.loads((Path(__file__).parent / "kept.json").read_text(encoding="utf-8"))


class Judge(ts.Labeller):
    """Keeps the texts of a list."""

    def start(self, context, name):
        return Session()


class Session:
    def build_requests(self, records):
        return [[] for _ in records]

    def parse_responses(self, record, completions):
        kept = record.text in KEPT[record.label]
        return record, None if kept else ts.Verdict("the judge chose another label")
'''


class SharedVectors(dict[bytes, bytes]):
    """Vectors of all runs. With a `journal`, those that are read or stored are copied to it."""

    journal: Journal | None = None

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:  # type: ignore[override]
        """Return the stored vectors among `keys`."""
        vectors = {key: self[key] for key in keys if key in self}
        if self.journal is not None:
            self.journal.put(vectors)
        return vectors

    def put(self, vectors: Mapping[bytes, bytes]) -> None:
        """Store vectors."""
        self.update(vectors)
        if self.journal is not None:
            self.journal.put(vectors)


def read_rows(path: Path) -> Rows:
    """Return the rows of a file, with single spaces: an answer has one text a line."""
    with path.open(encoding="utf-8", newline="") as file:
        return [(" ".join(row["text"].split()), row["label"]) for row in csv.DictReader(file)]


def read_or(path: Path, default: str) -> str:
    """Return the text of a file, or `default` where there is none."""
    return path.read_text(encoding="utf-8") if path.is_file() else default


class Draw:
    """The seeds and candidates of one draw, and its runs."""

    def __init__(self, rows: Rows, number: int, wrong: float, folder: Path) -> None:
        generator = random.Random(f"teach {number}")
        by_label: dict[str, list[str]] = {}
        for text, label in dict(rows).items():
            by_label.setdefault(label, []).append(text)
        order = {label: generator.sample(texts, len(texts)) for label, texts in sorted(by_label.items())}
        self.labels = list(order)
        self.seeds = [(text, label) for label, texts in order.items() for text in texts[:SEEDS]]
        self.folder = folder
        count = round(wrong * CANDIDATES)
        nearest = self._nearest_labels({label: texts[SEEDS : SEEDS + CANDIDATES] for label, texts in order.items()})
        self.right: dict[str, list[str]] = {}
        self.candidates: dict[str, list[str]] = {}
        reserve = {label: iter(texts[SEEDS + CANDIDATES :] + texts[SEEDS:]) for label, texts in order.items()}
        for label, texts in order.items():
            right = texts[SEEDS : SEEDS + CANDIDATES - count]
            mislabelled = [next(reserve[nearest[label][index % NEAREST]]) for index in range(count)]
            self.right[label] = right
            self.candidates[label] = generator.sample([*right, *mislabelled], len(right) + count)
        self.kept = {
            label: [
                text
                for text in texts
                if generator.random() < (KEEPS_RIGHT if text in self.right[label] else KEEPS_WRONG)
            ]
            for label, texts in self.candidates.items()
        }

    def _nearest_labels(self, texts: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
        """Return for each label the labels that a words classifier trained on the seeds confuses it with most."""
        vectorizer = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
        model = LogisticRegression(C=30, max_iter=150, tol=1e-3)
        model.fit(vectorizer.fit_transform([text for text, _ in self.seeds]), [label for _, label in self.seeds])
        names = list(model.classes_)
        return {
            label: [
                names[index]
                for index in np.argsort(-model.predict_proba(vectorizer.transform(rows)).mean(axis=0))
                if names[index] != label
            ][:NEAREST]
            for label, rows in texts.items()
        }

    def write(self) -> None:
        """Write seeds, candidates, model and judge."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "seeds.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("text", "label"), *self.seeds])
        for name, content in (("candidates.json", self.candidates), ("kept.json", self.kept)):
            (self.folder / name).write_text(json.dumps(content), encoding="utf-8")
        (self.folder / "answers.py").write_text(ANSWERS, encoding="utf-8")
        (self.folder / "judge.py").write_text(JUDGE_FILE, encoding="utf-8")

    def run(self, arm: str, vectors: SharedVectors) -> Rows:
        """Return the texts that an arm selects, with the labels they were written for."""
        check, labeller, selectors = ARMS[arm]
        name = arm.replace(" ", "").replace(",", "-").replace("+", "-")
        path, out = self.folder / f"{name}.yaml", self.folder / name
        labels = "\n".join(f'  "{label}": "{label}"' for label in self.labels)
        path.write_text(
            f"name: {name}\nlabels:\n{labels}\nsources: {{seeds: seeds.csv}}\n"
            'models: {generator: {scripted: {function: "./answers.py:answer"}}}\n'
            f"generate: [labelled: {{source: seeds, per_request: {CANDIDATES}}}]\n"
            f"filter: [exact_duplicate{', ' + check if check else ''}]\n{labeller}\nselect: {selectors}\n"
            f"want: {{label: {SELECTED}}}\noversample: {CANDIDATES / SELECTED}\nbudget: {{patience: 1}}\n"
            "export: {splits: {train: 1.0}}\n",
            encoding="utf-8",
        )
        out.mkdir(exist_ok=True)
        if check or "margin" in selectors or "diverse" in selectors:
            texts = [text for text, _ in self.seeds] + [text for rows in self.candidates.values() for text in rows]
            with Journal(out) as vectors.journal:
                Embedder(BUNDLED_EMBEDDER, vectors).embed(texts)
            vectors.journal = None
        run = ts.run(path, out=out, quiet=True)
        rows = run.dataset["train"]
        names = rows.features["label"].names
        return [(row["text"], names[row["label"]]) for row in rows]


def score(
    training: Rows, test: Rows, classifier: ClassifierName, embedder: Embedder, codes: Mapping[str, int]
) -> float:
    """Return the macro-F1 on the test rows of one of the evaluation's classifiers, trained on `training`."""
    rows = [*training, *test]
    texts = [[text] for text, _ in rows]
    classifiers = Classifiers(
        texts, len(codes), multi_label=False, embed=embedder.embed, embedder="", cache=SharedVectors()
    )  # fmt: skip
    targets = np.array([codes[label] for _, label in rows])
    train, test_rows = np.arange(len(training)), np.arange(len(training), len(rows))
    training_set = TrainingSet(train, targets[train], np.ones(len(training)))
    (predicted,) = classifiers.predictions(classifier, [training_set], test_rows)
    return float(f1_score(targets[test_rows], predicted, average="macro"))


def main() -> None:
    """Run every draw and arm, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--wrong", type=float, default=0.25)
    parser.add_argument("--out", type=Path, default=Path("runs/teach"))
    parser.add_argument("--classifiers", default="words")
    parser.add_argument("--arms", default=";".join(ARMS))
    parser.add_argument("--dev", action="store_true")
    options = parser.parse_args()
    train, test = (read_rows(options.data / "banking77" / f"{name}.csv") for name in ("train", "test"))
    if options.dev:
        random.Random("development").shuffle(train)
        test, train = train[: len(train) // 4], train[len(train) // 4 :]
    codes = {label: code for code, label in enumerate(sorted({label for _, label in train}))}
    vectors = SharedVectors()
    embedder = Embedder(BUNDLED_EMBEDDER, vectors)
    if "embeddings" in options.classifiers:
        embedder.embed([text for text, _ in test])
    scores: dict[tuple[str, str], list[float]] = {}
    for number in range(options.draws):
        folder = options.out / f"{options.wrong:g}-{number}"
        draw = Draw(train, number, options.wrong, folder)
        draw.write()
        measured: dict[str, float] = json.loads(read_or(folder / "scores.json", "{}"))
        for arm in options.arms.split(";"):
            missing = [name for name in options.classifiers.split(",") if f"{arm}, {name}" not in measured]
            selected = draw.run(arm, vectors) if missing else []
            for classifier in missing:
                value = score([*draw.seeds, *selected], test, classifier, embedder, codes)
                right = sum(text in draw.right[label] for text, label in selected) / len(selected)
                print(
                    f"{number} {classifier:10} {arm:18} {value:.4f}  {len(selected)} texts, {right:.0%} right",
                    flush=True,
                )
                measured[f"{arm}, {classifier}"] = value
                (folder / "scores.json").write_text(json.dumps(measured), encoding="utf-8")
            for classifier in options.classifiers.split(","):
                scores.setdefault((classifier, arm), []).append(measured[f"{arm}, {classifier}"])
    print_table(scores, options)


def print_table(scores: Mapping[tuple[str, str], Sequence[float]], options: argparse.Namespace) -> None:
    """Print the mean of each arm, and the differences with intervals and bars."""
    kind = "development rows" if options.dev else "test rows"
    for classifier in options.classifiers.split(","):
        print(f"\n{classifier}, {options.wrong:.0%} of the candidates wrong, {options.draws} draws, {kind}: macro-F1")
        for (name, arm), values in scores.items():
            if name == classifier:
                print(f"  {arm:18} {np.mean(values):.3f}")
        for arm, baseline in COMPARED:
            if (classifier, arm) not in scores or (classifier, baseline) not in scores:
                continue
            differences = np.subtract(scores[classifier, arm], scores[classifier, baseline]).tolist()
            low, high = mean_interval(differences)
            bar = BARS.get((arm, baseline))
            mean = float(np.mean(differences))
            goal = "" if bar is None else f", bar +{bar}: {'met' if mean >= bar else 'not met'}"
            print(f"  {arm} - {baseline}: {mean:+.3f} ({low:+.3f} to {high:+.3f}){goal}")


if __name__ == "__main__":
    main()
