"""The first two stages: texts are read from the files, and those of one normal form are brought together.

A text's part is the hash of its normal form, so that equal texts meet in one task: their ids, which number them, the
filters' verdicts, and the first of them are decided there.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from textsynth.core.errors import RecipeError, SourceError
from textsynth.core.protocols import Context
from textsynth.core.records import NO_FIELDS, Provenance, Record, Verdict
from textsynth.core.source_rows import have_labels
from textsynth.recipe.context import make_context, no_embeddings
from textsynth.recipe.source_checks import check_sources
from textsynth.runner.setup import RequiredColumns, filter_sessions
from textsynth.sharded.plan import Plan, unless_written
from textsynth.similarity.lsh_bands import hash_bands
from textsynth.similarity.minhash import (
    WordSetSignature,
    band_count,
    max_exact_size,
    minhash_signatures,
    signature_bits,
    stack_digests,
)
from textsynth.similarity.prefix_index import shared_keys
from textsynth.text.normalize import form_digest, normal_form, word_set

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_AT_ONCE = 1000
NODES_AT_ONCE = 5000
ROW_BITS = 40
NEVER_FIRST = 1 << 63
"""Added to the order of texts that are compared, but cannot be selected: they come last."""


@unless_written("rows-{}")
def read_shard(plan: Plan, number: int) -> dict[str, Any]:
    """Read a file and write its texts by part, `rows-NUMBER`. Raises SourceError and RecipeError as a run does."""
    name = f"rows-{number}"
    shard = plan.shards[number]
    source = plan.recipe.sources[shard.source]
    rows = source.read_shard(shard.file, plan.recipe.base, name=shard.source)
    issues = check_sources(plan.recipe, {shard.source: rows}) if len(rows) else []
    if issues:
        raise RecipeError(issues)
    joined = plan.recipe.task.joined
    digests = b"".join(form_digest(normal_form(joined(row).text)) for row in rows)
    forms = np.frombuffer(digests, np.uint64).reshape(-1, 2)
    records = list(rows)
    columns = {
        "position": np.arange(len(rows), dtype=np.uint64) | np.uint64(number << ROW_BITS),
        "form": forms[:, 0],
        "form2": forms[:, 1],
        "text": [row.text for row in records],
        "labels": _strings_column([list(row.labels) for row in records]),
        "fields": _text_column([json.dumps(dict(row.fields)) if row.fields else None for row in records]),
        "generator": np.full(len(rows), shard.generator, np.uint16),
    }
    part_of = (forms[:, 1] % np.uint64(plan.parts)).astype(np.int64)
    note = {"texts": len(rows), "has_labels": have_labels(rows)}
    plan.work.write_parts(name, columns, part_of, note)
    return note


def check_labels(plan: Plan, notes: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield what `read_shard` returned for each file. Raises SourceError where only some files of a source have labels.

    The labels are in the column `label` where a source names none, and a file without that column has none.
    """
    first: dict[str, tuple[str, bool]] = {}
    for note, shard in zip(notes, plan.shards, strict=True):
        name, has_labels = first.setdefault(shard.source, (shard.file.name, note["has_labels"]))
        if has_labels != note["has_labels"]:
            without, owner = (shard.file.name, name) if has_labels else (name, shard.file.name)
            raise SourceError(f"{without}: no column 'label', which {owner} has; every file must have it")
        yield note


@unless_written("texts-{}")
def group_texts(plan: Plan, part: int) -> dict[str, Any]:
    """Check the texts of a part, and write them with their verdicts, `texts-PART`.

    For near-duplicates, also a row for each normal form that is compared, `nodes-PART`, and what similar ones have in
    common, `keys-PART`, by part.
    """
    name = f"texts-{part}"
    table = plan.work.read_part([f"rows-{number}" for number in range(len(plan.shards))], part)
    columns = {column: table.column(column).to_numpy() for column in ("position", "form", "form2", "generator")}
    order = np.lexsort((columns["position"], columns["form2"], columns["form"]))
    columns = {column: values[order] for column, values in columns.items()}
    table = table.take(order)
    forms, forms2 = columns["form"], columns["form2"]
    starts_class = np.ones(len(table), bool)
    starts_class[1:] = (forms[1:] != forms[:-1]) | (forms2[1:] != forms2[:-1])
    classes = np.cumsum(starts_class) - 1
    starts = np.flatnonzero(starts_class).tolist()
    records = _records(plan, table, columns["generator"], starts)
    checked = _checks(plan).check(records)
    if plan.near is not None:
        _write_nodes(plan, part, records, checked, starts, columns["position"])
    note = {"texts": len(records)}
    verdicts = [check.verdict or Verdict(None) for check in checked]
    texts = {
        "position": columns["position"],
        "class": classes.astype(np.uint32),
        "id": np.array([int(record.id, 16) for record in records], np.uint64),
        "index": np.array([record.provenance.index for record in records], np.uint32),
        "generator": columns["generator"],
        "text": table.column("text"),
        "labels": table.column("labels"),
        "fields": table.column("fields"),
        "failed": np.array([check.failed for check in checked], np.int16),
        "reason": _text_column([verdict.reason for verdict in verdicts]),
        "score": _number_column([verdict.score for verdict in verdicts]),
        "limit": _number_column([verdict.limit for verdict in verdicts]),
        "duplicate_of": _text_column([verdict.duplicate_of for verdict in verdicts]),
        "needs_review": np.array([verdict.needs_review for verdict in verdicts], bool),
        "scores": _text_column([json.dumps(check.scores) if check.scores else None for check in checked]),
    }
    plan.work.write_parts(name, texts, None, note)
    return note


