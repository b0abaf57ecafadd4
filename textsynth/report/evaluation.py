"""The report of an evaluation: the verdict, and every section that the evaluation can fill, in the order of reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from textsynth.report.number_format import classifier, short_number, whole
from textsynth.report.sections import Section, SectionFigure, SectionTable, number, part, word, words
from textsynth.report.sections.ablation import earned_section
from textsynth.report.sections.arms import arms_section, classifiers, differences_section
from textsynth.report.sections.classes import classes_section
from textsynth.report.sections.domain_shift import diversity_section, gap_section, words_section
from textsynth.report.sections.learning_curve import curve_section, weights_section
from textsynth.report.sections.nearest_texts import leaks_section, neighbours_section
from textsynth.report.sections.verdict import Verdict, read_verdict


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """What a report tells of an evaluation.

    `facts` are pairs of a count and what it counts; `sections` are those that the evaluation can fill; `measured` says
    how it was made.
    """

    name: str
    verdict: Verdict
    facts: Sequence[tuple[str, str]]
    sections: Sequence[Section]
    measured: Section

    @property
    def leaks(self) -> bool:
        """Whether there is a section of leaks."""
        return any(section.key == "leaks" for section in self.sections)

    @property
    def real(self) -> Sequence[tuple[str, str]]:
        """The facts about real texts: what a run itself does not tell."""
        return [fact for fact in self.facts if fact[1].startswith("real")]


def read_evaluation_report(told: Mapping[str, Any]) -> EvaluationReport:
    """Return the report of an evaluation; whatever the evaluation leaves out, the report leaves out."""
    made = (
        arms_section(told),
        differences_section(told),
        curve_section(told),
        weights_section(told),
        earned_section(told),
        classes_section(told),
        gap_section(told),
        words_section(told),
        diversity_section(told),
        neighbours_section(told),
        leaks_section(told),
    )
    sections = [section for section in made if section is not None]
    name = word(part(told, "data").get("name"), "evaluation")
    return EvaluationReport(name, read_verdict(told), _facts(told), sections, _measured(told))


def _facts(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    data = part(told, "data")
    synthetic = part(data, "synthetic")
    counts = (
        (synthetic.get("selected"), "synthetic texts selected"),
        (synthetic.get("raw"), "before the checks"),
        (data.get("train"), "real training texts"),
        (data.get("dev"), "real dev texts"),
        (data.get("test"), "real test texts"),
        (data.get("all"), "real texts in all"),
    )
    facts = [(whole(value), name) for value, name in counts if number(value)]
    labels = len(words(data.get("labels")))
    return [*facts, (whole(labels), "labels")] if labels else facts


def _measured(told: Mapping[str, Any]) -> Section:
    used = [classifier(name) for name in classifiers(told)]
    seconds = number(told.get("seconds"))
    versions = [f"{name} {one}" for name, one in part(told, "versions").items()]
    cells = [
        ("classifiers", ", ".join(used)),
        ("time", "" if seconds is None else f"{short_number(seconds)} s"),
        ("versions", ", ".join(versions)),
    ]
    known = [(name, value) for name, value in cells if value]
    table = SectionTable("How it was measured", ("what", "value"), known, (0, 1))
    notes = words(told.get("notes"))
    return Section("measured", "How it was measured", figures=[SectionFigure(table)] if known else (), notes=notes)
