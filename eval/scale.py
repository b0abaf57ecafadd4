"""How CPU time and memory grow: with the number of texts, with their likeness, with the cells of a quota.

    python eval/scale.py                          everything up to a million texts, about 20 minutes
    python eval/scale.py texts --sizes 10000 100000 1000000 10000000
    python eval/scale.py near cells verbs --folder FOLDER    parts of it; FOLDER holds the runs of an earlier one
    python eval/scale.py held                     the bytes that each part of a run holds a text
    python eval/scale.py shards --sizes 100000 1000000 [--on ray]

texts: `run` of a recipe that takes existing texts through length, exact_duplicate and near_duplicate.
near: the filter near_duplicate alone, on four kinds of texts; its verdicts on 5,000 are compared with those of a
comparison of every pair.
cells: `run` of a recipe with the scripted model and a quota for each of 10, 77 and 1,000 labels.
verbs: the commands that read a finished run, on one of a million texts.
half: semantic_duplicate with accepted vectors of half precision; --texts is a CSV file with real texts.
held: what stays in memory a text, by part of a run: what is allocated for the second half of the texts.
shards: `filter` on the texts of `texts` in ten files, in one process or on a Ray cluster, and its rows next to those of
`run` on the same files. With --on, the CPU time and memory are those of the command alone, not of its tasks.

Costs are those of a whole process: CPU seconds of all threads, the peak of its resident memory. The exponent is the
slope of the logarithm of the cost over that of the size between the first and the last size.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SIZES = (10_000, 100_000, 1_000_000)
NEAR_SIZES = (10_000, 50_000, 200_000)
EXACT_SIZE = 5_000
SIMILARITY = 0.7
BATCH = 1_000
HELD_SIZE = 400_000
SHARDS = 10
COMPARED = {"data": ["id", "text"], "dropped": ["id", "step", "reason", "score", "duplicate_of"]}
CELLS = (10, 77, 1_000)
CELL_ROWS = (10_000, 30_000)

EXISTING = """\
version: 1
name: scale
sources: {{raw: {path}}}
generate: [existing]
filter: [{{length: {{min_words: 1, max_words: 100}}}}, exact_duplicate, near_duplicate]
select: []
export: {{splits: {{train: 1.0}}}}
"""
QUOTA = """\
version: 1
name: cells
labels: {labels}
models: {{generator: {{scripted: {{pattern: "{{n}} {{word}} {{word}} {{n}} {{word}} {{n}} {{n}}"}}}}}}
generate: [{{labelled: {{shots: 0, per_request: 1}}}}]
want: {{label: {each}}}
oversample: 1
filter: [length, exact_duplicate]
select: []
export: {{splits: {{train: 1.0}}}}
"""
REVIEW = """\
import sys
from pathlib import Path
from textsynth.review.queue import read_queue
from textsynth.review.session import ReviewSession
run = Path(sys.argv[1])
ReviewSession(run, read_queue(run, selected=True), "someone").state()
"""


@dataclass(frozen=True)
class Cost:
    """CPU seconds, wall seconds and peak memory in bytes of one process."""

    cpu: float
    seconds: float
    memory: int


def measure(command: Sequence[str], folder: Path | None = None) -> Cost:
    """Run a process to its end. Raises SystemExit with its output where it fails."""
    start = time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=folder)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 3):
            output.seek(0)
            raise SystemExit(f"{' '.join(command)}: {output.read()}")
    return Cost(usage.ru_utime + usage.ru_stime, time.monotonic() - start, usage.ru_maxrss * 1024)


def textsynth(*arguments: str | Path) -> list[str]:
    """Return the command line of a verb."""
    return [sys.executable, "-m", "textsynth", *map(str, arguments)]


def exponent(small: float, large: float, growth: float) -> float:
    """Return the exponent of the growth of a cost when the size grows by the factor `growth`."""
    return math.log(large / small) / math.log(growth)


# Texts


def vocabulary(size: int) -> list[str]:
    """Return `size` pseudo-words."""
    syllables = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
    rng = random.Random(1)
    words: dict[str, None] = {}
    while len(words) < size:
        words["".join(rng.choices(syllables, k=rng.randint(2, 4)))] = None
    return list(words)


def sentences(count: int, rng: random.Random) -> Iterator[list[str]]:
    """Yield `count` texts of 8 to 40 words; words have the frequencies of Zipf's law."""
    words = vocabulary(12_000)
    totals = [0.0]
    for rank in range(len(words)):
        totals.append(totals[-1] + 1 / (rank + 3))
    for _ in range(count):
        yield rng.choices(words, cum_weights=totals[1:], k=rng.randint(8, 40))


