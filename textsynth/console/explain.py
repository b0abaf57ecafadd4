"""Explain one text of a run: how it was generated and why it was selected or not."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textsynth.core.errors import UsageError
from textsynth.core.formatting import escape_control
from textsynth.core.task import Task
from textsynth.recipe.finished_run import SourceRow, source_rows_of_run
from textsynth.store.dataset import DatasetReader, check_complete, label_text, row_context, row_text, run_task
from textsynth.store.decisions import Decision, read_decisions
from textsynth.store.manifest import read_manifest

MIN_PREFIX = 4
# Ids compared for "did you mean": comparing all ids of a large run would take seconds.
MAX_IDS_COMPARED = 2000
MAX_IDS_LISTED = 5
# section of a dropped text → its status
STATUSES = {
    "select": "surplus: accepted, not selected",
    "review": "waits for a person",
    "person": "dropped by a person",
}


@dataclass(frozen=True, slots=True)
class TextExplanation:
    """Everything a run's folder has about one text.

    `status` says what became of the text, `source_text` is the text it rewrites, if any. `row` is its row of the config
    `provenance`, or of `dropped` for a text that was not selected. `related_texts` has the texts of its parents, of the
    examples in its prompt and of the text it duplicates, by id, as far as they are in the run's data set, and
    `source_rows` those that are rows of its sources. `answer` is
    the journal's entry (prompt, answer, finish reason), None where there is none. `decisions` are the review decisions
    that count, one per person, the latest last; the next run applies those made since the last one.
    """

    id: str
    status: str
    text: str
    source_text: str | None
    row: Mapping[str, Any]
    related_texts: Mapping[str, str]
    source_rows: Mapping[str, SourceRow]
    answer: Mapping[str, Any] | None
    decisions: Sequence[Decision] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the explanation as JSON."""
        return {
            "id": self.id,
            "status": self.status,
            "text": self.text,
            "source_text": self.source_text,
            "provenance": dict(self.row),
            "related": {**self.related_texts, **{id_: row.text for id_, row in self.source_rows.items()}},
            "answer": None if self.answer is None else dict(self.answer),
            "review": [
                {
                    "by": decision.by,
                    "at": decision.at,
                    "decision": decision.decision,
                    "labels": list(decision.labels),
                }
                for decision in self.decisions
            ],
        }

    def as_text(self) -> str:
        """Return the explanation for a terminal, with the rendered prompt and the raw answer at its end.

        Control characters are escaped, so that a text of a model cannot move the cursor.
        """
        lines = [f"{self.id}  {self.status}", *_indent(self.text), *self._drop_lines()]
        lines += [*map(_decision_line, self.decisions), "", *self._origin_lines(), *self._value_lines()]
        if self.answer is not None:
            ending = self.answer.get("failure") or self.answer["finish"]
            lines += ["", "prompt:", *_indent(_prompt_text(self.answer["prompt"]))]
            lines += ["", f"answer ({ending}):", *_indent(str(self.answer["answer"]))]
        elif self.row.get("request_key"):
            lines += ["", "the journal of this run does not contain the answer"]
        return "\n".join(map(escape_control, lines))

    def _drop_lines(self) -> list[str]:
        """Return the reason, score and limit of the drop and the text selected instead; none for a selected text."""
        row = self.row
        if "section" not in row:
            return []
        numbers = ", ".join(f"{name} {row[name]:g}" for name in ("score", "limit") if row[name] is not None)
        lines = [f"{row['section']} {row['step']}: {row['reason']}{f' ({numbers})' if numbers else ''}"]
        if row["duplicate_of"]:
            lines += self._related_lines("duplicate of", [row["duplicate_of"]])
        return lines

    def _origin_lines(self) -> list[str]:
        row = self.row
        labels = {name: label_text(row.get(name)) for name in ("label", "intended_label", "predicted_label")}
        lines = [f"{name.replace('_', ' ')}: {label}" for name, label in labels.items() if label]
        lines.append(f"generator: {row.get('generator') or row['step']}")
        if self.source_text:
            lines += ["source text:", *_indent(self.source_text)]
        lines += self._related_lines("parent", row["parent_ids"] or [])
        lines += self._related_lines("example in the prompt", row["example_ids"] or [])
        if row["prompt"]:
            engine = f" on {row['engine']}" if row.get("engine") else ""
            fingerprint = row["prompt_fingerprint"][:16]
            lines.append(f"prompt: {row['prompt']} ({fingerprint}), model: {row['model']}{engine}")
            lines.append(f"sampling: {_format_pairs(row['sampling'])}; index {row['index']} in its answer")
        return lines

    def _value_lines(self) -> list[str]:
        row = self.row
        lines = [
            f"{name}: {_format_pairs(row[name])}" for name in ("attributes", "scores") if row[name] not in {None, "{}"}
        ]
        if row["confidence"] is not None:
            lines.append(f"confidence: {row['confidence']:g}")
        if "split" in row:
            lines.append(f"split: {row['split']}, family: {row['family']}")
        return lines

    def _related_lines(self, role: str, ids: Sequence[str]) -> list[str]:
        """Return a line per id; an id without a text is a row of a source, as those are not in the data set."""
        return [f"{role}: {self._related(id_)}" for id_ in dict.fromkeys(ids)]

    def _related(self, id_: str) -> str:
        if id_ in self.related_texts:
            return f"{id_} {self.related_texts[id_]!r}"
        row = self.source_rows.get(id_)
        return f"{id_} (source row)" if row is None else f"{id_} ({row.place}) {row.text!r}"