def part_context(plan: Plan) -> Context:
    """Return the context of the filters: the sources that are not filtered themselves, read in this process."""
    recipe = plan.recipe
    filtered = {shard.source for shard in plan.shards}
    sources = {
        name: source.rows(recipe.base, name=name, seed=recipe.seed)
        for name, source in recipe.sources.items()
        if name not in filtered
    }
    issues = check_sources(recipe, sources)
    if issues:
        raise RecipeError(issues)
    return make_context(recipe, sources, no_embeddings())


@dataclass(slots=True)
class CheckedText:
    """What the filters that look at one text decided: the index of the first that drops it (none: `passed`).

    `scores` are the index of each filter before that measured a score, and the score.
    """

    failed: int
    verdict: Verdict | None = None
    scores: list[tuple[int, float]] = field(default_factory=list)


class _Checks:
    """The filters that look at one text, and the check for columns that would be empty."""

    def __init__(self, plan: Plan) -> None:
        context = part_context(plan)
        compared = (plan.exact, plan.near)
        self.passed = len(plan.recipe.filter) + 1
        self._filters = [
            (index, session)
            for index, (_, session) in enumerate(filter_sessions(plan.recipe, context))
            if index not in compared
        ]
        self._required = RequiredColumns(context)

    def check(self, records: Sequence[Record]) -> list[CheckedText]:
        """Return what becomes of each record as far as other texts do not matter."""
        checked = [CheckedText(self.passed) for _ in records]
        for start in range(0, len(records), ROWS_AT_ONCE):
            remaining = list(range(start, min(start + ROWS_AT_ONCE, len(records))))
            for index, session in self._filters:
                verdicts = session.evaluate_batch([records[row] for row in remaining])
                passed: list[int] = []
                for row, verdict in zip(remaining, verdicts, strict=True):
                    if verdict is None or verdict.keeps:
                        passed.append(row)
                        if verdict is not None and verdict.score is not None:
                            checked[row].scores.append((index, verdict.score))
                    else:
                        checked[row].failed, checked[row].verdict = index, verdict
                remaining = passed
            for row in remaining:
                _, verdict = self._required.parse_responses(records[row], ())
                if verdict is not None:
                    checked[row].failed, checked[row].verdict = self.passed - 1, verdict
        return checked


@functools.lru_cache(maxsize=1)
def _checks(plan: Plan) -> _Checks:
    """Return the checks; a process that works at several parts loads them once."""
    return _Checks(plan)


def _records(plan: Plan, table: pa.Table, generators: NDArray[np.uint16], starts: Sequence[int]) -> list[Record]:
    """Return the texts of a part as records, with their index among the rows of one source that have the same text."""
    texts, labels = table.column("text").to_pylist(), list(map(tuple, table.column("labels").to_pylist()))
    fields = [NO_FIELDS if cell is None else json.loads(cell) for cell in table.column("fields").to_pylist()]
    indices = [0] * len(texts)
    bounds = [*starts, len(texts)]
    for start, end in itertools.pairwise(bounds):
        if end == start + 1:
            continue
        rows_of: dict[tuple[int, str], list[int]] = defaultdict(list)
        for row in range(start, end):
            rows_of[int(generators[row]), texts[row]].append(row)
        for rows in rows_of.values():
            rows.sort(key=lambda row: (labels[row], sorted(fields[row].items())))
            for index, row in enumerate(rows):
                indices[row] = index
    names = [item.name for item in plan.recipe.generate]
    return [
        Record(text, Provenance(names[generator], index=index), label, of_text)
        for text, generator, index, label, of_text in zip(
            texts, generators.tolist(), indices, labels, fields, strict=True
        )
    ]


