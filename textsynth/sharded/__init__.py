"""A pass over sets of texts that are too large for a run: the filters of a recipe, from shards to shards.

The files are read in parallel, texts are brought together by the hash of what they may have in common, and only the
pairs of similar texts are held in one process. Every stage writes its results into a work folder, from which an
interrupted pass continues. What is selected is what a run of the recipe selects.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from textsynth.cluster.connection import check_address, connect
from textsynth.cluster.tasks import run_on_cluster
from textsynth.core.errors import UsageError
from textsynth.core.formatting import pluralize
from textsynth.core.version import __version__
from textsynth.export.card import DatasetConfig, escape
from textsynth.export.card import metadata as card_metadata
from textsynth.export.dataset import CARD, FOLDERS
from textsynth.recipe import Recipe
from textsynth.recipe.pinning import pin_sources
from textsynth.runner.setup import check_dependencies
from textsynth.runner.summary import empty_result
from textsynth.sharded.matches import (
    collect_words,
    compare_groups,
    group_keys,
    join_linked_groups,
    link_groups,
    resolve_pairs,
)
from textsynth.sharded.plan import Plan, Stage, make_plan
from textsynth.sharded.shards import describe_selected, draw_splits, write_shard
from textsynth.sharded.texts import check_labels, group_texts, read_shard
from textsynth.sources.locations import is_url
from textsynth.store.storage import Storage, open_folder

SUMMARY = "filter.json"
PLAN = "plan.json"
WORK = "work"
IN_ONE_PROCESS = (resolve_pairs, join_linked_groups, draw_splits)
"""The stages that need something of all texts: they are done in the process of the command."""

Task: TypeAlias = "Callable[[int], dict[str, Any]]"
RunTasks: TypeAlias = "Callable[[Task, Sequence[int]], Iterable[dict[str, Any]]]"
"""Calls a task with each number, on any machine, and yields the results in the order of the numbers."""
Notes: TypeAlias = "dict[Stage, list[dict[str, Any]]]"
"""What the tasks of each stage returned."""


@dataclass(frozen=True, slots=True)
class ShardedPass:
    """The result of a pass: the folder, the numbers of texts and selected texts, and of dropped ones by reason.

    `reasons` maps (section, step, reason) to a number; `pairs` is the number of similar pairs, `compared` the number
    of texts that were compared with others; `splits` maps names to numbers of texts; `notes` are sentences.
    """

    folder: str
    shards: int
    texts: int
    selected: int
    pairs: int
    compared: int
    splits: dict[str, int]
    reasons: dict[tuple[str, str, str], int]
    notes: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What was done, in one sentence."""
        return f"{self.selected:,} of {pluralize(self.texts, 'text')} selected, in {pluralize(self.shards, 'shard')}"

    def as_json(self) -> dict[str, Any]:
        """Return the result as it is written into the folder."""
        rows = [
            {"section": section, "step": step, "reason": reason, "count": count}
            for (section, step, reason), count in sorted(self.reasons.items(), key=lambda item: (-item[1], item[0]))
        ]
        return {
            "texts": self.texts,
            "selected": self.selected,
            "dropped": self.texts - self.selected,
            "shards": self.shards,
            "splits": self.splits,
            "compared": self.compared,
            "similar_pairs": self.pairs,
            "reasons": rows,
            "notes": list(self.notes),
        }


