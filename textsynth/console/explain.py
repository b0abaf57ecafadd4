"""Why: the story of one text of a run, from its prompt to its end."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textsynth.core.errors import UsageError
from textsynth.core.formatting import escape_control
from textsynth.store.dataset import DatasetReader, check_complete, label_text, row_context, row_text, run_task
from textsynth.store.decisions import Decision, read_decisions
from textsynth.store.manifest import read_manifest

SHORTEST_PREFIX = 4
ENDS = {"select": "spare: accepted, not picked", "review": "waits for a person", "person": "dropped by a person"}


@dataclass(frozen=True, slots=True)
class TextStory:
    """What is known of one text.

    `end` says what became of it; `said` is the text, `source` what it rewrites; `row` is its provenance, or its row among
    the dropped; `related` has the texts of its parents, shown examples and twin, by id, as far as the run's data set
    has them; `answer` is the journal's row (prompt, answer, finish), None where there is none. `people` are the
    decisions that count, one a person, the latest last; the next run takes in those that came since.
    """

    id: str
    end: str
    said: str
    source: str | None
    row: Mapping[str, Any]
    related: Mapping[str, str]
    answer: Mapping[str, Any] | None
    people: Sequence[Decision] = ()

    def json(self) -> dict[str, Any]:
        """Return all of it for a script."""
        return {
            "id": self.id,
            "end": self.end,
            "text": self.said,
            "source_text": self.source,
            "provenance": dict(self.row),
            "related": dict(self.related),
            "answer": None if self.answer is None else dict(self.answer),
            "people": [
                {"by": one.by, "at": one.at, "decision": one.decision, "labels": list(one.labels)}
                for one in self.people
            ],
        }

    def text(self) -> str:
        """Return the story for a terminal, the rendered prompt and the raw answer at its end.

        Whatever a model wrote cannot move the cursor: control characters are written out.
        """
        lines = [f"{self.id}  {self.end}", *_quoted(self.said), *self._verdict(), *map(_decided, self.people), ""]
        lines += [*self._origin(), *self._numbers()]
        if self.answer is not None:
            lines += ["", "the prompt:", *_quoted(_prompt_text(self.answer["prompt"]))]
            told = self.answer.get("failure") or self.answer["finish"]
            lines += ["", f"the answer ({told}):", *_quoted(str(self.answer["answer"]))]
        elif self.row.get("request_key"):
            lines += ["", "the journal of this run does not have the answer"]
        return "\n".join(map(escape_control, lines))

    def _verdict(self) -> list[str]:
        """Say what ended it, with the number, the limit and the text kept instead; nothing for a selected one."""
        row = self.row
        if "section" not in row:
            return []
        numbers = ", ".join(f"{name} {row[name]:g}" for name in ("score", "limit") if row[name] is not None)
        lines = [f"{row['section']} {row['step']}: {row['reason']}{f' ({numbers})' if numbers else ''}"]
        return [*lines, *self._named("kept instead", [row["duplicate_of"]])] if row["duplicate_of"] else lines

    def _origin(self) -> list[str]:
        row = self.row
        labels = {name: label_text(row.get(name)) for name in ("label", "intended_label", "predicted_label")}
        lines = [f"{name}: {label}" for name, label in labels.items() if label]
        lines.append(f"made by: {row.get('generator') or row['step']}")
        if self.source:
            lines += ["rewrites:", *_quoted(self.source)]
        lines += self._named("parent", row["parent_ids"] or [])
        lines += self._named("example_ids", row["example_ids"] or [])
        if row["prompt"]:
            engine = f" on {row['engine']}" if row.get("engine") else ""
            lines.append(f"prompt: {row['prompt']} ({row['prompt_fingerprint'][:16]}), model: {row['model']}{engine}")
            lines.append(f"sampling: {_pairs(row['sampling'])}; text {row['index']} of its answer")
        return lines

    def _numbers(self) -> list[str]:
        row = self.row
        lines = [f"{name}: {_pairs(row[name])}" for name in ("attributes", "scores") if row[name] not in {None, "{}"}]
        if row["confidence"] is not None:
            lines.append(f"confidence: {row['confidence']:g}")
        if "split" in row:
            lines.append(f"split: {row['split']}, family: {row['family']}")
        return lines

    def _named(self, role: str, ids: Sequence[str]) -> list[str]:
        told = {one: f" {self.related[one]!r}" if one in self.related else " (a given row)" for one in ids}
        return [f"{role}: {one}{what}" for one, what in told.items()]


def explain_text(run: Path, record_id: str, lookup: Callable[[str], Mapping[str, Any] | None]) -> TextStory:
    """Return the story of a text by its id, or by a beginning of at least four digits that no other id has.

    `lookup` finds a kept answer by its request key. Raises UsageError: no run, no such id, several such ids.
    """
    manifest = read_manifest(run)
    check_complete(run, manifest)
    task = run_task(run, manifest)
    data, passports, dropped = (DatasetReader(run / "dataset" / name) for name in ("data", "provenance", "dropped"))
    places = {name: _places(rows) for name, rows in (("data", data), ("provenance", passports), ("dropped", dropped))}
    found = _find(record_id.strip().lower(), [*places["provenance"], *places["dropped"]], run)
    if found in places["provenance"]:
        (row,) = passports.rows_at([places["provenance"][found]])
        (own,) = data.rows_at([places["data"][found]])
        end = "selected"
    else:
        (row,) = dropped.rows_at([places["dropped"][found]])
        own = row
        end = ENDS.get(row["section"], "dropped")
    named = dict.fromkeys(
        [
            *(row["parent_ids"] or []),
            *(row["example_ids"] or []),
            *([row["duplicate_of"]] if row.get("duplicate_of") else []),
        ]
    )
    related: dict[str, str] = {}
    for rows, name in ((data, "data"), (dropped, "dropped")):
        known = [one for one in named if one in places[name]]
        taken = rows.rows_at([places[name][one] for one in known])
        related.update((one, row_text(task, other)) for one, other in zip(known, taken, strict=True))
    answer = lookup(row["request_key"]) if row["request_key"] else None
    people = tuple(read_decisions(run).by_text().get(found, {}).values())
    return TextStory(found, end, row_text(task, own), row_context(task, own), row, related, answer, people)


def _decided(one: Decision) -> str:
    labels = f" as {', '.join(one.labels)}" if one.labels and one.decision != "drop" else ""
    return f"a person decided: {one.decision}{labels}, by {one.by}{f' at {one.at}' if one.at else ''}"


def _places(rows: DatasetReader) -> dict[str, int]:
    return {one: place for place, one in enumerate(rows.column("id"))}


def _find(asked: str, ids: Sequence[str], run: Path) -> str:
    if asked in ids:
        return asked
    fitting = [one for one in ids if one.startswith(asked)] if len(asked) >= SHORTEST_PREFIX else []
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise UsageError(f"{run}: {len(fitting)} ids begin with {asked!r}: {', '.join(fitting[:5])}; give more digits")
    raise UsageError(f"{run}: none of its {len(ids)} texts has the id {asked!r}{_nearest_id(asked, ids)}")


def _nearest_id(asked: str, ids: Sequence[str]) -> str:
    # one wrong digit leaves the first or the last two as they are; all ids would take seconds
    alike = [one for one in ids if one[:2] == asked[:2] or one[-2:] == asked[-2:]]
    close = difflib.get_close_matches(asked, alike[:2000], n=1, cutoff=0.7)
    return f"; did you mean {close[0]}?" if close else "; the report and the data set's provenance name them"


def _quoted(text: str) -> list[str]:
    return [f"  {line}" for line in text.split("\n")]


def _pairs(told: str) -> str:
    return ", ".join(f"{name} {value}" for name, value in json.loads(told).items())


def _prompt_text(prompt: object) -> str:
    if isinstance(prompt, str):
        return prompt
    turns = prompt if isinstance(prompt, list) else json.loads(str(prompt))
    return "\n".join(f"[{role}] {content}" for role, content in turns)
