"""The data set's card: metadata for the Hub and an account in words, without time, path or speed.

Whatever comes from a model, a recipe or a data file is escaped, so that it can neither become markup nor end a table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textsynth.core.records import Record
from textsynth.export.card.calibration import gold_measures
from textsynth.export.card.counts import counts, funnel, measures
from textsynth.export.card.evaluation import LIMITS, PROOF, proof, weight_told, with_pictures
from textsynth.export.card.limitations import limits, use
from textsynth.export.card.markdown import bullets, escape
from textsynth.export.card.metadata import Config, citation, metadata
from textsynth.export.card.provenance import again, licence, made
from textsynth.export.run_result import Outcome

__all__ = ["Config", "card", "escape", "metadata"]

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
SEVERAL = "Texts with one label or more each, to train a classifier on."
HOLDS = {
    "passports": "where each text comes from: parents, shown examples, prompt, model, sampling, measures",
    "dropped": "what is not in the data set, each with its reason, the measured number and the limit",
}


def card(
    outcome: Outcome, configs: Sequence[Config], splits: Mapping[str, Sequence[Record]], notes: Sequence[str]
) -> str:
    """Return the text of README.md: YAML metadata between two `---` lines, then the account."""
    sections = [
        ("What it is for", use(outcome)),
        (LIMITS, limits(outcome)),
        ("How it was made", made(outcome)),
        ("Counts", with_pictures(outcome.pictures, "labels", counts(outcome, splits))),
        ("What was dropped", with_pictures(outcome.pictures, "funnel", funnel(outcome))),
        ("What the checks measured", with_pictures(outcome.pictures, "measures", _measures(outcome))),
        (PROOF, _proof(outcome)),
        ("Notes", bullets(escape(note) for note in notes)),
        ("Licence", licence(outcome)),
        ("Make it again", again(outcome)),
        ("Citation", citation(outcome)),
    ]
    title = f"# {escape(outcome.about.pretty_name or outcome.name)}\n\n{_what(outcome, configs)}"
    told = [title, *(f"## {head}\n\n{text}" for head, text in sections if text)]
    return f"---\n{metadata(outcome, configs)}\n---\n\n" + "\n\n".join(told) + "\n"


def _what(outcome: Outcome, configs: Sequence[Config]) -> str:
    columns = COLUMNS.get(outcome.task, "`id`, `text`")
    if outcome.task == "paraphrase" and outcome.labels:
        columns += ", `label`"
    if outcome.many:
        columns += " (a list)"
    if outcome.weight is not None:
        columns += ", `weight`"
    origin = "written by a language model and checked" if outcome.written else "given, and checked"
    about = [escape(line) for line in (outcome.about.description or "").splitlines() if line.strip()]
    what = SEVERAL if outcome.task == "classification" and outcome.many else WHAT.get(outcome.task, "Texts.")
    told = "\n\n".join([*about, f"{what} The texts are {origin} with TextSynth."])
    rows = [f"| `{one.name}` | {HOLDS.get(one.name, columns)} |" for one in configs]
    return "\n".join([told, "", "| config | holds |", "|---|---|", *rows]) if rows else told


def _measures(outcome: Outcome) -> str:
    return "\n\n".join(part for part in (measures(outcome), gold_measures(outcome)) if part)


def _proof(outcome: Outcome) -> str:
    told = proof(outcome.proof, weight_told(outcome.weight), outcome.evaluation) if outcome.proof else ""
    return with_pictures(outcome.pictures, "proof", told)
