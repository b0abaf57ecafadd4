"""The data set's card: metadata for the Hub, and sections that describe the data set, without times, paths or speed.

Text from a model, a recipe or a data file is escaped, so that it can neither become markup nor end a table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textsynth.export.card.calibration import calibration_scores
from textsynth.export.card.counts import counts, funnel, score_table
from textsynth.export.card.evaluation import EVALUATION, LIMITATIONS, evaluation_section, weight_sentence, with_figures
from textsynth.export.card.limitations import intended_use, limitations
from textsynth.export.card.markdown import bullets, escape
from textsynth.export.card.metadata import DatasetConfig, citation, metadata
from textsynth.export.card.provenance import generation_process, license_section, reproduction
from textsynth.export.run_result import RunResult
from textsynth.export.splits import SplitCounts

__all__ = ["DatasetConfig", "card", "escape", "metadata"]

CONFIG_CONTENTS = {
    "provenance": "where each text comes from: parents, examples shown, prompt, model, sampling, scores",
    "dropped": "what is not in the data set, each with its reason, the score and the limit",
}


def card(
    result: RunResult, configs: Sequence[DatasetConfig], splits: Mapping[str, SplitCounts], notes: Sequence[str]
) -> str:
    """Return the text of README.md: YAML metadata between two `---` lines, then the sections that are not empty.

    `configs` and the counts of `splits` are those of the data set, `notes` the notes on what was left out.
    """
    sections = [
        ("Intended use", intended_use(result)),
        (LIMITATIONS, limitations(result)),
        ("How it was made", generation_process(result)),
        ("Counts", with_figures(result.figures, "labels", counts(result, splits))),
        ("What was dropped", with_figures(result.figures, "funnel", funnel(result))),
        ("Scores", with_figures(result.figures, "confidence", _scores(result))),
        (EVALUATION, _evaluation(result)),
        ("Notes", bullets(escape(note) for note in notes)),
        ("License", license_section(result)),
        ("Reproduction", reproduction(result)),
        ("Citation", citation(result)),
    ]
    title = f"# {escape(result.metadata.pretty_name or result.name)}\n\n{_description(result, configs)}"
    body = [title, *(f"## {heading}\n\n{text}" for heading, text in sections if text)]
    return f"---\n{metadata(result, configs)}\n---\n\n" + "\n\n".join(body) + "\n"


def _description(result: RunResult, configs: Sequence[DatasetConfig]) -> str:
    """Return the author's description, a sentence on the rows, and a table of the configs and their content."""
    without_model = [origin.texts for origin in result.origins_without_model]
    if result.model_generated and not without_model:
        origin = "written by a language model and checked"
    else:
        origins = (["written by a language model"] if result.model_generated else []) + without_model
        origin = f"{' or '.join(origins or ['given'])}, and checked"
    own = [escape(line) for line in (result.metadata.description or "").splitlines() if line.strip()]
    rows_are = result.task.description(multi_label=result.multi_label)
    text = "\n\n".join([*own, f"{rows_are} The texts are {origin} with TextSynth."])
    rows = [f"| `{config.name}` | {CONFIG_CONTENTS.get(config.name, _columns(result))} |" for config in configs]
    return "\n".join([text, "", "| config | content |", "|---|---|", *rows]) if rows else text


def _columns(result: RunResult) -> str:
    """Return the columns of the default config, as one line."""
    notes = dict(result.task.column_notes())
    columns = ["id", *result.task.columns]
    if result.task.has_labels(result.labels):
        columns.append("label")
        if result.multi_label:
            notes["label"] = "a list"
    if result.real_steps:
        columns.append("origin")
        notes["origin"] = "`real` or `synthetic`"
    if result.weight is not None:
        columns.append("weight")
    return ", ".join(f"`{name}` ({notes[name]})" if name in notes else f"`{name}`" for name in columns)


def _scores(result: RunResult) -> str:
    return "\n\n".join(part for part in (score_table(result), calibration_scores(result)) if part)


def _evaluation(result: RunResult) -> str:
    if not result.evaluation_sentences:
        return ""
    weight = weight_sentence(result.weight, has_origin=bool(result.real_steps))
    text = evaluation_section(result.evaluation_sentences, weight, result.evaluation)
    return with_figures(result.figures, "evaluation", text)
