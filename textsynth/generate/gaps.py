"""Gaps: regions of real unlabelled rows that no seed is like. Each is a topic of its own, for which texts are written.

A row is covered where its cosine to some seed is at least `similarity`: by default the cosine that three of four seeds
have at least to their nearest other seed, so that seeds which lie closer together cover less. The rows that are not
covered are grouped into regions (`similarity/regions.py`) with the same cosine around a central row. A region is named
by the words that many of its rows have and few others (class-based TF-IDF, Grootendorst 2022, arXiv 2203.05794), never
by a row: the name is a field of the texts, and published with them.

The label of a region is that of a classifier trained on the seeds and on the labels' names and descriptions, so that a
label without seeds counts too. Where it is not certain, no text is written: the region may belong to a label that the
recipe lacks.

Measured on banking77 with the seeds of 10 of 77 labels taken out and 10 seeds of each of the others, in ten draws
(eval/gaps.py): more than half of the rows of some region have the label for 9 or 10 of the 10, among 17 to 21 regions;
with 5 seeds a label for 8 to 10, among 22 to 30 regions. Where the recipe lists all labels, 63 of 189 regions get
texts, 62 of them with the label of most of their rows. Where it lacks the ten, 18 of 138 of their regions are taken for
another label.

Does not find: a topic with fewer rows than `min_rows`, one whose texts are worded like the seeds of another, and a
label whose rows are scattered over many topics.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import Field

from textsynth.core.errors import UsageError, did_you_mean
from textsynth.core.formatting import pluralize
from textsynth.core.gap_summary import GapRegion, Gaps, GapsSummary
from textsynth.core.options import Count, Options, SourceName, UnlabelledName
from textsynth.core.protocols import Context
from textsynth.core.records import Record
from textsynth.core.task import Task
from textsynth.generate.attribute_options import LABEL, CaseCount
from textsynth.text.normalize import normal_form, words_of

if TYPE_CHECKING:
    from textsynth.similarity.vectors import Vectors

    SourceNames = Sequence[str]
else:
    SourceNames = tuple[SourceName, ...]

GAP = "gap"
"""The field of texts that are written for a region."""
TOPIC = "topic"
"""What a prompt calls a region."""
MIN_SEEDS = 10
"""With fewer seeds, the cosines between them say too little."""
MIN_ROWS, MIN_SHARE = 5, 0.002
EXAMPLES = 12
"""Rows of a region that prompts may show, those nearest to the mean of its rows."""
EXAMPLES_REPORTED = 3
MAX_EXAMPLE_LENGTH = 600
NAME_WORDS = 3
MIN_WORD_SHARE, MIN_WORD_ROWS = 0.3, 3
MAX_ROWS = 20_000
DECIMALS = 4
ShownRows = Callable[[Sequence[Record]], Sequence[bool]]
"""Returns for each row whether a model may see it: it holds no personal data and copies no test row."""


class GapOptions(Options):
    """Which real rows are searched for topics that the seeds lack, and how many texts are written for each."""

    in_: UnlabelledName = Field(description="the real rows; their labels, where they have some, are not looked at")
    want: CaseCount = Field(default=10, description="texts of each region to select")
    covered_by: SourceNames = Field(
        default=(), description="sources whose rows cover the topics too, beside the seeds: texts of an earlier run"
    )
    similarity: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="a row is covered by a seed with at least this cosine; default: the cosine that three of four "
        "seeds have at least to the nearest other one",
    )
    min_rows: int | None = Field(
        default=None, ge=2, description="the fewest rows of a region; default: 5, or 0.2 % of the rows if that is more"
    )
    regions: int = Field(default=30, ge=1, description="the most regions, the largest first")
    min_confidence: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="how certain the label of a region must be for texts to be written, 0 (chance) to 1",
    )
    labels: dict[str, str | None] = Field(
        default={}, description="regions by name, with the label that their texts get; null for no texts"
    )
    rows: Count = Field(default=5_000, le=MAX_ROWS, description="rows that are looked at; of more, a random sample")


def find_gaps(
    options: GapOptions,
    context: Context,
    seeds: Sequence[Record],
    may_be_shown: ShownRows,
    seed_text: str,
) -> tuple[Gaps, list[list[Record]]]:
    """Return the regions, and for each the rows that prompts may show, those nearest to the mean of its rows first.

    `seeds` are all rows that cover others; `seed_text` begins the seed of the sample of rows. Raises UsageError for too
    few seeds or rows, and for names in `labels` that no region has.
    """
    import numpy as np

    from textsynth.similarity.regions import find_regions, usual_similarity
    from textsynth.similarity.vectors import nearest

    task = context.task
    seed_texts = {normal_form(text): text for text in (task.joined(seed).text for seed in seeds)}
    if len(seed_texts) < MIN_SEEDS and options.similarity is None:
        raise UsageError(
            f"gaps compares rows with the seeds, and there are {pluralize(len(seed_texts), 'different seed')} where "
            f"{MIN_SEEDS} are needed: add seeds, or give similarity"
        )
    rows, left_out = _rows_to_search(options, context, may_be_shown, seed_text)
    texts = [task.joined(row).text for row in rows]
    seed_vectors = context.embed(list(seed_texts.values()))
    vectors = context.embed(texts)
    limit = options.similarity if options.similarity is not None else usual_similarity(seed_vectors)
    cosines, _ = nearest(vectors, seed_vectors)
    uncovered = np.flatnonzero(cosines < limit)
    min_rows = options.min_rows or max(MIN_ROWS, math.ceil(MIN_SHARE * len(rows)))
    found = find_regions(vectors[uncovered], limit, min_rows=min_rows, max_regions=options.regions)
    members = [uncovered[region.rows] for region in found]
    names = _names([words_of(text) for text in texts], members)
    unknown = [name for name in options.labels if name not in names]
    if unknown:
        raise UsageError(
            f"gaps.labels has {unknown[0]!r}, which is the name of no region{did_you_mean(unknown[0], names)}"
        )
    likely = _likely_labels(context, seeds, [vectors[region] for region in members])
    regions: list[GapRegion] = []
    shown: list[list[Record]] = []
    for name, region, (label, confidence) in zip(names, members, likely, strict=True):
        by_distance = region[np.argsort(-(vectors[region] @ vectors[region].mean(axis=0)), kind="stable")]
        examples = [rows[row] for row in by_distance if len(texts[row]) <= MAX_EXAMPLE_LENGTH][:EXAMPLES]
        written = options.labels.get(name, label if confidence >= options.min_confidence else None)
        regions.append(
            {
                "name": name,
                "label": written,
                "likely_label": label,
                "confidence": round(confidence, DECIMALS),
                "rows": len(region),
                "nearest_seed": round(float(cosines[region].mean()), DECIMALS),
                "examples": [task.joined(row).text for row in examples[:EXAMPLES_REPORTED]],
                "wanted": options.want if _is_written(name, written, options, context) else 0,
                "texts": 0,
                "covered": 0.0,
            }
        )
        shown.append(examples)
    summary: GapsSummary = {
        "source": options.in_,
        "rows": len(rows),
        "left_out": left_out,
        "uncovered": len(uncovered),
        "similarity": round(limit, DECIMALS),
        "regions": regions,
        "sentence": "",
    }
    centers = [uncovered[region.center] for region in found]
    region_texts = [
        [texts[center], *(texts[row] for row in region if row != center)]
        for center, region in zip(centers, members, strict=True)
    ]
    return Gaps({**summary, "sentence": _sentence(summary, context)}, region_texts), shown


def with_coverage(gaps: Gaps, texts: Sequence[str], embed: Callable[[Sequence[str]], Vectors]) -> GapsSummary:
    """Return the summary with how far `texts`, the accepted ones, cover each region, and a sentence that says so."""
    from textsynth.similarity.vectors import nearest

    summary = gaps.summary
    vectors = embed(list(texts))
    regions: list[GapRegion] = []
    for region, rows in zip(summary["regions"], gaps.texts, strict=True):
        row_vectors = embed(rows)
        near, covered = 0, 0.0
        if len(vectors):
            near = int((vectors @ row_vectors[0] >= summary["similarity"]).sum())
            covered = float((nearest(row_vectors, vectors)[0] >= summary["similarity"]).mean())
        regions.append({**region, "texts": near, "covered": round(covered, DECIMALS)})
    open_regions = sum(not region["texts"] for region in regions)
    sentence = summary["sentence"]
    if regions:
        count = pluralize(len(regions), "region")
        sentence += f"; {len(regions) - open_regions} of {count} have an accepted text by now"
    return {**summary, "regions": regions, "sentence": sentence}


def gap_cells(regions: Sequence[GapRegion]) -> list[tuple[dict[str, str], int]]:
    """Return the quota cell of each region that texts are written for, and how many it wants."""
    return [
        ({GAP: region["name"]} if region["label"] is None else {LABEL: region["label"], GAP: region["name"]}, wanted)
        for region in regions
        if (wanted := region["wanted"])
    ]


def gap_issues(
    options: GapOptions, attributes: Collection[str], labels: Collection[str], *, has_seeds: bool
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield gaps without seeds to compare with, unknown labels, and an attribute with the name of the field of gaps."""
    if GAP in attributes:
        yield ("attributes", GAP), f"attributes.{GAP} has the name of the field that `gaps` gives: rename it"
    if not has_seeds:
        yield ("gaps",), "gaps compares rows with the seeds, and there are none: name their source, as in source: seeds"
    for name, label in options.labels.items():
        if label is not None and label not in labels:
            yield (
                ("gaps", "labels", name),
                f"gaps.labels gives {name!r} the label {label!r}, which `labels` does not list"
                f"{did_you_mean(label, labels)}",
            )


