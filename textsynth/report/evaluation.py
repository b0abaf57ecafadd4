"""The report of an evaluation: the verdict, then every section that the evaluation can fill, in reading order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from textsynth.report.number_format import classifier_name, format_count, format_short
from textsynth.report.sections import (
    Section,
    SectionFigure,
    SectionTable,
    as_number,
    as_string,
    as_strings,
    get_mapping,
)
from textsynth.report.sections.ablation import ablation_section
from textsynth.report.sections.arms import arms_section, classifiers, differences_section
from textsynth.report.sections.classes import classes_section
from textsynth.report.sections.contributions import contributions_section
from textsynth.report.sections.domain_shift import (
    distinctive_words_section,
    diversity_section,
    domain_shift_section,
)
from textsynth.report.sections.fidelity import fidelity_section, privacy_section
from textsynth.report.sections.learning_curve import learning_curve_section, sample_weight_section
from textsynth.report.sections.nearest_texts import contamination_section, nearest_texts_section
from textsynth.report.sections.verdict import VerdictSummary, summarize_verdict

SECTION_BUILDERS = (
    arms_section,
    differences_section,
    learning_curve_section,
    sample_weight_section,
    ablation_section,
    contributions_section,
    classes_section,
    domain_shift_section,
    distinctive_words_section,
    fidelity_section,
    diversity_section,
    privacy_section,
    nearest_texts_section,
    contamination_section,
)


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """The report of an evaluation.

    `facts` are pairs of a formatted count and what it counts. `sections` are those that the evaluation can fill, in
    reading order. `settings` says how the evaluation was made.
    """

    name: str
    verdict: VerdictSummary
    facts: Sequence[tuple[str, str]]
    sections: Sequence[Section]
    settings: Section

    @property
    def has_contamination_section(self) -> bool:
        """Whether there is a section on contamination to link to."""
        return any(section.key == "contamination" for section in self.sections)

    @property
    def real_text_facts(self) -> Sequence[tuple[str, str]]:
        """The facts about real texts, which the manifest of a run does not have."""
        return [fact for fact in self.facts if fact[1].startswith("real")]


def build_evaluation_report(evaluation: Mapping[str, Any]) -> EvaluationReport:
    """Return the report of an evaluation; what the evaluation leaves out, the report leaves out."""
    built = [build(evaluation) for build in SECTION_BUILDERS]
    sections = [section for section in built if section is not None]
    name = as_string(get_mapping(evaluation, "data").get("name"), "evaluation")
    return EvaluationReport(
        name, summarize_verdict(evaluation), _facts(evaluation), sections, _settings_section(evaluation)
    )


def _facts(evaluation: Mapping[str, Any]) -> list[tuple[str, str]]:
    data = get_mapping(evaluation, "data")
    synthetic = get_mapping(data, "synthetic")
    counts = (
        (synthetic.get("selected"), "synthetic texts selected"),
        (synthetic.get("raw"), "before the checks"),
        (data.get("train"), "real training texts"),
        (data.get("dev"), "real dev texts"),
        (data.get("test"), "real test texts"),
        (data.get("all"), "real texts in all"),
    )
    facts = [(format_count(count), name) for count, name in counts if as_number(count)]
    labels = len(as_strings(data.get("labels")))
    return [*facts, (format_count(labels), "labels")] if labels else facts


def _settings_section(evaluation: Mapping[str, Any]) -> Section:
    seconds = as_number(evaluation.get("seconds"))
    versions = get_mapping(evaluation, "versions")
    rows = (
        ("classifiers", ", ".join(map(classifier_name, classifiers(evaluation)))),
        ("time", "" if seconds is None else f"{format_short(seconds)} s"),
        ("versions", ", ".join(f"{package} {version}" for package, version in versions.items())),
    )
    cells = [(name, value) for name, value in rows if value]
    table = SectionTable("How it was evaluated", ("setting", "value"), cells, text_columns=(0, 1))
    figures = [SectionFigure(table)] if cells else ()
    return Section("measured", table.title, figures=figures, notes=as_strings(evaluation.get("notes")))