def filter_shards(
    recipe: Recipe,
    *,
    out: str,
    work: str | None = None,
    shards: int | None = None,
    on: str | None = None,
    log: Callable[[str], None] = lambda _: None,
) -> ShardedPass:
    """Filter the existing texts of a recipe from shards to `shards` shards in the folder `out`.

    `out` and `work` are paths, or URLs that fsspec opens. `work` holds intermediate tables, by default in `out`, and is
    removed at the end. The same call again continues where it stopped. Without `shards`, one is written for each 32 MB
    of files that are read. `on` is a Ray cluster that runs the tasks, as `--on` names it. Raises RecipeError for a
    recipe that cannot be run in shards, SourceError, UsageError for a folder that holds something else, and
    ClusterError.
    """
    check_dependencies(recipe)
    recipe = replace(pin_sources(recipe), base=recipe.base.absolute())
    out_folder = open_folder(out)
    work_folder = out_folder.folder(WORK) if work is None else open_folder(work)
    plan = make_plan(recipe, out_folder, work_folder, shards)
    earlier = _earlier_result(plan)
    if earlier is not None:
        log("nothing has changed since the last pass here, whose result stands")
        return earlier
    if on is not None:
        _check_cluster(plan, check_address(on))
    _prepare(plan)
    if on is None:
        notes = _run_stages(plan, _run_here, log)
    else:
        with connect(on, log=log) as cluster:
            notes = _run_stages(plan, functools.partial(run_on_cluster, cluster), log)
    result = _result(plan, notes)
    _write_card(plan, result, notes[write_shard])
    plan.out.write_text(SUMMARY, json.dumps({"fingerprint": plan.fingerprint, **result.as_json()}, indent=2) + "\n")
    plan.work.remove_all()
    return result


def _run_stages(plan: Plan, run_tasks: RunTasks, log: Callable[[str], None]) -> Notes:
    """Run all stages, each when the one before it is complete; return what their tasks returned."""
    notes: Notes = {}
    stages = _stages(plan)
    for number, (title, stage, tasks) in enumerate(stages, start=1):
        if stage in (link_groups, join_linked_groups) and not any(note["crowded"] for note in notes[group_keys]):
            continue
        log(f"step {number} of {len(stages)}: {title}")
        run = _run_here if stage in IN_ONE_PROCESS else run_tasks
        results = run(functools.partial(stage, plan), range(tasks))
        notes[stage] = list(check_labels(plan, results) if stage is read_shard else results)
    return notes


def _run_here(task: Task, numbers: Sequence[int]) -> Iterator[dict[str, Any]]:
    return map(task, numbers)


def _check_cluster(plan: Plan, address: str) -> None:
    """Raise UsageError where the tasks of a cluster would not see the files, or cannot be started through it."""
    if address.startswith("ray://"):
        raise UsageError(
            f"{address}: filter cannot use the Ray client, through which Ray Data does not work; start it on a node of "
            "the cluster, with --on HOST:PORT"
        )
    files = [Storage(shard.file.path) for shard in plan.shards if is_url(shard.file.path)]
    unshared = next((each.url for each in (plan.out, plan.work, *files) if not each.is_shared), None)
    if unshared is not None:
        raise UsageError(f"{unshared}: is in the memory of this process, which tasks on {address} do not see")


def _stages(plan: Plan) -> list[tuple[str, Stage, int]]:
    """Return the stages, each with what it does and how many tasks it has."""
    parts = plan.parts
    similar: list[tuple[str, Stage, int]] = [
        ("grouping texts that may be similar", group_keys, parts),
        ("searching groups with texts in common", link_groups, parts),
        ("joining these groups", join_linked_groups, 1),
        ("collecting the words of the texts in groups", collect_words, parts),
        ("comparing them", compare_groups, parts),
        ("selecting the first of similar texts", resolve_pairs, 1),
    ]
    splits: list[tuple[str, Stage, int]] = [
        ("collecting selected texts", describe_selected, parts),
        ("drawing splits", draw_splits, 1),
    ]
    return [
        (f"reading {pluralize(len(plan.shards), 'file')}", read_shard, len(plan.shards)),
        ("checking texts", group_texts, parts),
        *(similar if plan.near is not None else ()),
        *(splits if plan.draws_splits else ()),
        (f"writing {pluralize(parts, 'shard')}", write_shard, parts),
    ]


def _prepare(plan: Plan) -> None:
    """Note whose intermediate tables the work folder holds. Raises UsageError where a folder holds something else."""
    if PLAN in plan.work.names():
        if json.loads(plan.work.read_text(PLAN))["fingerprint"] == plan.fingerprint:
            return
        raise UsageError(
            f"{plan.work.url}: holds an unfinished pass of another recipe, other files or another number of shards; "
            "remove the folder, or name another one"
        )
    for folder in (plan.out, plan.work):
        names = folder.names()
        if names:
            raise UsageError(f"{folder.url}: is not empty, it has {names[0]!r}; name a folder that is empty or new")
    plan.work.write_text(PLAN, json.dumps({"fingerprint": plan.fingerprint}))


