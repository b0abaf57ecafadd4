"""The data set's card: metadata for the Hub and an account in words, without time, path or speed.

Whatever comes from a model, a recipe or a data file is escaped, so that it can neither become markup nor end a table.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from textsynth.export.outcome import Outcome
from textsynth.records import Record, reason_kind

CATEGORIES = {
    "classification": "text-classification",
    # the Hub merged text2text-generation into text-generation
    "paraphrase": "text-generation",
    "summarization": "summarization",
}
COLUMNS = {
    "classification": "`id`, `text`, `label`",
    "paraphrase": "`id`, `text` (the original), `paraphrase`",
    "summarization": "`id`, `document`, `summary`",
}
WHAT = {
    "classification": "Texts with a label each, to train a classifier on.",
    "paraphrase": "Texts and paraphrases of them.",
    "summarization": "Documents and summaries of them.",
}
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+!|~$-])")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\0": " "})


@dataclass(frozen=True, slots=True)
class Config:
    """One config of the data set: its files by split, the sha256 of their content, and how many rows they hold."""

    name: str
    files: Mapping[str, str]
    sha256: str
    rows: int


def card(
    outcome: Outcome, configs: Sequence[Config], splits: Mapping[str, Sequence[Record]], notes: Sequence[str]
) -> str:
    """Return the text of README.md: YAML metadata between two `---` lines, then the account."""
    parts = [
        f"# {escape(outcome.name)}",
        _what(outcome),
        "## How it was made",
        _made(outcome),
        "## Counts",
        _counts(outcome, splits),
        "## What was dropped",
        _funnel(outcome),
        *(["## Proof on real data", _proof(outcome)] if outcome.proof else []),
        *(["## Notes", _bullets(escape(note) for note in notes)] if notes else []),
        "## Limits",
        _limits(outcome),
        "## Make it again",
        _again(outcome),
    ]
    return f"---\n{metadata(outcome, configs)}\n---\n\n" + "\n\n".join(part for part in parts if part) + "\n"


def metadata(outcome: Outcome, configs: Sequence[Config]) -> str:
    """Return the card's YAML; a licence stands there only if the recipe gives one.

    Each config's description carries the hash of its content: `load_dataset` caches by what stands here, and would
    else serve the rows of an earlier run.
    """
    from huggingface_hub import DatasetCardData

    written = _written(outcome)
    described = [
        {
            "config_name": one.name,
            **({"default": True} if one.name == "default" else {}),
            "description": f"sha256 of the content: {one.sha256}",
            "data_files": [{"split": split, "path": path} for split, path in one.files.items()],
        }
        for one in configs
    ]
    data = DatasetCardData(
        pretty_name=outcome.name,
        language=outcome.language,
        license=outcome.license,
        task_categories=_categories(outcome),
        size_categories=size_category(len(outcome.selected)),
        annotations_creators=["machine-generated"] if outcome.labels else ["no-annotation"],
        language_creators=["machine-generated"] if written else ["found"],
        source_datasets=["original"],
        tags=["synthetic", "textsynth"] if written else ["textsynth"],
        configs=described or None,
    )
    return data.to_yaml().strip()


def size_category(rows: int) -> str:
    """Return the Hub's name for a number of rows."""
    return next((name for limit, name in SIZES if rows < limit), "1M<n<10M")


def escape(text: str) -> str:
    """Return a text of any origin as one line of plain markdown."""
    return _MARKUP.sub(r"\\\1", " ".join(text.translate(_ENTITIES).split()))


def _categories(outcome: Outcome) -> list[str]:
    named = [CATEGORIES.get(outcome.task, "other")]
    return [*named, "text-classification"] if outcome.task == "paraphrase" and outcome.labels else named


def _written(outcome: Outcome) -> bool:
    """Whether a model wrote any of the texts (else they were given and only checked)."""
    return any(record.origin.request for record in outcome.selected)