@dataclass(frozen=True, slots=True)
class Topic:
    """The topic of one request: the name of a region, "" for none, and the ids and texts of the rows that it shows."""

    name: str = ""
    ids: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()

    def properties(self, attributes: Mapping[str, str]) -> list[dict[str, str]]:
        """Return the attributes as prompts show them, each with name and value; the topic in place of its region."""
        listed = [{"name": name, "value": value} for name, value in attributes.items() if name != GAP]
        if not self.name:
            return listed
        quoted = "; ".join(f"“{' '.join(text.split())}”" for text in self.texts)
        examples = f", like these real texts, of which none may be copied: {quoted}" if self.texts else ""
        return [*listed, {"name": TOPIC, "value": f"{self.name}{examples}"}]


class Topics:
    """Chooses the rows that each request for a region shows: `shots` of them, in turn. `rows` are those by region."""

    def __init__(self, rows: Mapping[str, Sequence[Record]], shots: int, task: Task) -> None:
        self._rows = rows
        self._shots = shots
        self._task = task
        self._requested: Counter[str] = Counter()

    def next_topic(self, cell: Mapping[str, str]) -> Topic:
        """Return the topic of the next request for a quota cell."""
        name = cell.get(GAP)
        if name is None:
            return NO_TOPIC
        rows, number = self._rows[name], self._requested[name]
        self._requested[name] += 1
        shown = [rows[(number * self._shots + index) % len(rows)] for index in range(min(self._shots, len(rows)))]
        return Topic(name, tuple(row.id for row in shown), tuple(self._task.joined(row).text for row in shown))