def explain_text(run: Path, record_id: str, find_answer: Callable[[str], Mapping[str, Any] | None]) -> TextExplanation:
    """Return the explanation of a text, given its id or a unique prefix of the id with at least four digits.

    `find_answer` returns the journal's entry for a request key. Raises UsageError where the folder holds no finished
    run, and where no id or several ids match.
    """
    manifest = read_manifest(run)
    check_complete(run, manifest)
    task = run_task(run, manifest)
    data, provenance, dropped = (DatasetReader(run / "dataset" / name) for name in ("data", "provenance", "dropped"))
    full_id = _match_id(record_id.strip().lower(), (provenance, dropped), run)
    if selected := provenance.positions_of([full_id]):
        (row,) = provenance.rows_at([*selected.values()])
        (text_row,) = data.rows_at([*data.positions_of([full_id]).values()])
        status = "selected"
    else:
        (row,) = dropped.rows_at([*dropped.positions_of([full_id]).values()])
        text_row = row
        status = STATUSES.get(row["section"], "dropped")
    related_ids = [*(row["parent_ids"] or []), *(row["example_ids"] or [])]
    if row.get("duplicate_of"):
        related_ids.append(row["duplicate_of"])
    related_texts = {**_texts(task, data, related_ids), **_texts(task, dropped, related_ids)}
    return TextExplanation(
        id=full_id,
        status=status,
        text=row_text(task, text_row),
        source_text=row_context(task, text_row),
        row=row,
        related_texts=related_texts,
        source_rows=source_rows_of_run(run, manifest, set(related_ids) - related_texts.keys()),
        answer=find_answer(row["request_key"]) if row["request_key"] else None,
        decisions=tuple(read_decisions(run).by_text().get(full_id, {}).values()),
    )


def _texts(task: Task, rows: DatasetReader, ids: Sequence[str]) -> dict[str, str]:
    """Return the texts of those `ids` that `rows` contains."""
    position_of = rows.positions_of(ids)
    present = [id_ for id_ in dict.fromkeys(ids) if id_ in position_of]
    matching = rows.rows_at([position_of[id_] for id_ in present])
    return {id_: row_text(task, row) for id_, row in zip(present, matching, strict=True)}


def _match_id(prefix: str, readers: Sequence[DatasetReader], run: Path) -> str:
    if any(reader.positions_of([prefix]) for reader in readers):
        return prefix
    is_long = len(prefix) >= MIN_PREFIX
    matches = [id_ for reader in readers for id_ in reader.positions_of_prefix(prefix)] if is_long else []
    if len(matches) == 1:
        return matches[0]
    if matches:
        listed = ", ".join(matches[:MAX_IDS_LISTED])
        raise UsageError(f"{run}: {len(matches)} ids begin with {prefix!r}: {listed}; give more digits")
    ids = [id_ for reader in readers for id_ in reader.values("id")]
    raise UsageError(f"{run}: none of its {len(ids)} texts has the id {prefix!r}{_suggest_id(prefix, ids)}")


def _suggest_id(prefix: str, ids: Sequence[str]) -> str:
    # one wrong digit leaves the first two or the last two unchanged
    candidates = [id_ for id_ in ids if id_[:2] == prefix[:2] or id_[-2:] == prefix[-2:]]
    close = difflib.get_close_matches(prefix, candidates[:MAX_IDS_COMPARED], n=1, cutoff=0.7)
    return f"; did you mean {close[0]}?" if close else "; ids are in the report and in the data set's provenance"


def _decision_line(decision: Decision) -> str:
    labels = f" as {', '.join(decision.labels)}" if decision.labels and decision.decision != "drop" else ""
    time = f" at {decision.at}" if decision.at else ""
    return f"review decision: {decision.decision}{labels}, by {decision.by}{time}"


def _indent(text: str) -> list[str]:
    return [f"  {line}" for line in text.split("\n")]


def _format_pairs(json_object: str) -> str:
    return ", ".join(f"{name} {value}" for name, value in json.loads(json_object).items())


def _prompt_text(prompt: object) -> str:
    """Return a prompt as text; a chat prompt has one block per turn."""
    if isinstance(prompt, str):
        return prompt
    turns = prompt if isinstance(prompt, list) else ()
    return "\n".join(f"[{role}] {content}" for role, content in turns)
