"""Which texts teach a classifier most: runs that select from real held-back rows, some of them mislabelled.

    python eval/teach.py DATA [--set banking77] [--draws 10] [--wrong 0.25] [--out runs/teach] [--dev]

DATA holds the folder of the set (a CSV file `train`, and `test`, with columns text and label). For each draw: five
seeds a label; a scripted model gives the generator `labelled` 20 other rows of the training file for each label, of
which the share `--wrong` is from the three labels nearest to it; a scripted judge, a labeller beside the recipe, keeps
95 % of the right texts and 15 % of the wrong ones, and its confidence is higher in a right one than in a wrong one in
five of six cases. Each arm is a run that selects five texts a label: without a judge the first ones (`random`), those
that `agreement` keeps, and those of `margin`, which then selects as `diverse`; with the judge the first ones, and those
of `diverse`, plain and weighted by the confidence, and of `margin`. Labels with fewer than 25 training rows are left
out.

Both classifiers of the evaluation are trained on seeds and selected texts and scored on the test rows, with `--dev` on
a quarter of the training file. OUT keeps the vectors and the scores, so that nothing is measured twice. Prints the mean
macro-F1 of each arm, and differences with their 95 % intervals over the draws.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import sys
from collections import Counter
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
from textsynth.similarity.embedder import BUNDLED_EMBEDDER, Embedder, VectorStore
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
    "judge + weighted": ("", JUDGE, "[diverse: {weigh_by_confidence: true}]"),
    "judge + margin": ("", JUDGE, "[margin]"),
    "judge + agreement": (AGREEMENT, JUDGE, "[]"),
}
"""The filter, the labeller and the selectors of each arm."""
COMPARED = (
    ("judge + margin", "judge + random"),
    ("judge + margin", "agreement"),
    ("judge + margin", "judge + diverse"),
    ("judge + weighted", "judge + diverse"),
    ("judge + weighted", "judge + random"),
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
    """Keeps the texts of a list, with the confidence that is in the list."""

    def start(self, context, name):
        return Session(name)


class Session:
    def __init__(self, name):
        self.name = name

    def build_requests(self, records):
        return [[] for _ in records]

    def parse_responses(self, record, completions):
        confidence = KEPT[record.label].get(record.text)
        if confidence is None:
            return record, ts.Verdict("the judge chose another label")
        return record.with_scores({self.name: confidence}), None
'''


class SharedVectors(dict[bytes, bytes]):
    """Vectors of all runs, and of the store `stored`. With a `journal`, those read or stored are copied to it."""

    journal: Journal | None = None

    def __init__(self, stored: VectorStore | None = None) -> None:
        super().__init__()
        self._stored = stored

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:  # type: ignore[override]
        """Return the stored vectors among `keys`."""
        if self._stored is not None:
            self.update(self._stored.get([key for key in keys if key not in self]))
        vectors = {key: self[key] for key in keys if key in self}
        if self.journal is not None:
            self.journal.put(vectors)
        return vectors

    def put(self, vectors: Mapping[bytes, bytes]) -> None:
        """Store vectors."""
        self.update(vectors)
        for store in (self._stored, self.journal):
            if store is not None:
                store.put(vectors)


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
        kept = {
            label: [
                text
                for text in texts
                if generator.random() < (KEEPS_RIGHT if text in self.right[label] else KEEPS_WRONG)
            ]
            for label, texts in self.candidates.items()
        }
        self.kept = {
            label: {text: self._confidence(generator, right=text in self.right[label]) for text in texts}
            for label, texts in kept.items()
        }

    @staticmethod
    def _confidence(generator: random.Random, *, right: bool) -> float:
        """Return the higher of two random numbers for a right text, the lower for a wrong one: AUC 5/6."""
        return (max if right else min)(generator.random(), generator.random())

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
    parser.add_argument("--set", default="banking77", dest="name")
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--wrong", type=float, default=0.25)
    parser.add_argument("--out", type=Path, default=Path("runs/teach"))
    parser.add_argument("--classifiers", default="words,embeddings")
    parser.add_argument("--arms", default=";".join(ARMS))
    parser.add_argument("--dev", action="store_true")
    options = parser.parse_args()
    train = read_rows(options.data / options.name / "train.csv")
    if options.dev:
        random.Random("development").shuffle(train)
        test, train = train[: len(train) // 4], train[len(train) // 4 :]
    else:
        test = read_rows(options.data / options.name / "test.csv")
    counts = Counter(label for _, label in dict(train).items())
    train, test = ([row for row in rows if counts[row[1]] >= SEEDS + CANDIDATES] for rows in (train, test))
    folder = options.out / f"{options.name}{'-dev' if options.dev else ''}"
    folder.mkdir(parents=True, exist_ok=True)
    with Journal(folder) as stored:
        print_table(measure(train, test, folder, SharedVectors(stored), options), options)


def measure(
    train: Rows, test: Rows, folder: Path, vectors: SharedVectors, options: argparse.Namespace
) -> dict[tuple[str, str], list[float]]:
    """Return the scores of each classifier and arm, one a draw."""
    codes = {label: code for code, label in enumerate(sorted({label for _, label in train}))}
    embedder = Embedder(BUNDLED_EMBEDDER, vectors)
    names = options.classifiers.split(",")
    scores: dict[tuple[str, str], list[float]] = {}
    for number in range(options.draws):
        draw = Draw(train, number, options.wrong, folder / f"{options.wrong:g}-{number}")
        draw.write()
        path = draw.folder / "scores.json"
        measured: dict[str, float] = json.loads(read_or(path, "{}"))
        for arm in options.arms.split(";"):
            missing = [name for name in names if f"{arm}, {name}" not in measured]
            selected = draw.run(arm, vectors) if missing else []
            for classifier in missing:
                value = score([*draw.seeds, *selected], test, classifier, embedder, codes)
                right = sum(text in draw.right[label] for text, label in selected) / len(selected)
                print(
                    f"{number} {classifier:10} {arm:18} {value:.4f}  {len(selected)} texts, {right:.0%} right",
                    flush=True,
                )
                measured[f"{arm}, {classifier}"] = value
                path.write_text(json.dumps(measured), encoding="utf-8")
            for classifier in names:
                scores.setdefault((classifier, arm), []).append(measured[f"{arm}, {classifier}"])
    return scores


def print_table(scores: Mapping[tuple[str, str], Sequence[float]], options: argparse.Namespace) -> None:
    """Print the mean of each arm, and the differences with intervals and bars."""
    kind = "development rows" if options.dev else "test rows"
    for classifier in options.classifiers.split(","):
        print(
            f"\n{options.name}, {classifier}, {options.wrong:.0%} of the candidates wrong, {options.draws} draws,"
            f" {kind}: macro-F1"
        )
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
