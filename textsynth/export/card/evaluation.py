"""The evaluation on the card: a section of its own, and the first of the known limitations.

A card is written when its run ends. A later evaluation is added to the existing card.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from textsynth.export.card.markdown import bullets, escape, first_few, table
from textsynth.export.run_result import CardFigure

EVALUATION = "Evaluation on real data"
LIMITATIONS = "Known limitations"
AFTER_EVALUATION = ("Notes", "License", "Reproduction", "Citation")
# A classifier that separates synthetic from real texts with at least this AUC is a limitation.
MIN_AUC_REPORTED = 0.7
# A column that is less similar than this to that of real rows is a limitation.
MAX_FIDELITY_REPORTED = 0.8
ARMS = {
    "seeds": "real seeds alone",
    "seeds_selected": "seeds and these texts",
    "seeds_replicated": "real seeds, repeated to as many rows",
    "fitted": "seeds and these texts, at their fitted weight",
    "selected": "these texts alone",
    "seeds_random": "seeds and as many unchecked texts",
    "all": "all real texts",
}
CLASSIFIERS = {"words": "TF-IDF words", "embeddings": "frozen embeddings"}
NOT_MEASURED = "Nothing was measured on real data: whether training on these texts helps is not known."
# The beginnings of the lines of `harm_before_gain`, and NOT_MEASURED: a later evaluation replaces these lines.
_REPLACED = re.compile(
    r"- (?:Nothing was measured on real data|\*\*These texts harm\*\*|No clear gain for a classifier"
    r"|\d+ of the texts are copies|Labels with a lower score|A classifier distinguishes these texts"
    r"|The form of these texts differs|These texts overfit their seeds)"
)
_WEIGHT = re.compile(r"^- The column `weight` is .*$", re.MULTILINE)


def evaluation_section(sentences: Sequence[str], weight: str, evaluation: Mapping[str, Any]) -> str:
    """Return the sentences of the verdict and on the column `weight`, and tables of the scores and contributions."""
    lines = [*map(escape, sentences), *([weight] if weight else [])]
    return "\n\n".join(part for part in (bullets(lines), _scores(evaluation), _contributions(evaluation)) if part)


def weight_sentence(weight: float | None, *, has_origin: bool = False) -> str:
    """Return a sentence on the column `weight`, "" where there is none."""
    if weight is None:
        return ""
    rows = "every synthetic row and 1 for every real one" if has_origin else "every row"
    return (
        f"The column `weight` is {weight:g} for {rows}: the sample weight of a text where a real one has 1, "
        "fitted by cross-validation on the real seeds."
    )


def with_figures(figures: Sequence[CardFigure], section: str, text: str) -> str:
    """Return the figures of a section (files `figures/SECTION.svg` and `figures/SECTION-*.svg`) and then its text."""
    start = f"figures/{section}"
    shown = [
        f"![{escape(figure.title)}: {escape(figure.description)}]({figure.path})"
        for figure in figures
        if figure.path.startswith((f"{start}.", f"{start}-"))
    ]
    return "\n\n".join([*shown, text]) if text else ""


def with_evaluation(card: str, evaluation: Mapping[str, Any], figures: Sequence[CardFigure]) -> str:
    """Return the card with another evaluation: its section and its limitations replace those of an earlier one.

    Everything else stays, including the sentence on the column `weight`, as the rows stay the same.
    """
    sections = _sections(card)
    unchanged = [line for line in sections.get(LIMITATIONS, "").splitlines() if not _REPLACED.match(line)]
    sections[LIMITATIONS] = "\n".join([*bullets(harm_before_gain(evaluation)).splitlines(), *unchanged])
    weight = _WEIGHT.search(sections.get(EVALUATION, ""))
    sentences = (evaluation.get("verdict") or {}).get("sentences") or ()
    text = evaluation_section(sentences, weight.group().removeprefix("- ") if weight else "", evaluation)
    after = {heading: sections.pop(heading) for heading in AFTER_EVALUATION if heading in sections}
    sections[EVALUATION] = with_figures(figures, "evaluation", text)
    ordered = [(heading, text) for heading, text in {**sections, **after}.items() if text]
    return "\n\n".join(f"## {heading}\n\n{text}" if heading else text for heading, text in ordered) + "\n"


def _sections(card: str) -> dict[str, str]:
    """Return the card's sections by heading, and the text before the first under ""; code blocks have no headings."""
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
    """Yield the limitations measured on real data: harm or no gain, contamination, labels, domain shift, form."""
    yield from _effects(evaluation)
    verdict = evaluation.get("verdict") or {}
    if verdict.get("test_copies"):
        copies = verdict["test_copies"]
        yield f"{copies} of the texts are copies of test rows, which makes scores on that test set worthless."
    worse = [escape(name) for name in verdict.get("labels_worse") or ()]
    if worse:
        yield f"Labels with a lower score when these texts are added: {first_few(worse)}."
    shift = evaluation.get("domain_shift") or {}
    for name, features in (("auc_words", "their words"), ("auc_embeddings", "their embeddings")):
        auc = shift.get(name)
        if isinstance(auc, float) and auc >= MIN_AUC_REPORTED:
            scale = f"AUC {auc:.2f}; 0.5 is chance, 1 is certain"
            yield f"A classifier distinguishes these texts from real ones by {features} ({scale})."
    privacy = evaluation.get("privacy") or {}
    if privacy.get("overfits") is True and isinstance(privacy.get("share"), float):
        yield (
            f"These texts overfit their seeds: {privacy['share']:.0%} of them are nearer to a seed than to as many "
            "real texts that no prompt showed (about 50% is expected)."
        )
    worst = (evaluation.get("fidelity") or {}).get("worst_column") or {}
    score = worst.get("score")
    if isinstance(score, float) and score < MAX_FIDELITY_REPORTED:
        name = escape(str(worst.get("column")))
        yield f"The form of these texts differs from real ones most in: {name} (similarity {score:.2f} of 1)."