def with_planted_duplicates(count: int) -> list[str]:
    """Return texts of which 5 % are copies of other ones, and 10 % are copies with one or two words replaced."""
    rng = random.Random(7)
    copies, edited = count // 20, count // 10
    originals = list(sentences(count - copies - edited, rng))
    texts = [*originals, *rng.choices(originals, k=copies)]
    for words in rng.choices(originals, k=edited):
        changed = list(words)
        for _ in range(rng.randint(1, 2)):
            changed[rng.randrange(len(changed))] = f"x{rng.randrange(10**6)}"
        texts.append(changed)
    rng.shuffle(texts)
    return [" ".join(words) for words in texts]


def of_four_words(count: int) -> list[str]:
    """Return texts of four words, each from a list of its own."""
    rng = random.Random(11)
    words = vocabulary(2_000)
    return [" ".join(rng.choice(words[start : start + 500]) for start in range(0, 2_000, 500)) for _ in range(count)]


def of_templates(count: int) -> list[str]:
    """Return texts of 20 templates of eight words with one slot of two words."""
    rng = random.Random(13)
    words = vocabulary(20_160)
    templates, slots = [words[start : start + 8] for start in range(0, 160, 8)], words[160:]
    return [
        " ".join([*(template := rng.choice(templates))[:4], *rng.choices(slots, k=2), *template[4:]])
        for _ in range(count)
    ]


def with_boilerplate(count: int) -> list[str]:
    """Return texts of 50 words: the same 40 in all of them, and ten of their own."""
    rng = random.Random(17)
    words = vocabulary(20_040)
    return [" ".join([*words[:20], *rng.choices(words[40:], k=10), *words[20:40]]) for _ in range(count)]


CORPORA: dict[str, Callable[[int], list[str]]] = {
    "planted near-duplicates": with_planted_duplicates,
    "four words": of_four_words,
    "templates with a slot": of_templates,
    "80 % the same words": with_boilerplate,
}


# Measurements


def write_existing(folder: Path, count: int) -> Path:
    """Write texts and a recipe that takes them; return the path of the recipe."""
    with (folder / f"texts-{count}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text"])
        writer.writerows([text] for text in with_planted_duplicates(count))
    recipe = folder / f"texts-{count}.yaml"
    recipe.write_text(EXISTING.format(path=json.dumps(f"texts-{count}.csv")))
    return recipe


def measure_texts(folder: Path, sizes: Sequence[int]) -> Path:
    """Print the costs of runs on existing texts; return the folder of the last one."""
    print("existing texts through length, exact_duplicate, near_duplicate:")
    costs: list[Cost] = []
    for count in sizes:
        recipe, out = write_existing(folder, count), folder / f"run-{count}"
        cost = measure(textsynth("run", recipe, "--out", out, "--quiet"))
        costs.append(cost)
        print(
            f"  {count:>10,} texts: {1e6 * cost.cpu / count:.0f} µs CPU a text, {cost.seconds:.1f} s,"
            f" peak {cost.memory / 1e6:.0f} MB",
            flush=True,
        )
    if len(sizes) > 1:
        growth = sizes[-1] / sizes[0]
        slope = (costs[-1].memory - costs[0].memory) / (sizes[-1] - sizes[0])
        print(
            f"  CPU grows with exponent {exponent(costs[0].cpu, costs[-1].cpu, growth):.2f}; {slope:.0f} bytes a text"
        )
    return folder / f"run-{sizes[-1]}"


