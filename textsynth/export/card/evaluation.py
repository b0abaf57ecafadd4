"""What a card says about an evaluation: its own section, and the first of the limitations.

A card is written when its run ends, and an evaluation may come later: it is then added to the existing card.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from textsynth.export.card.markdown import bullets, escape, some, table
from textsynth.export.run_result import CardFigure

EVALUATION = "Evaluation on real data"
LIMITATIONS = "Known limitations"
AFTER_EVALUATION = ("Notes", "License", "Reproduction", "Citation")
TELLING_AUC = 0.7
ARMS = {
    "seeds": "real seeds alone",
    "seeds_selected": "seeds and these texts",
    "fitted": "seeds and these texts, at their fitted weight",
    "selected": "these texts alone",
    "seeds_random": "seeds and as many unchecked texts",
    "all": "all real texts",
}
CLASSIFIERS = {"words": "TF-IDF words", "embeddings": "frozen embeddings"}
NOT_MEASURED = "Nothing was measured on real data: whether training on these texts helps is not known."
# The beginnings of the lines of `harm_before_gain`, and NOT_MEASURED: a later evaluation replaces them.
_REPLACED = re.compile(
    r"- (?:Nothing was measured on real data|\*\*They harm\*\*|No clear gain for a classifier"
    r"|\d+ of the texts are copies|Labels that lose by|A classifier tells these texts)"
)
_WEIGHT = re.compile(r"^- The column `weight` is .*$", re.MULTILINE)


def evaluation_section(sentences: Sequence[str], weight: str, evaluation: Mapping[str, Any]) -> str:
    """Return the verdict's sentences, the sentence on the column `weight`, and the scores of each training set."""
    lines = [*map(escape, sentences), *([weight] if weight else [])]
    return "\n\n".join(part for part in (bullets(lines), _scores(evaluation)) if part)


def weight_sentence(weight: float | None) -> str:
    """Return what the column `weight` is, "" where there is none."""
    if weight is None:
        return ""
    return (
        f"The column `weight` is {weight:g} for every row: what a text should count beside a real one, "
        "fitted by cross-validation on the real seeds."
    )


def with_figures(figures: Sequence[CardFigure], section: str, text: str) -> str:
    """Return the text after the figures of its section: the files `figures/SECTION.svg` and `figures/SECTION-*.svg`."""
    start = f"figures/{section}"
    shown = [
        f"![{escape(figure.title)}: {escape(figure.description)}]({figure.path})"
        for figure in figures
        if figure.path.startswith((f"{start}.", f"{start}-"))
    ]
    return "\n\n".join([*shown, text]) if text else ""


def with_evaluation(card: str, evaluation: Mapping[str, Any], figures: Sequence[CardFigure]) -> str:
    """Return the card with another evaluation: its section and its limitations replace those of an earlier one.

    Everything else stays, also the sentence on the column `weight`: the rows are the same.
    """
    sections = _sections(card)
    kept = [line for line in sections.get(LIMITATIONS, "").splitlines() if not _REPLACED.match(line)]
    sections[LIMITATIONS] = "\n".join([*bullets(harm_before_gain(evaluation)).splitlines(), *kept])
    weight = _WEIGHT.search(sections.get(EVALUATION, ""))
    sentences = (evaluation.get("verdict") or {}).get("sentences") or ()
    text = evaluation_section(sentences, weight.group().removeprefix("- ") if weight else "", evaluation)
    after = {heading: sections.pop(heading) for heading in AFTER_EVALUATION if heading in sections}
    sections[EVALUATION] = with_figures(figures, "proof", text)
    ordered = [(heading, text) for heading, text in {**sections, **after}.items() if text]
    return "\n\n".join(f"## {heading}\n\n{text}" if heading else text for heading, text in ordered) + "\n"


def _sections(card: str) -> dict[str, str]:
    """Return the card's sections by heading, the text before the first under ""; code blocks hold no headings."""
    sections: dict[str, list[str]] = {"": []}
    heading, fence = "", ""
    for line in card.splitlines():
        ticks = line[: len(line) - len(line.lstrip("`"))]
        if fence:
            fence = "" if line == fence else fence
        elif len(ticks) > 2:
            fence = ticks
        elif line.startswith("## "):
            heading = line[3:]
            sections[heading] = []
            continue
        sections[heading].append(line)
    return {heading: "\n".join(lines).strip("\n") for heading, lines in sections.items()}


def harm_before_gain(evaluation: Mapping[str, Any]) -> Iterator[str]:
    """Yield the limitations measured on real data: harm, contamination, labels that lose, what gives the texts away."""
    yield from _effects(evaluation)
    verdict = evaluation.get("verdict") or {}
    if verdict.get("leaks"):
        consequence = "with them no score on that test set means anything"
        yield f"{verdict['leaks']} of the texts are copies of test rows: {consequence}."
    worse = [escape(name) for name in verdict.get("classes_worse") or ()]
    if worse:
        yield f"Labels that lose by these texts: {some(worse)}."
    shift = evaluation.get("gap") or {}
    for name, features in (("auc_words", "their words"), ("auc_embeddings", "their embeddings")):
        auc = shift.get(name)
        if isinstance(auc, float) and auc >= TELLING_AUC:
            scale = f"AUC {auc:.2f}; 0.5 is chance, 1 is certain"
            yield f"A classifier tells these texts from real ones by {features} ({scale})."


def _effects(evaluation: Mapping[str, Any]) -> Iterator[str]:
    for difference in evaluation.get("differences") or ():
        if (difference.get("arm"), difference.get("minus")) != ("seeds_selected", "seeds"):
            continue
        low, high = difference["interval"]
        classifier = CLASSIFIERS.get(difference["classifier"], escape(str(difference["classifier"])))
        change = f"macro-F1 {difference['difference']:+.3f}, 95 % interval {low:+.3f} to {high:+.3f}"
        if high < 0:
            yield f"**They harm** a classifier of {classifier}: with the real seeds they lower its score ({change})."
        elif low <= 0:
            yield f"No clear gain for a classifier of {classifier} when added to the real seeds ({change})."


def _scores(evaluation: Mapping[str, Any]) -> str:
    arms, kinds = evaluation.get("arms") or {}, evaluation.get("classifiers") or ()
    rows = [
        (name, CLASSIFIERS.get(kind, escape(kind)), arms[arm][kind]["n"], _score(arms[arm][kind]))
        for kind in kinds
        for arm, name in ARMS.items()
        if kind in arms.get(arm, {}) and arms[arm][kind].get("macro_f1") is not None
    ]
    if not rows:
        return ""
    tested = (evaluation.get("data") or {}).get("test")
    head = ("trained on", "classifier", "texts", "macro-F1 (95 % interval)")
    return f"Each classifier was trained on the texts named and tested on {tested} real ones.\n\n{table(head, rows)}"


def _score(result: Mapping[str, Any]) -> str:
    interval = result.get("interval")
    score = f"{result['macro_f1']:.3f}"
    return f"{score} ({interval[0]:.3f} to {interval[1]:.3f})" if interval else score