NO_TOPIC = Topic()


def _rows_to_search(
    options: GapOptions, context: Context, may_be_shown: ShownRows, seed_text: str
) -> tuple[list[Record], int]:
    """Return the rows to look at, each text once, and how many more of the sample were left out."""
    rows = context.sources[options.in_]
    different: dict[str, Record] = {}
    for row in rows:
        different.setdefault(normal_form(context.task.joined(row).text), row)
    different.pop("", None)
    sample = list(different.values())
    if len(sample) > options.rows:
        chosen = random.Random(f"{seed_text}:gaps").sample(range(len(sample)), options.rows)
        sample = [sample[index] for index in sorted(chosen)]
    searched = [row for row, is_shown in zip(sample, may_be_shown(sample), strict=True) if is_shown]
    if len(searched) < MIN_ROWS:
        raise UsageError(
            f"gaps looks for regions among the rows of {options.in_}, and only {pluralize(len(searched), 'row')} of "
            f"{len(rows):,} can be used: add rows"
        )
    return searched, len(sample) - len(searched)


def _names(words: Sequence[Sequence[str]], regions: Sequence[Collection[int]]) -> list[str]:
    """Return a name for each region, no name twice: up to three words that many of its rows have, and few others.

    A word of a name is in three rows of the region or more, and in three of ten. `regions` are indices of `words`.
    """
    counts = Counter(word for row in words for word in set(row))
    names: list[str] = []
    for number, region in enumerate(regions, start=1):
        in_region = Counter(word for row in region for word in set(words[row]))
        least = max(MIN_WORD_ROWS, MIN_WORD_SHARE * len(region))
        weights = {
            word: count / len(region) * math.log((count / len(region)) / (counts[word] / len(words)))
            for word, count in in_region.items()
            if count >= least and len(word) > 1 and not any(character.isdigit() for character in word)
        }
        best = sorted((word for word in weights if weights[word] > 0), key=lambda word: (-weights[word], word))
        name = " ".join(best[:NAME_WORDS]) or f"region {number}"
        while name in names:
            name = f"{name} ({number})"
        names.append(name)
    return names