def measure_held(folder: Path, count: int) -> None:
    """Print the bytes that each part of a run holds a text, by the memory that Python and numpy have allocated."""
    from textsynth.core.records import DroppedRecord, Provenance, Record, RecordLedger
    from textsynth.filter.exact_duplicate import ExactDuplicateSession
    from textsynth.filter.near_duplicate import NearDuplicateSession
    from textsynth.sources.packed_texts import PackedTexts
    from textsynth.store.record_spool import RecordSpool

    ledger, dropped = RecordLedger(), RecordSpool[DroppedRecord](folder)

    def remember_outcomes(batch: Sequence[Record]) -> None:
        ledger.register(batch)
        for record in batch:
            ledger.resolve(record, "accepted")
        ledger.verify()

    texts = PackedTexts()
    parts: dict[str, Callable[[Sequence[Record]], object]] = {
        "texts of the source": lambda batch: texts.extend([record.text for record in batch]),
        "outcomes": remember_outcomes,
        "accepted records": RecordSpool[Record](folder).extend,
        "dropped records": lambda batch: dropped.extend(
            [DroppedRecord(record, "filter", "a", "b") for record in batch]
        ),
        "exact_duplicate": ExactDuplicateSession().commit,
        "near_duplicate": NearDuplicateSession(SIMILARITY).commit,
    }
    origin = Provenance("existing")
    written = [" ".join(words) for words in sentences(count, random.Random(3))]
    print(f"held in memory for each of the texts {count // 2:,} to {count:,}:")
    for part, remember in parts.items():
        tracemalloc.start()
        held = []
        for start in range(0, count, BATCH):
            remember([Record(text, origin) for text in written[start : start + BATCH]])
            if start + BATCH in (count // 2, count):
                held.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        print(f"  {part}: {(held[1] - held[0]) / (count / 2):.0f} bytes", flush=True)


def measure_half(path: Path) -> None:
    """Print how the verdicts of semantic_duplicate differ where accepted vectors are of half precision."""
    import numpy as np

    from textsynth.recipe.context import no_embeddings
    from textsynth.similarity.embedder import BUNDLED_EMBEDDER, Embedder
    from textsynth.similarity.vectors import BLOCK_ROWS, VectorIndex

    with path.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    vectors = Embedder(BUNDLED_EMBEDDER, no_embeddings()).embed(texts)
    indexes = VectorIndex(), VectorIndex(single_rows=0)
    accepted = vectors[: len(vectors) * 2 // 3 // BLOCK_ROWS * BLOCK_ROWS]
    for index in indexes:
        index.add(accepted)
    (single, single_rows), (half, half_rows) = (index.nearest(vectors[len(accepted) :]) for index in indexes)
    print(
        f"{len(accepted):,} of the texts in {path.name} accepted, {len(single):,} compared: largest difference of a"
        f" cosine {np.abs(single - half).max():.1e}, of the scores with four decimals"
        f" {int((single.round(4) != half.round(4)).sum())} differ, other original"
        f" {int(((single_rows != half_rows) & (single >= 0.8)).sum())} of {int((single >= 0.8).sum())} with cosine .8"
    )
    for limit in (0.8, 0.9, 0.95):
        print(
            f"  dropped at {limit}: {int((single >= limit).sum())}, {int((half >= limit).sum())} with half precision,"
            f" {int(((single >= limit) != (half >= limit)).sum())} verdicts differ"
        )


def measure_shards(folder: Path, sizes: Sequence[int], on: str | None) -> None:
    """Print the costs of filtering the same texts from shards to shards, and compare the rows with those of a run."""
    print(f"the same texts from shards to shards{'' if on is None else f', --on {on}'}:")
    for count in sizes:
        recipe = write_shards(folder, count)
        out = folder / f"shards-{count}"
        cost = measure(textsynth("filter", recipe, "--out", out, "--quiet", *([] if on is None else ["--on", on])))
        print(
            f"  {count:>10,} texts: {1e6 * cost.cpu / count:.0f} µs CPU a text, {cost.seconds:.1f} s,"
            f" peak {cost.memory / 1e6:.0f} MB",
            flush=True,
        )
        run = folder / f"run-of-shards-{count}"
        plain = measure(textsynth("run", recipe, "--out", run, "--quiet"))
        print(f"    run: {1e6 * plain.cpu / count:.0f} µs CPU a text, peak {plain.memory / 1e6:.0f} MB")
        for config in ("data", "dropped"):
            same, different = compare_rows(run / "dataset" / config, out / config)
            print(f"    {config}: {same:,} rows the same, {different:,} different", flush=True)


def write_shards(folder: Path, count: int) -> Path:
    """Write texts in ten files and a recipe that takes them; return the path of the recipe."""
    texts = with_planted_duplicates(count)
    raw = folder / f"shards-of-{count}"
    raw.mkdir(exist_ok=True)
    for number in range(SHARDS):
        part = texts[number * count // SHARDS : (number + 1) * count // SHARDS]
        lines = "".join(json.dumps({"text": text}) + "\n" for text in part)
        (raw / f"{number}.jsonl").write_text(lines)
    recipe = folder / f"shards-{count}.yaml"
    recipe.write_text(EXISTING.format(path=json.dumps(raw.name)))
    return recipe


def compare_rows(first: Path, second: Path) -> tuple[int, int]:
    """Return how many rows of two folders of parquet files are the same, and how many are in one of them only."""
    import pyarrow.parquet as pq

    rows = [
        {tuple(row.values()) for row in pq.read_table(folder, columns=COMPARED[folder.name]).to_pylist()}
        for folder in (first, second)
    ]
    return len(rows[0] & rows[1]), len(rows[0] ^ rows[1])


def measure_cells(folder: Path) -> None:
    """Print the CPU time of a row for quotas of several numbers of cells: the slope between two lengths of run."""
    print("quota cells, scripted model, `labelled`, a text per request:")
    costs: dict[int, float] = {}
    for cells in CELLS:
        cpu = []
        for rows in CELL_ROWS:
            recipe = folder / f"cells-{cells}-{rows}.yaml"
            labels = json.dumps({f"label {number:04}": f"texts about subject {number}" for number in range(cells)})
            recipe.write_text(QUOTA.format(labels=labels, each=rows // cells))
            cpu.append(measure(textsynth("run", recipe, "--out", folder / recipe.stem, "--quiet")).cpu)
        costs[cells] = (cpu[1] - cpu[0]) / (CELL_ROWS[1] // cells * cells - CELL_ROWS[0] // cells * cells)
        print(f"  {cells:>5,} cells: {1e3 * costs[cells]:.3f} ms CPU a row", flush=True)
    print(f"  the dearest takes {max(costs.values()) / min(costs.values()):.2f} times the cheapest")


def near_duplicates(texts: Sequence[str]) -> tuple[dict[int, int], float]:
    """Return the row of the duplicate of each dropped row, and the CPU seconds of the filter."""
    from textsynth.core.records import Provenance, Record
    from textsynth.filter.near_duplicate import NearDuplicateSession

    session = NearDuplicateSession(SIMILARITY)
    records = [Record(text, Provenance("existing", index=row)) for row, text in enumerate(texts)]
    row_of = {record.id: row for row, record in enumerate(records)}
    duplicates: dict[int, int] = {}
    start = time.process_time()
    for first in range(0, len(records), BATCH):
        batch = records[first : first + BATCH]
        verdicts = session.evaluate_batch(batch)
        for row, verdict in enumerate(verdicts, first):
            if verdict is not None:
                duplicates[row] = row_of[verdict.duplicate_of or ""]
        session.commit([record for record, verdict in zip(batch, verdicts, strict=True) if verdict is None])
    return duplicates, time.process_time() - start


def near_duplicates_plainly(texts: Sequence[str]) -> set[int]:
    """Return the rows whose word sets have a similarity of at least `SIMILARITY` to that of an earlier row left."""
    from textsynth.text.normalize import jaccard, word_set

    dropped: set[int] = set()
    accepted: list[frozenset[str]] = []
    for row, words in enumerate(map(word_set, texts)):
        if any(jaccard(words, other) >= SIMILARITY for other in accepted):
            dropped.add(row)
        else:
            accepted.append(words)
    return dropped


def measure_near(sizes: Sequence[int]) -> None:
    """Print the CPU time of near_duplicate on each kind of texts, and its verdicts next to those of all pairs."""
    print("near_duplicate:")
    for name, corpus in CORPORA.items():
        costs = []
        for count in sizes:
            duplicates, cpu = near_duplicates(corpus(count))
            costs.append(cpu)
            share = len(duplicates) / count
            print(f"  {name}, {count:>8,} texts: {1e6 * cpu / count:.0f} µs a text, {share:.1%} dropped", flush=True)
        found, _ = near_duplicates(corpus(EXACT_SIZE))
        expected = near_duplicates_plainly(corpus(EXACT_SIZE))
        equal, growth = len(expected & found.keys()), exponent(costs[0], costs[-1], sizes[-1] / sizes[0])
        print(
            f"    exponent {growth:.2f}; of {EXACT_SIZE:,} texts {len(found)} dropped, {len(expected)} when all pairs"
            f" are compared, {equal} of them the same",
            flush=True,
        )


def measure_verbs(run: Path) -> None:
    """Print the costs of the commands that read a finished run of existing texts, and of the same run again."""
    print(f"commands on {run.name}:")
    record_id = dropped_id(run)
    recipe = run.parent / f"{run.name.replace('run', 'texts')}.yaml"
    commands = {
        "run, with nothing to do": textsynth("run", recipe, "--out", run, "--quiet"),
        "validate": textsynth("validate", recipe),
        "report": textsynth("report", run),
        "why": textsynth("why", run, record_id),
        "review --selected, until the page is there": [sys.executable, "-c", REVIEW, str(run)],
        "export": textsynth("export", run, "--as", "csv", "--out", run.parent / "export.csv", "--replace"),
        "export of the dropped texts": textsynth(
            "export", run, "--as", "csv", "--config", "dropped", "--out", run.parent / "dropped.csv", "--replace"
        ),
        "push --dry-run": textsynth(
            "push", run, "owner/name", "--dry-run", "--waive", "leak", "--waive", "license", "--max-retry", "0.1"
        ),
    }
    for name, command in commands.items():
        cost = measure(command)
        print(f"  {name}: {cost.cpu:.1f} s of CPU, {cost.seconds:.1f} s, {cost.memory / 1e6:.0f} MB", flush=True)


def dropped_id(run: Path) -> str:
    """Return the id of the first dropped text of a run."""
    import pyarrow.parquet as pq

    (path,) = (run / "dataset" / "dropped").glob("*.parquet")
    row_id: str = pq.ParquetFile(path).read_row_group(0, columns=["id"]).column(0)[0].as_py()
    return row_id


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "parts",
        nargs="*",
        metavar="PART",
        help="texts, near, cells, verbs, held, half, shards; default: all but half and shards",
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of existing texts")
    parser.add_argument("--near-sizes", type=int, nargs="+", default=NEAR_SIZES, help="of texts for near_duplicate")
    parser.add_argument("--folder", type=Path, help="where texts and runs are written, and found by verbs")
    parser.add_argument("--texts", type=Path, help="a CSV file with a column `text`, for half")
    parser.add_argument("--on", help="the Ray cluster of shards")
    arguments = parser.parse_args()
    parts = arguments.parts or ["texts", "verbs", "near", "cells", "held"]
    if unknown := {*parts} - {"texts", "near", "cells", "verbs", "held", "half", "shards"}:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.folder or Path(name)
        folder.mkdir(exist_ok=True)
        if "texts" in parts:
            measure_texts(folder, arguments.sizes)
        if "verbs" in parts:
            measure_verbs(folder / f"run-{arguments.sizes[-1]}")
        if "shards" in parts:
            measure_shards(folder, arguments.sizes, arguments.on)
        if "near" in parts:
            measure_near(arguments.near_sizes)
        if "cells" in parts:
            measure_cells(folder)
        if "held" in parts:
            measure_held(folder, HELD_SIZE)
        if "half" in parts:
            measure_half(arguments.texts)


if __name__ == "__main__":
    main()
