"""Two files for Label Studio: the labelling interface, and tasks whose labels stand as predictions.

    config.xml     the interface: paste it into Settings → Labeling Interface, or give it to a project as `label_config`
    tasks.json     one task a text: its data, and a prediction with the label and its score; import it as it is

One label is a single choice, several are a multiple one, with what a label means as its hint; a paraphrase or summary
is shown beside what it rewrites, with a choice whether it is right and a place for a better one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

from textsynth.export.formats import ANSWERS, SOURCES, ExportedText, ExportInfo, format_folder, write_text

MODEL = "textsynth"


def write(texts: Sequence[ExportedText], about: ExportInfo, out: Path) -> list[Path]:
    """Write `out/config.xml` and `out/tasks.json`, and return their paths."""
    format_folder(out, "label-studio")
    tasks = [_task(text, about) for text in texts]
    return [
        write_text(out / "config.xml", config(about)),
        write_text(out / "tasks.json", json.dumps(tasks, indent=1) + "\n"),
    ]


def config(about: ExportInfo) -> str:
    """Return the labelling interface as XML."""
    lines = ["<View>"]
    if about.task in SOURCES:
        lines += [f"  <Header value={quoteattr(SOURCES[about.task].capitalize())}/>", _shown("source")]
        lines.append('  <Header value="The new text"/>')
    lines.append(_shown("text"))
    if about.labelled:
        lines += _choices("label", about.labels, multi_label=about.multi_label)
    if about.task in SOURCES:
        lines += _choices("right", ANSWERS, multi_label=False)
        lines.append('  <TextArea name="better" toName="text" placeholder="a better one" maxSubmissions="1" rows="3"/>')
    return "\n".join([*lines, "</View>"]) + "\n"


def _task(text: ExportedText, about: ExportInfo) -> Mapping[str, object]:
    told = {"id": text.id, "split": text.split, "confidence": text.confidence, **text.more}
    data = {name: value for name, value in told.items() if value is not None and value != ""}
    data["text"] = text.text
    if about.task in SOURCES:
        data["source"] = text.source or ""
    labels = [label for label in text.labels if label in about.labels] if about.labelled else []
    return {"data": data, "predictions": [_prediction(labels, text.confidence)] if labels else []}


def _prediction(labels: list[str], confidence: float | None) -> Mapping[str, object]:
    score = {} if confidence is None else {"score": confidence}
    region = {"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": labels}}
    return {"model_version": MODEL, **score, "result": [{"id": "label", **region, **score}]}


def _shown(name: str) -> str:
    # a text that looks like an address is shown, never fetched
    return f'  <Text name="{name}" value="${name}" valueType="text"/>'


def _choices(name: str, options: Mapping[str, str], *, multi_label: bool) -> list[str]:
    choice = "multiple" if multi_label else "single"
    lines = [f'  <Choices name="{name}" toName="text" choice="{choice}" showInLine="true">']
    for value, means in options.items():
        hint = f" hint={quoteattr(means)}" if means not in ("", value) else ""
        lines.append(f"    <Choice value={quoteattr(value)}{hint}/>")
    return [*lines, "  </Choices>"]
