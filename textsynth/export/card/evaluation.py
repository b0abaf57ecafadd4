"""What an evaluation says on a card: its part `Proof on real data`, and the first of the known limits.

A card is written when its run ends, and an evaluation may come later: then it is put on the card that is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from textsynth.export.card.markdown import bullets, escape, some, table
from textsynth.export.run_result import CardFigure

PROOF = "Proof on real data"
LIMITS = "Known limits"
AFTER_PROOF = ("Notes", "Licence", "Make it again", "Citation")
TELLING = 0.7
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
# How the lines of `harm_first` begin, and the one above; and what a later evaluation says nothing new about.
_LIMIT = re.compile(
    r"- (?:Nothing was measured on real data|\*\*They harm\*\*|No clear gain for a classifier"
    r"|\d+ of the texts are copies|Labels that lose by|A classifier tells these texts)"
)
_WEIGHT = re.compile(r"^- The column `weight` is .*$", re.MULTILINE)


def evaluation_section(sentences: Sequence[str], weight: str, evaluation: Mapping[str, Any]) -> str:
    """Return the verdict, what `weight` says of the column of that name, and the scores of each training set."""
    told = [*map(escape, sentences), *([weight] if weight else [])]
    return "\n\n".join(part for part in (bullets(told), _scores(evaluation)) if part)


def weight_sentence(weight: float | None) -> str:
    """Return what the column `weight` is, "" where there is none."""
    if weight is None:
        return ""
    return (
        f"The column `weight` is {weight:g} for every row: what a text should count beside a real one, "
        "fitted by cross-validation on the real seeds."
    )


def with_figures(pictures: Sequence[CardFigure], part: str, text: str) -> str:
    """Return the text after the pictures of its part: the files `figures/PART.svg` and `figures/PART-*.svg`."""
    begin = f"figures/{part}"
    shown = [
        f"![{escape(one.title)}: {escape(one.description)}]({one.path})"
        for one in pictures
        if one.path.startswith((f"{begin}.", f"{begin}-"))
    ]
    return "\n\n".join([*shown, text]) if text else ""


def with_evaluation(card: str, evaluation: Mapping[str, Any], pictures: Sequence[CardFigure]) -> str:
    """Return a card with another evaluation: its proof and its limits take the place of those that are there.

    Everything else stays, what the card says of the column `weight` too: the rows are the same.
    """
    parts = _parts(card)
    kept = [line for line in parts.get(LIMITS, "").splitlines() if not _LIMIT.match(line)]
    parts[LIMITS] = "\n".join([*bullets(harm_before_gain(evaluation)).splitlines(), *kept])
    column = _WEIGHT.search(parts.get(PROOF, ""))
    sentences = (evaluation.get("verdict") or {}).get("sentences") or ()
    told = evaluation_section(sentences, column.group().removeprefix("- ") if column else "", evaluation)
    later = {head: parts.pop(head) for head in AFTER_PROOF if head in parts}
    parts[PROOF] = with_figures(pictures, "proof", told)
    told_of = [(head, text) for head, text in {**parts, **later}.items() if text]
    return "\n\n".join(f"## {head}\n\n{text}" if head else text for head, text in told_of) + "\n"


def _parts(card: str) -> dict[str, str]:
    """Return the card's parts by their headings, what stands before the first under ""; code has no headings."""
    parts: dict[str, list[str]] = {"": []}
    head, fence = "", ""
    for line in card.splitlines():
        ticks = line[: len(line) - len(line.lstrip("`"))]
        if fence:
            fence = "" if line == fence else fence
        elif len(ticks) > 2:
            fence = ticks
        elif line.startswith("## "):
            head = line[3:]
            parts[head] = []
            continue
        parts[head].append(line)
    return {head: "\n".join(lines).strip("\n") for head, lines in parts.items()}


def harm_before_gain(evaluation: Mapping[str, Any]) -> Iterator[str]:
    """Yield what limits the texts by what was measured on real data: harm, leaks, labels that lose, what tells them."""
    yield from _harm(evaluation)
    verdict = evaluation.get("verdict") or {}
    if verdict.get("leaks"):
        told = "copies of test rows: with them no score on that test set means anything"
        yield f"{verdict['leaks']} of the texts are {told}."
    worse = [escape(name) for name in verdict.get("classes_worse") or ()]
    if worse:
        yield f"Labels that lose by these texts: {some(worse)}."
    gap = evaluation.get("gap") or {}
    for name, by in (("auc_words", "their words"), ("auc_embeddings", "their embeddings")):
        auc = gap.get(name)
        if isinstance(auc, float) and auc >= TELLING:
            told = f"AUC {auc:.2f}; 0.5 cannot tell, 1 always tells"
            yield f"A classifier tells these texts from real ones by {by} ({told})."


def _harm(found: Mapping[str, Any]) -> Iterator[str]:
    for one in found.get("differences") or ():
        if (one.get("arm"), one.get("minus")) != ("seeds_selected", "seeds"):
            continue
        low, high = one["interval"]
        by = CLASSIFIERS.get(one["classifier"], escape(str(one["classifier"])))
        change = f"macro-F1 {one['difference']:+.3f}, 95 % interval {low:+.3f} to {high:+.3f}"
        if high < 0:
            yield f"**They harm** a classifier of {by}: added to the real seeds they cost it ({change})."
        elif low <= 0:
            yield f"No clear gain for a classifier of {by} when added to the real seeds ({change})."


def _scores(evaluation: Mapping[str, Any]) -> str:
    arms, kinds = evaluation.get("arms") or {}, evaluation.get("classifiers") or ()
    rows = [
        (name, CLASSIFIERS.get(kind, escape(kind)), arms[arm][kind]["n"], _score(arms[arm][kind]))
        for kind in kinds
        for arm, name in ARMS.items()
        if kind in arms.get(arm, {}) and arms[arm][kind].get("macro_f1") is not None
    ]
    tested = (evaluation.get("data") or {}).get("test")
    told = f"Each classifier was trained on the texts named and tested on {tested} real ones." if rows else ""
    head = ("trained on", "classifier", "texts", "macro-F1 (95 % interval)")
    return f"{told}\n\n{table(head, rows)}" if rows else ""


def _score(found: Mapping[str, Any]) -> str:
    ends = found.get("interval")
    told = f"{found['macro_f1']:.3f}"
    return f"{told} ({ends[0]:.3f} to {ends[1]:.3f})" if ends else told
