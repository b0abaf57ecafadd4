"""A folder for Argilla 2: `rg.Dataset.from_disk(FOLDER)` reads it, or its settings and records are loaded one by one.

    records.json               one record per text: fields, the label as a suggestion with its score, metadata
    .argilla/settings.json     fields, questions, metadata and guidelines, for `rg.Settings.from_json`
    .argilla/dataset.json      the name of the data set

The label is a LabelQuestion (MultiLabelQuestion where a text may have several) with the labels in the recipe's order. A
task with a review question (paraphrasing, summarization) adds it, and a TextQuestion for a correction. Confidence and
provenance are metadata, to filter and sort by.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from textsynth.core.task import label_instruction
from textsynth.export.formats import ExportedText, ExportInfo, require_folder, write_json_list, write_text

AGENT = "textsynth"


def write(texts: Sequence[ExportedText], info: ExportInfo, out: Path) -> list[Path]:
    """Write the folder `out` and return the paths of its files."""
    require_folder(out, "argilla")
    files = {
        ".argilla/settings.json": _settings(texts, info),
        ".argilla/dataset.json": {"name": info.name, "status": "draft", "guidelines": None},
    }
    # Argilla opens files in the encoding of the machine's locale, so they are written in ASCII.
    records = write_json_list(out / "records.json", (_record(text, info) for text in texts))
    return [
        records,
        *(write_text(out / path, json.dumps(content, indent=1) + "\n") for path, content in files.items()),
    ]


def _record(text: ExportedText, info: ExportInfo) -> Mapping[str, object]:
    suggestions: dict[str, object] = {}
    labels = [label for label in text.labels if label in info.labels] if info.has_labels else []
    if labels and info.multi_label:
        scores = None if text.confidence is None else [text.confidence] * len(labels)
        suggestions["label"] = {"value": labels, "score": scores, "agent": AGENT}
    elif labels:
        suggestions["label"] = {"value": labels[0], "score": text.confidence, "agent": AGENT}
    if info.task.review_question is not None:
        own_text = text.texts.get(info.task.text_column, "")
        suggestions["better"] = {"value": own_text, "score": None, "agent": AGENT}
    metadata = {"split": text.split, "confidence": text.confidence, **text.extra}
    return {
        "id": text.id,
        "fields": info.shown_texts(text),
        "metadata": {name: value for name, value in metadata.items() if value is not None and value != ""},
        "suggestions": suggestions,
        "responses": {},
        "vectors": {},
    }


def _settings(texts: Sequence[ExportedText], info: ExportInfo) -> Mapping[str, object]:
    names = list(info.task.fields_shown.values())
    columns: dict[str, object] = {}
    for text in texts:
        columns.update({name: value for name, value in text.extra.items() if value is not None})
    numbers = ["confidence", *(name for name, value in columns.items() if isinstance(value, float))]
    terms = ["split", *(name for name, value in columns.items() if not isinstance(value, float))]
    return {
        "guidelines": label_instruction("The labels:", info.labels) if info.labels else None,
        "fields": [{"name": name, "title": _title(name), "required": True, "settings": _text()} for name in names],
        "questions": _questions(info),
        "vectors": [],
        "metadata": [
            *({"name": name, "title": name, "settings": {"type": "terms", "values": None}} for name in terms),
            *(
                {"name": name, "title": name, "settings": {"type": "float", "min": None, "max": None}}
                for name in numbers
            ),
        ],
        "allow_extra_metadata": True,
        "distribution": {"strategy": "overlap", "min_submitted": 1},
        "mapping": None,
    }


def _questions(info: ExportInfo) -> list[Mapping[str, object]]:
    questions: list[Mapping[str, object]] = []
    if info.has_labels:
        kind = "multi_label_selection" if info.multi_label else "label_selection"
        title = "Which labels fit?" if info.multi_label else "Which label fits?"
        questions.append(_choice("label", title, kind, {name: name for name in info.labels}))
    review = info.task.review_question
    if review is not None:
        questions.append(_choice("right", review.title, "label_selection", review.answers))
        correction = {"name": "better", "title": review.correction_title, "description": None, "required": False}
        questions.append({**correction, "settings": _text()})
    return questions


def _choice(name: str, title: str, kind: str, options: Mapping[str, str]) -> Mapping[str, object]:
    settings: dict[str, object] = {
        "type": kind,
        "options": [{"value": value, "text": text} for value, text in options.items()],
        # Argilla accepts no number below 3; null shows all options.
        "visible_options": None,
    }
    if kind == "multi_label_selection":
        settings["options_order"] = "natural"
    return {"name": name, "title": title, "description": None, "required": True, "settings": settings}


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _text() -> dict[str, object]:
    return {"type": "text", "use_markdown": False}