def first_texts(failed: Sequence[int], plan: Plan) -> tuple[int | None, int | None]:
    """Return the index of the first of equal texts that passes its own checks, and of the first that is compared.

    `failed` are the indices of the filters that drop them, in the order of the texts.
    """
    passed = len(plan.recipe.filter) + 1
    first = next((row for row, index in enumerate(failed) if index == passed), None)
    limit = plan.first_duplicate
    compared = next((row for row, index in enumerate(failed) if limit is not None and index > limit), None)
    return first, compared


def _write_nodes(
    plan: Plan,
    part: int,
    records: Sequence[Record],
    checked: Sequence[CheckedText],
    starts: Sequence[int],
    positions: NDArray[np.uint64],
) -> None:
    joined = plan.recipe.task.joined
    nodes: list[int] = []
    orders: list[int] = []
    rows: list[int] = []
    for number, (start, end) in enumerate(itertools.pairwise([*starts, len(records)])):
        first, compared = first_texts([check.failed for check in checked[start:end]], plan)
        row = first if first is not None else compared
        if row is None:
            continue
        nodes.append(part << ROW_BITS | number)
        orders.append(int(positions[start + row]) | (0 if first is not None else NEVER_FIRST))
        rows.append(start + row)
    keys: list[Any] = []
    owners: list[Any] = []
    bits: list[Any] = [np.zeros((0, 2), np.uint64)]
    words: list[str] = []
    bands = band_count(plan.similarity)
    for start in range(0, len(rows), NODES_AT_ONCE):
        of_batch = slice(start, start + NODES_AT_ONCE)
        signatures = minhash_signatures(word_set(joined(records[row]).text) for row in rows[of_batch])
        short_keys, short_owners = _keys_of_short_sets(nodes[of_batch], signatures, plan.similarity)
        digests = stack_digests(signatures)
        of_bands = np.repeat(np.array(nodes[of_batch], np.uint64), bands)
        keys += [hash_bands(digests, bands).ravel(), short_keys]
        owners += [of_bands, short_owners]
        batch_bits = signature_bits(digests)
        at = np.searchsorted(np.array(nodes[of_batch], np.uint64), np.concatenate([of_bands, short_owners]))
        bits.append(batch_bits[at])
        words += [" ".join(sorted(signature.words)) for signature in signatures]
    key_column = np.concatenate(keys or [np.zeros(0, np.uint64)])
    part_of = ((key_column >> np.uint64(24)) % np.uint64(plan.parts)).astype(np.int64)
    bit_columns = np.concatenate(bits)
    columns = {
        "key": key_column,
        "node": np.concatenate(owners or [np.zeros(0, np.uint64)]),
        "bits": bit_columns[:, 0],
        "bits2": bit_columns[:, 1],
    }
    plan.work.write_parts(f"keys-{part}", columns, part_of)
    node_table = {
        "node": np.array(nodes, np.uint64),
        "order": np.array(orders, np.uint64),
        "id": np.array([int(records[row].id, 16) for row in rows], np.uint64),
        "words": _text_column(words),
    }
    plan.work.write_parts(f"nodes-{part}", node_table, None)


def _keys_of_short_sets(
    nodes: Sequence[int], signatures: Sequence[WordSetSignature], similarity: float
) -> tuple[Any, Any]:
    """Return the keys of sets of few words, of which all similar pairs are compared, and the node of each key."""
    keys: list[bytes] = []
    owners: list[int] = []
    limit = max_exact_size(similarity)
    for node, (words, _) in zip(nodes, signatures, strict=True):
        if len(words) <= limit:
            of_set = shared_keys(words, similarity)
            keys += [hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest() for key in of_set]
            owners += [node] * len(of_set)
    return np.frombuffer(b"".join(keys), np.uint64), np.array(owners, np.uint64)


def _text_column(values: Sequence[str | None]) -> pa.Array:
    import pyarrow as pa

    return pa.array(values, pa.string())


def _strings_column(values: Sequence[Sequence[str]]) -> pa.Array:
    import pyarrow as pa

    return pa.array(values, pa.list_(pa.string()))


def _number_column(values: Sequence[float | None]) -> pa.Array:
    import pyarrow as pa

    return pa.array([None if value is None else float(value) for value in values], pa.float64())
