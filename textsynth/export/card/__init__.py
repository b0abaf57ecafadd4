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
    title = f"# {escape(outcome.metadata.pretty_name or outcome.name)}\n\n{_what(outcome, configs)}"
    told = [title, *(f"## {head}\n\n{text}" for head, text in sections if text)]
    return f"---\n{metadata(outcome, configs)}\n---\n\n" + "\n\n".join(told) + "\n"


def _what(outcome: RunResult, configs: Sequence[DatasetConfig]) -> str:
    columns = COLUMNS.get(outcome.task, "`id`, `text`")
    if outcome.task == "paraphrase" and outcome.labels:
        columns += ", `label`"
    if outcome.multi_label:
        columns += " (a list)"
    if outcome.weight is not None:
        columns += ", `weight`"
    origin = "written by a language model and checked" if outcome.model_generated else "given, and checked"
    about = [escape(line) for line in (outcome.metadata.description or "").splitlines() if line.strip()]
    what = SEVERAL if outcome.task == "classification" and outcome.multi_label else WHAT.get(outcome.task, "Texts.")
    told = "\n\n".join([*about, f"{what} The texts are {origin} with TextSynth."])
    rows = [f"| `{one.name}` | {HOLDS.get(one.name, columns)} |" for one in configs]
    return "\n".join([told, "", "| config | holds |", "|---|---|", *rows]) if rows else told


def _measures(outcome: RunResult) -> str:
    return "\n\n".join(part for part in (score_table(outcome), calibration_scores(outcome)) if part)


def _proof(outcome: RunResult) -> str:
    told = (
        evaluation_section(outcome.evaluation_sentences, weight_sentence(outcome.weight), outcome.evaluation)
        if outcome.evaluation_sentences
        else ""
    )
    return with_figures(outcome.figures, "proof", told)