def _likely_labels(
    context: Context, seeds: Sequence[Record], regions: Sequence[Vectors]
) -> list[tuple[str | None, float]]:
    """Return the most probable label of each region and its confidence, 0 (chance) to 1; None and 0 without labels.

    The confidence is the mean probability of the label over the rows, on a scale on which equal probabilities are 0.
    """
    from textsynth.similarity.seed_classifiers import SeedClassifier

    labels = list(context.labels)
    if not labels or context.multi_label:
        return [(None, 0.0)] * len(regions)
    if len(labels) == 1:
        return [(labels[0], 1.0)] * len(regions)
    labelled = [seed for seed in seeds if seed.label in context.labels]
    texts = [context.task.joined(seed).text for seed in labelled]
    texts += [_label_text(name, description) for name, description in context.labels.items()]
    classifier = SeedClassifier(context.embed(texts), [*(seed.label or "" for seed in labelled), *labels])
    likely: list[tuple[str | None, float]] = []
    for vectors in regions:
        probabilities = classifier.probabilities(vectors).mean(axis=0)
        best = int(probabilities.argmax())
        chance = 1 / len(classifier.labels)
        likely.append((str(classifier.labels[best]), max(0.0, float(probabilities[best] - chance) / (1 - chance))))
    return likely


def _label_text(name: str, description: str) -> str:
    readable = name.replace("_", " ").replace("-", " ")
    return f"{readable}: {description}" if description else readable


def _is_written(name: str, label: str | None, options: GapOptions, context: Context) -> bool:
    if context.labels:
        return label is not None
    return name not in options.labels


def _sentence(summary: GapsSummary, context: Context) -> str:
    regions = summary["regions"]
    head = (
        f"{summary['uncovered']:,} of {pluralize(summary['rows'], 'row')} of {summary['source']} are unlike every "
        f"seed (cosine below {summary['similarity']:.2f})"
    )
    if not regions:
        return f"{head}, and no topic has enough of them for a region"
    rows = sum(region["rows"] for region in regions)
    sentence = f"{head}; {rows:,} of them are in {pluralize(len(regions), 'region')}"
    unwritten = sum(not region["wanted"] for region in regions)
    if not unwritten:
        return f"{sentence}, for each of which texts are written"
    why = "texts with several labels" if context.multi_label else "no label fits for certain"
    return f"{sentence}, and for {unwritten} of these no text is written: {why}"