def _earlier_result(plan: Plan) -> ShardedPass | None:
    """Return the result of the same pass where it is complete."""
    if SUMMARY not in plan.out.names():
        return None
    summary = json.loads(plan.out.read_text(SUMMARY))
    if summary.get("fingerprint") != plan.fingerprint:
        raise UsageError(
            f"{plan.out.url}: holds the result of another recipe, of other files or in another number of shards; name "
            "another folder"
        )
    reasons = {(row["section"], row["step"], row["reason"]): row["count"] for row in summary["reasons"]}
    numbers = {name: summary[name] for name in ("shards", "texts", "selected", "compared", "splits")}
    pairs = summary["similar_pairs"]
    return ShardedPass(plan.out.url, **numbers, pairs=pairs, reasons=reasons, notes=tuple(summary["notes"]))


def _result(plan: Plan, notes: Notes) -> ShardedPass:
    written = notes[write_shard]
    reasons: Counter[tuple[str, str, str]] = Counter()
    splits: Counter[str] = Counter()
    for note in written:
        reasons.update({(section, step, reason): count for section, step, reason, count in note["reasons"]})
        splits.update({file["split"]: file["rows"] for file in note["files"] if file["config"] == "default"})
    (resolved,) = notes.get(resolve_pairs, [{"similar_pairs": 0, "undecided": 0}])
    sentences = []
    if resolved["undecided"]:
        sentences.append(
            f"{pluralize(resolved['undecided'], 'selected text')} may be similar to another one: each has more "
            "similar texts before it than are compared"
        )
    for drawn in notes.get(draw_splits, ()):
        sentences += drawn["notes"]
    return ShardedPass(
        folder=plan.out.url,
        shards=plan.parts,
        texts=sum(note["texts"] for note in written),
        selected=sum(note["selected"] for note in written),
        pairs=resolved["similar_pairs"],
        compared=sum(note["compared"] for note in notes.get(collect_words, ())),
        splits={name: splits[name] for name in plan.recipe.export.splits},
        reasons=dict(reasons),
        notes=tuple(sentences),
    )


def _write_card(plan: Plan, result: ShardedPass, written: Sequence[dict[str, Any]]) -> None:
    """Write README.md, by which `load_dataset` finds the configs, and remove files of splits without texts."""
    files: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for note in written:
        for file in note["files"]:
            files.setdefault((file["config"], file["split"]), []).append(file)
    configs: list[DatasetConfig] = []
    for config, folder in FOLDERS.items():
        content = hashlib.sha256()
        paths: dict[str, str] = {}
        rows = 0
        for (name, split), of_split in files.items():
            if name != config:
                continue
            if not any(file["rows"] for file in of_split):
                plan.out.remove(*(file["name"] for file in of_split))
                continue
            paths[split] = f"{folder}/{split}-*.parquet"
            rows += sum(file["rows"] for file in of_split)
            content.update("".join(f"{file['name']}\0{file['sha256']}\n" for file in of_split).encode())
        if paths:
            configs.append(DatasetConfig(config, paths, content.hexdigest(), rows))
    recipe = plan.recipe
    lines = [
        f"# {recipe.export.pretty_name or recipe.name}",
        f"{result.sentence}, with TextSynth {__version__}.",
        "| dropped by | reason | texts |\n|---|---|---|\n"
        + "\n".join(
            f"| {row['step']} | {escape(row['reason'])} | {row['count']:,} |" for row in result.as_json()["reasons"]
        ),
    ]
    card = f"---\n{card_metadata(empty_result(recipe), configs)}\n---\n\n" + "\n\n".join(lines) + "\n"
    plan.out.write_text(CARD, recipe.secrets.redact(card))
