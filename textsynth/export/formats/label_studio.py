"""Two files for Label Studio: the labelling interface, and the texts as tasks with their labels as predictions.

    config.xml     the interface: paste it into Settings → Labeling Interface, or give it to a project as `label_config`
    tasks.json     one task per text: its data, and a prediction with the label and its score; import it as it is

The label is a choice, single or multiple as the texts have one label or several, with the labels' descriptions as
hints. A task with a review question (paraphrasing, summarization) adds a choice with its answers, and a text area for a
correction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

from textsynth.export.formats import ExportedText, ExportInfo, require_folder, write_json_list, write_text

MODEL = "textsynth"


def write(texts: Sequence[ExportedText], info: ExportInfo, out: Path) -> list[Path]:
    """Write `out/config.xml` and `out/tasks.json`, and return their paths."""
    require_folder(out, "label-studio")
    return [
        write_text(out / "config.xml", config(info)),
        write_json_list(out / "tasks.json", (_task(text, info) for text in texts)),
    ]


def config(info: ExportInfo) -> str:
    """Return the labelling interface as XML."""
    lines = ["<View>"]
    names = list(info.task.fields_shown.values())
    for name in names:
        if len(names) > 1:
            lines.append(f"  <Header value={quoteattr(name.replace('_', ' ').capitalize())}/>")
        # With this type a text that is a URL is shown as it is, not fetched.
        lines.append(f'  <Text name="{name}" value="${name}" valueType="text"/>')
    labelled = _labelled_name(info)
    if info.has_labels:
        lines += _choices("label", labelled, info.labels, multiple=info.multi_label)
    review = info.task.review_question
    if review is not None:
        lines += _choices("right", labelled, review.answers, multiple=False)
        lines.append(
            f'  <TextArea name="better" toName="{labelled}" placeholder={quoteattr(review.correction_title)}'
            ' maxSubmissions="1" rows="3"/>'
        )
    return "\n".join([*lines, "</View>"]) + "\n"


def _task(text: ExportedText, info: ExportInfo) -> Mapping[str, object]:
    values = {"id": text.id, "split": text.split, "confidence": text.confidence, **text.extra}
    data: dict[str, object] = {name: value for name, value in values.items() if value is not None and value != ""}
    data |= info.shown_texts(text)
    labels = [label for label in text.labels if label in info.labels] if info.has_labels else []
    predictions = [_prediction(labels, text.confidence, _labelled_name(info))] if labels else []
    return {"data": data, "predictions": predictions}


def _prediction(labels: list[str], confidence: float | None, labelled: str) -> Mapping[str, object]:
    score = {} if confidence is None else {"score": confidence}
    region = {"from_name": "label", "to_name": labelled, "type": "choices", "value": {"choices": labels}}
    return {"model_version": MODEL, **score, "result": [{"id": "label", **region, **score}]}


def _labelled_name(info: ExportInfo) -> str:
    """Return the name of the text that labels and corrections belong to."""
    return info.task.fields_shown[info.task.text_column]


def _choices(name: str, labelled: str, options: Mapping[str, str], *, multiple: bool) -> list[str]:
    kind = "multiple" if multiple else "single"
    lines = [f'  <Choices name="{name}" toName="{labelled}" choice="{kind}" showInLine="true">']
    for value, text in options.items():
        hint = f" hint={quoteattr(text)}" if text not in ("", value) else ""
        lines.append(f"    <Choice value={quoteattr(value)}{hint}/>")
    return [*lines, "  </Choices>"]
