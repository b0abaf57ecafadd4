"""A folder that Argilla 2 reads: `rg.Dataset.from_disk(FOLDER)`, or its settings and records one by one.

    records.json               one record a text: fields, the label as a suggestion with its score, metadata
    .argilla/settings.json     fields, questions, metadata and guidelines, for `rg.Settings.from_json`
    .argilla/dataset.json      the name of the data set

The label is a LabelQuestion (MultiLabelQuestion where a text may have several) with the labels in the recipe's order;
a paraphrase or summary asks whether it says the same and for a better one. What a text scored stands beside it as the
suggestion's score and as metadata to sort by.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from textsynth.export.formats import ANSWERS, SOURCES, ExportedText, ExportInfo, format_folder, write_text

QUESTION = {"paraphrase": "Does the paraphrase say the same?", "summarization": "Is the summary right?"}
TEXTS = {"paraphrase": "paraphrase", "summarization": "summary"}
AGENT = "textsynth"


def write(texts: Sequence[ExportedText], about: ExportInfo, out: Path) -> list[Path]:
    """Write the folder `out` and return the paths of its files."""
    format_folder(out, "argilla")
    records = [_record(text, about) for text in texts]
    told = {
        "records.json": records,
        ".argilla/settings.json": _settings(texts, about),
        ".argilla/dataset.json": {"name": about.name, "status": "draft", "guidelines": None},
    }
    # argilla opens files in the machine's own encoding, so they are kept in ASCII
    return [write_text(out / path, json.dumps(what, indent=1) + "\n") for path, what in told.items()]


def _record(text: ExportedText, about: ExportInfo) -> Mapping[str, object]:
    shown = {SOURCES[about.task]: text.source or ""} if about.task in SOURCES else {}
    suggestions: dict[str, object] = {}
    known = [label for label in text.labels if label in about.labels] if about.labelled else []
    if known and about.multi_label:
        scores = None if text.confidence is None else [text.confidence] * len(known)
        suggestions["label"] = {"value": known, "score": scores, "agent": AGENT}
    elif known:
        suggestions["label"] = {"value": known[0], "score": text.confidence, "agent": AGENT}
    if about.task in TEXTS:
        suggestions["better"] = {"value": text.text, "score": None, "agent": AGENT}
    told = {"split": text.split, "confidence": text.confidence, **text.more}
    return {
        "id": text.id,
        "fields": {**shown, TEXTS.get(about.task, "text"): text.text},
        "metadata": {name: value for name, value in told.items() if value is not None and value != ""},
        "suggestions": suggestions,
        "responses": {},
        "vectors": {},
    }


def _settings(texts: Sequence[ExportedText], about: ExportInfo) -> Mapping[str, object]:
    names = [*([SOURCES[about.task]] if about.task in SOURCES else []), TEXTS.get(about.task, "text")]
    more: dict[str, object] = {}
    for text in texts:
        more.update({name: value for name, value in text.more.items() if value is not None})
    numbers = ["confidence", *(name for name, value in more.items() if isinstance(value, float))]
    words = ["split", *(name for name, value in more.items() if not isinstance(value, float))]
    means = [f"- {name}" if told in ("", name) else f"- {name}: {told}" for name, told in about.labels.items()]
    return {
        "guidelines": "\n".join(["The labels:", "", *means]) if means else None,
        "fields": [{"name": one, "title": one.capitalize(), "required": True, "settings": _text()} for one in names],
        "questions": _questions(about),
        "vectors": [],
        "metadata": [
            *({"name": name, "title": name, "settings": {"type": "terms", "values": None}} for name in words),
            *({"name": one, "title": one, "settings": {"type": "float", "min": None, "max": None}} for one in numbers),
        ],
        "allow_extra_metadata": True,
        "distribution": {"strategy": "overlap", "min_submitted": 1},
        "mapping": None,
    }


def _questions(about: ExportInfo) -> list[Mapping[str, object]]:
    asked: list[Mapping[str, object]] = []
    if about.labelled:
        kind = "multi_label_selection" if about.multi_label else "label_selection"
        title = "Which labels fit?" if about.multi_label else "Which label fits?"
        asked.append(_choice("label", title, kind, {name: name for name in about.labels}))
    if about.task in TEXTS:
        asked.append(_choice("right", QUESTION[about.task], "label_selection", ANSWERS))
        title = f"A better {TEXTS[about.task]}, where this one is not right"
        asked.append({"name": "better", "title": title, "description": None, "required": False, "settings": _text()})
    return asked


def _choice(name: str, title: str, kind: str, options: Mapping[str, str]) -> Mapping[str, object]:
    settings: dict[str, object] = {
        "type": kind,
        "options": [{"value": value, "text": text} for value, text in options.items()],
        # argilla shows at least three, and all where it is told none
        "visible_options": None,
    }
    if kind == "multi_label_selection":
        settings["options_order"] = "natural"
    return {"name": name, "title": title, "description": None, "required": True, "settings": settings}


def _text() -> dict[str, object]:
    return {"type": "text", "use_markdown": False}
