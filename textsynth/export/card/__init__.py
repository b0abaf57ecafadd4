"""The data set's card: metadata for the Hub and an account in words, without time, path or speed.

Whatever comes from a model, a recipe or a data file is escaped, so that it can neither become markup nor end a table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textsynth.core.records import Record
from textsynth.export.card.calibration import calibration_scores
from textsynth.export.card.counts import counts, funnel, score_table
from textsynth.export.card.evaluation import LIMITS, PROOF, evaluation_section, weight_sentence, with_figures
from textsynth.export.card.limitations import intended_use, limitations
from textsynth.export.card.markdown import bullets, escape
from textsynth.export.card.metadata import DatasetConfig, citation, metadata
from textsynth.export.card.provenance import generation_process, license_section, reproduction
from textsynth.export.run_result import RunResult

__all__ = ["DatasetConfig", "card", "escape", "metadata"]

HOLDS = {
    "provenance": "where each text comes from: parents, shown examples, prompt, model, sampling, measures",
    "dropped": "what is not in the data set, each with its reason, the measured number and the limit",
}


def card(
    outcome: RunResult, configs: Sequence[DatasetConfig], splits: Mapping[str, Sequence[Record]], notes: Sequence[str]
) -> str:
    """Return the text of README.md: YAML metadata between two `---` lines, then the account."""
    sections = [
        ("What it is for", intended_use(outcome)),
        (LIMITS, limitations(outcome)),
        ("How it was made", generation_process(outcome)),
        ("Counts", with_figures(outcome.figures, "labels", counts(outcome, splits))),
        ("What was dropped", with_figures(outcome.figures, "funnel", funnel(outcome))),
        ("What the checks measured", with_figures(outcome.figures, "measures", _measures(outcome))),
        (PROOF, _proof(outcome)),
        ("Notes", bullets(escape(note) for note in notes)),
        ("Licence", license_section(outcome)),
        ("Make it again", reproduction(outcome)),
        ("Citation", citation(outcome)),
    ]
    title = f"# {escape(outcome.metadata.pretty_name or outcome.name)}\n\n{_description(outcome, configs)}"
    told = [title, *(f"## {head}\n\n{text}" for head, text in sections if text)]
    return f"---\n{metadata(outcome, configs)}\n---\n\n" + "\n\n".join(told) + "\n"


def _description(outcome: RunResult, configs: Sequence[DatasetConfig]) -> str:
    """Return the author's description, what the rows are, and a table of the configs with their columns."""
    origin = "written by a language model and checked" if outcome.model_generated else "given, and checked"
    own = [escape(line) for line in (outcome.metadata.description or "").splitlines() if line.strip()]
    rows_are = outcome.task.description(multi_label=outcome.multi_label)
    text = "\n\n".join([*own, f"{rows_are} The texts are {origin} with TextSynth."])
    rows = [f"| `{config.name}` | {HOLDS.get(config.name, _columns(outcome))} |" for config in configs]
    return "\n".join([text, "", "| config | holds |", "|---|---|", *rows]) if rows else text


def _columns(outcome: RunResult) -> str:
    """Return the columns of the default config in words."""
    notes = dict(outcome.task.column_notes())
    columns = ["id", *outcome.task.columns]
    if outcome.task.has_labels(outcome.labels):
        columns.append("label")
        if outcome.multi_label:
            notes["label"] = "a list"
    if outcome.weight is not None:
        columns.append("weight")
    return ", ".join(f"`{name}` ({notes[name]})" if name in notes else f"`{name}`" for name in columns)


def _measures(outcome: RunResult) -> str:
    return "\n\n".join(part for part in (score_table(outcome), calibration_scores(outcome)) if part)


def _proof(outcome: RunResult) -> str:
    told = (
        evaluation_section(outcome.evaluation_sentences, weight_sentence(outcome.weight), outcome.evaluation)
        if outcome.evaluation_sentences
        else ""
    )
    return with_figures(outcome.figures, "proof", told)
