"""The verdict of an evaluation: one word, one sentence, and harm said before anything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from textsynth.report.charts.svg import DotRow, Style, dot_plot, truncate
from textsynth.report.number_format import INTERVAL, arm, classifier, signed, signed_interval, whole
from textsynth.report.sections import SectionFigure, SectionTable, number, part, rows, span, word, words

NAMED = 12
LONGEST = 60
# effect: (a sign that needs no colour, a word, a sentence where the evaluation has none)
EFFECTS = {
    "leak": ("⚠", "Leak", "Test texts lie among the training texts: no score below says how good the data are."),
    "harms": ("▼", "Harms", "The synthetic texts harm."),
    "no_difference": ("=", "No difference", "The synthetic texts make no difference that this test could show."),
    "helps": ("▲", "Helps", "The synthetic texts help."),
    "unknown": ("?", "No verdict", "Nobody can say from this evaluation whether the synthetic texts help."),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an evaluation concludes.

    `effect` is one of `leak`, `harms`, `no_difference`, `helps`, `unknown`, and holds for the classifier `by` ("" where
    it is not told); `harmed` are other classifiers that the texts harm, `warnings` leaks that the effect does not tell.
    `classes` are named groups of classes, the losing ones first, where no sentence tells them. `figure` shows the
    difference for every classifier, None where there is none.
    """

    effect: str
    sign: str
    word: str
    by: str
    harmed: Sequence[str]
    headline: str
    warnings: Sequence[str]
    sentences: Sequence[str]
    classes: Sequence[tuple[str, str]]
    figure: SectionFigure | None


def read_verdict(told: Mapping[str, Any]) -> Verdict:
    """Return the verdict; an evaluation that has none, or one of a kind that is not known, has the effect `unknown`."""
    found = part(told, "verdict")
    effect = word(found.get("effect"), "unknown")
    effect = effect if effect in EFFECTS else "unknown"
    sign, name, otherwise = EFFECTS[effect]
    headline, *sentences = words(found.get("sentences")) or [otherwise]
    by = classifier(word(found.get("classifier")))
    classes = _classes(found, (headline, *sentences))
    harmed, figure = _harmed(told, effect), _difference_figure(told)
    return Verdict(effect, sign, name, by, harmed, headline, _warnings(told, effect), sentences, classes, figure)


def compared(told: Mapping[str, Any]) -> tuple[str, str]:
    """Return the two arms that the verdict compares, by their names in the evaluation: the arm, and what it is less."""
    found = part(told, "verdict")
    return word(found.get("arm"), "seeds_selected"), word(found.get("minus"), "seeds")


def difference_dot(row: Mapping[str, Any], name: str) -> DotRow | None:
    """Return a difference as a dot that says whether its interval leaves zero, None where it is no number."""
    value, ends = number(row.get("difference")), span(row.get("interval"))
    return None if value is None else DotRow(name, value, signed(value), ends, look_of(ends))


def look_of(ends: tuple[float, float] | None) -> Style:
    """Return `loss` or `gain` for an interval that leaves zero, else `unsure`."""
    if ends is None or ends[0] <= 0 <= ends[1]:
        return "unsure"
    return "loss" if ends[1] < 0 else "gain"


def _harmed(told: Mapping[str, Any], effect: str) -> list[str]:
    if effect in {"harms", "leak"}:
        return []
    ends = [(word(row.get("classifier")), span(row.get("interval"))) for row in _differences(told)]
    return [classifier(name) for name, interval in ends if interval is not None and interval[1] < 0]


def _warnings(told: Mapping[str, Any], effect: str) -> list[str]:
    if effect == "leak":
        return []
    leaks = part(told, "leaks")
    beyond = [name.replace("-", " and ") for name in words(leaks.get("beyond_chance"))]
    if beyond:
        return [f"More texts are shared than chance explains ({', '.join(beyond)}): see the leaks below."]
    found = number(leaks.get("found"))
    if found and not number(part(told, "verdict").get("leaks")):
        return [f"Training and test data share texts ({whole(found)}): see the leaks below."]
    return []


def _classes(found: Mapping[str, Any], sentences: Sequence[str]) -> list[tuple[str, str]]:
    groups = (
        ("Classes that lose", words(found.get("classes_worse"))),
        ("Classes that gain", words(found.get("classes_better"))),
        ("Too few test texts to say", words(found.get("classes_few"))),
    )
    untold = [(title, some) for title, some in groups if some and not any(some[0] in told for told in sentences)]
    return [(f"{title} ({len(some)})", _listed(some)) for title, some in untold]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(truncate(name, LONGEST) for name in names[:NAMED]) + more


def _differences(told: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    arms = compared(told)
    return [row for row in rows(told, "differences") if (row.get("arm"), row.get("minus")) == arms]


def _difference_figure(told: Mapping[str, Any]) -> SectionFigure | None:
    known = [(row, difference_dot(row, classifier(word(row.get("classifier"))))) for row in _differences(told)]
    points = [dot for _, dot in known if dot is not None]
    if not points:
        return None
    more, less = map(arm, compared(told))
    cells = [(dot.name, dot.told, signed_interval(row.get("interval"))) for row, dot in known if dot is not None]
    title = f"Macro-F1 of {more} minus {less}"
    plot = dot_plot(title, points, f"difference in macro-F1, with {INTERVAL}", reference=(0.0, "no difference"))
    return SectionFigure(SectionTable(title, ("classifier", "difference", INTERVAL), cells), plot)
