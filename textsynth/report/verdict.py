"""The verdict of an evaluation: one word, one sentence, and harm said before anything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from textsynth.report.figures import INTERVAL, arm, classifier, signed, signed_interval
from textsynth.report.plots import Dot, Look, dots, shortened
from textsynth.report.sections import Figure, Table
from textsynth.report.told import number, part, rows, span, word, words
from textsynth.wording import counted

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

    `effect` is one of `leak`, `harms`, `no_difference`, `helps`, `unknown`; `warnings` are harms and leaks that the
    effect alone does not tell; `classes` are named groups of classes, the losing ones first. `figure` shows the
    difference for every classifier, None where there is none.
    """

    effect: str
    sign: str
    word: str
    headline: str
    warnings: Sequence[str]
    sentences: Sequence[str]
    classes: Sequence[tuple[str, str]]
    figure: Figure | None


def read_verdict(told: Mapping[str, Any]) -> Verdict:
    """Return the verdict; an evaluation that has none, or one of a kind that is not known, has the effect `unknown`."""
    found = part(told, "verdict")
    effect = word(found.get("effect"), "unknown")
    effect = effect if effect in EFFECTS else "unknown"
    sign, name, otherwise = EFFECTS[effect]
    headline, *sentences = words(found.get("sentences")) or [otherwise]
    return Verdict(
        effect, sign, name, headline, _warnings(told, effect), sentences, _classes(found), _difference_figure(told)
    )


def compared(told: Mapping[str, Any]) -> tuple[str, str]:
    """Return the two arms that the verdict compares, by their names in the evaluation: the arm, and what it is less."""
    found = part(told, "verdict")
    return word(found.get("arm"), "seeds_selected"), word(found.get("minus"), "seeds")


def difference_dot(row: Mapping[str, Any], name: str) -> Dot | None:
    """Return a difference as a dot that says whether its interval leaves zero, None where it is no number."""
    value, ends = number(row.get("difference")), span(row.get("interval"))
    return None if value is None else Dot(name, value, signed(value), ends, look_of(ends))


def look_of(ends: tuple[float, float] | None) -> Look:
    """Return `loss` or `gain` for an interval that leaves zero, else `unsure`."""
    if ends is None or ends[0] <= 0 <= ends[1]:
        return "unsure"
    return "loss" if ends[1] < 0 else "gain"


def _warnings(told: Mapping[str, Any], effect: str) -> list[str]:
    said = []
    leaks = number(part(told, "leaks").get("found")) or number(part(told, "verdict").get("leaks")) or 0
    if leaks and effect != "leak":
        said.append(f"Training and test data share texts ({counted(round(leaks), 'pair')}): see the leaks below.")
    for row in _differences(told):
        ends = span(row.get("interval"))
        if ends is not None and ends[1] < 0 and effect not in {"harms", "leak"}:
            name = classifier(word(row.get("classifier")))
            change = f"{signed(row.get('difference'))} macro-F1 ({signed_interval(ends)})"
            said.append(f"With {name} the same texts harm: {change}.")
    return said


def _classes(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    groups = (
        ("Classes that lose", words(found.get("classes_worse"))),
        ("Classes that gain", words(found.get("classes_better"))),
        ("Too few test texts to say", words(found.get("classes_few"))),
    )
    return [(f"{title} ({len(some)})", _listed(some)) for title, some in groups if some]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(shortened(name, LONGEST) for name in names[:NAMED]) + more


def _differences(told: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    arms = compared(told)
    return [row for row in rows(told, "differences") if (row.get("arm"), row.get("minus")) == arms]


def _difference_figure(told: Mapping[str, Any]) -> Figure | None:
    known = [(row, difference_dot(row, classifier(word(row.get("classifier"))))) for row in _differences(told)]
    points = [dot for _, dot in known if dot is not None]
    if not points:
        return None
    more, less = map(arm, compared(told))
    cells = [(dot.name, dot.told, signed_interval(row.get("interval"))) for row, dot in known if dot is not None]
    title = f"Macro-F1 of {more} minus {less}"
    plot = dots(title, points, f"difference in macro-F1, with {INTERVAL}", reference=(0.0, "no difference"))
    return Figure(Table(title, ("classifier", "difference", INTERVAL), cells), plot)