def _what(outcome: Outcome) -> str:
    columns = COLUMNS.get(outcome.task, "`id`, `text`")
    if outcome.task == "paraphrase" and outcome.labels:
        columns += ", `label`"
    origin = "written by a language model and checked" if _written(outcome) else "given, and checked"
    return (
        f"{WHAT.get(outcome.task, 'Texts.')} The texts are {origin} with TextSynth.\n\n"
        f"| config | holds |\n|---|---|\n| `default` | {columns} |\n"
        "| `passports` | where each text comes from: parents, shown examples, prompt, model, sampling, measures |\n"
        "| `dropped` | what is not in the data set, each with its reason, the measured number and the limit |"
    )


def _made(outcome: Outcome) -> str:
    lines = [f"- Model: {escape(model)}" for model in outcome.models]
    lines += [f"- Prompt: {escape(name)}, fingerprint {escape(mark)}" for name, mark in outcome.prompts.items()]
    lines += [f"- Source: {escape(name)}, {escape(_placeless(told))}" for name, told in outcome.sources.items()]
    lines.append(f"- Seed: {outcome.seed}")
    if outcome.sentence:
        lines.append(f"- The run ended: {escape(outcome.sentence)}")
    return "\n".join(lines)


def _placeless(source: str) -> str:
    """Return a source without the folders of the machine it was read on."""
    path = PurePath(source)
    return path.name if path.is_absolute() else source


def _counts(outcome: Outcome, splits: Mapping[str, Sequence[Record]]) -> str:
    names = [name for name, rows in splits.items() if rows]
    if not names:
        return "No text was selected."
    whole = {name: len(splits[name]) for name in names}
    if not outcome.labels:
        return _table(("split", "texts"), [(escape(name), count) for name, count in whole.items()])
    by_label = {name: Counter(label for row in splits[name] for label in row.labels) for name in names}
    rows: list[Sequence[object]] = [
        (escape(label), escape(meaning), *(by_label[name][label] for name in names))
        for label, meaning in outcome.labels.items()
    ]
    rows.append(("all", "", *whole.values()))
    return _table(("label", "means", *map(escape, names)), rows)


def _funnel(outcome: Outcome) -> str:
    waiting = sum(drop.section == "review" for drop in outcome.dropped)
    candidates = len(outcome.selected) + len(outcome.spare) + len(outcome.dropped)
    told = (
        f"Of {candidates} candidates {len(outcome.selected)} were selected, {len(outcome.spare)} were accepted but not "
        f"picked, {len(outcome.dropped) - waiting} were dropped and {waiting} wait for a person."
    )
    counted = Counter((drop.section, drop.item, reason_kind(drop.reason)) for drop in outcome.dropped)
    rows = [(*map(escape, key), count) for key, count in sorted(counted.items(), key=lambda one: (-one[1], one[0]))]
    return f"{told}\n\n{_table(('section', 'check', 'reason', 'texts'), rows)}" if rows else told


def _proof(outcome: Outcome) -> str:
    told = [escape(sentence) for sentence in outcome.proof]
    if outcome.weight is not None:
        told.append(
            f"The column `weight` is {outcome.weight:g} for every row: what a text should count beside a real one, "
            "fitted by cross-validation on the real seeds."
        )
    return _bullets(told)


def _limits(outcome: Outcome) -> str:
    limits = []
    if _written(outcome):
        limits.append("The texts come from a language model: they may state what is not true and carry its biases.")
        limits.append("A score on held-out synthetic texts says little: test on real data.")
    if outcome.labels and outcome.task != "summarization":
        checked = ", ".join(escape(item) for item in outcome.labellers)
        how = (
            f"checked by {checked}, not by people"
            if checked
            else "those that were asked for or given, not set by people"
        )
        limits.append(f"The labels are {how}.")
    limits.append("The checks catch what they measure and nothing else; `passports` has every number.")
    if outcome.license is None:
        limits.append("No licence was given for this data set.")
    return _bullets(limits)


def _again(outcome: Outcome) -> str:
    text = outcome.recipe_text.strip("\n")
    ticks = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, ticks + 1)
    command = "```bash\ntextsynth run recipe.yaml\n```"
    return f"{command}\n\nwith this recipe:\n\n{fence}yaml\n{text}\n{fence}" if text else command


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