def _effects(evaluation: Mapping[str, Any]) -> Iterator[str]:
    for difference in evaluation.get("differences") or ():
        if (difference.get("arm"), difference.get("baseline")) != ("seeds_selected", "seeds"):
            continue
        low, high = difference["interval"]
        classifier = CLASSIFIERS.get(difference["classifier"], escape(str(difference["classifier"])))
        change = f"macro-F1 {difference['difference']:+.3f}, 95 % interval {low:+.3f} to {high:+.3f}"
        if high < 0:
            yield f"**These texts harm** a classifier of {classifier} when added to the real seeds ({change})."
        elif low <= 0:
            yield f"No clear gain for a classifier of {classifier} when added to the real seeds ({change})."


def _scores(evaluation: Mapping[str, Any]) -> str:
    arms, kinds = evaluation.get("arms") or {}, evaluation.get("classifiers") or ()
    rows = [
        (name, CLASSIFIERS.get(kind, escape(kind)), arms[arm][kind]["train_rows"], _score(arms[arm][kind]))
        for kind in kinds
        for arm, name in ARMS.items()
        if kind in arms.get(arm, {}) and arms[arm][kind].get("macro_f1") is not None
    ]
    if not rows:
        return ""
    tested = (evaluation.get("data") or {}).get("test")
    head = ("trained on", "classifier", "texts", "macro-F1 (95 % interval)")
    return f"Each classifier was trained on the texts named and tested on {tested} real ones.\n\n{table(head, rows)}"


def _contributions(evaluation: Mapping[str, Any]) -> str:
    """Return what each generator, model and prompt contributes, "" where there is one of each."""
    rows = [
        (
            f"{escape(str(row['kind']))} {escape(str(row['name']))}",
            f"{row['texts']:,}",
            "" if row.get("cost_share") is None else f"{row['cost_share']:.0%}",
            _difference(row["gain"], row["interval"]),
            _difference(row["gain_over_random"], row["interval_over_random"]),
        )
        for row in evaluation.get("contributions") or ()
    ]
    if not rows:
        return ""
    head = ("left out", "texts", "share of tokens", "gain in macro-F1 (95 % interval)", "gain over a random drop")
    return (
        "What each generator, model and prompt contributes: the score of all texts minus that without its texts, and "
        "the score after a random drop of as many texts with the same labels minus that.\n\n" + table(head, rows)
    )


def _difference(difference: float, interval: Sequence[float]) -> str:
    return f"{difference:+.3f} ({interval[0]:+.3f} to {interval[1]:+.3f})"


def _score(result: Mapping[str, Any]) -> str:
    interval = result.get("interval")
    score = f"{result['macro_f1']:.3f}"
    return f"{score} ({interval[0]:.3f} to {interval[1]:.3f})" if interval else score
