"""Why: the story of one text of a run, from its prompt to its end."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textsynth.errors import UsageError, nearest
from textsynth.report.account import read_manifest, read_rows

SHORTEST_PREFIX = 4


@dataclass(frozen=True, slots=True)
class Story:
    """What is known of one text. `end` is selected, spare, review or dropped; `answer` is the journal's row, if any."""

    id: str
    end: str
    said: str
    row: Mapping[str, Any]
    twin_text: str | None
    related: Mapping[str, str]
    answer: Mapping[str, Any] | None

    def json(self) -> dict[str, Any]:
        """Return all of it for a script."""
        return {
            "id": self.id,
            "end": self.end,
            "text": self.said,
            "passport": dict(self.row),
            "twin_text": self.twin_text,
            "related": dict(self.related),
            "answer": None if self.answer is None else dict(self.answer),
        }

    def lines(self) -> list[str]:
        """Return the story line by line: the text, its end, where it comes from, what was measured."""
        row = self.row
        lines = [f"{self.id}  {self.end}", f"  {self.said!r}"]
        if row.get("label"):
            lines.append(f"label: {row['label']}")
        if self.end != "selected":
            lines.append(f"{row['section']} {row['item']}: {row['reason']}{_numbers(row)}")
        if row.get("twin"):
            told = f": {self.twin_text!r}" if self.twin_text is not None else " (a given row)"
            lines.append(f"twin: {row['twin']}{told}")
        lines.append(f"made by: {row.get('generator') or row.get('item')}")
        for name in ("parents", "shown"):
            ids = row.get(name) or []
            if ids:
                lines.append(f"{name}: {', '.join(ids)}")
        if row.get("prompt"):
            lines.append(f"prompt: {row['prompt']} ({row['fingerprint']}), model: {row['model']}")
            lines.append(f"sampling: {row['sampling']}")
        for name in ("attributes", "measures"):
            if row.get(name) not in (None, "{}"):
                lines.append(f"{name}: {row[name]}")
        if row.get("split"):
            lines.append(f"split: {row['split']}, family: {row['family']}")
        return lines

    def text(self) -> str:
        """Return the story for a terminal, the rendered prompt and the raw answer at its end."""
        lines = self.lines()
        if self.answer is not None:
            lines += ["", "the prompt:", *_indented(_prompt_text(self.answer["prompt"]))]
            lines += ["", f"the answer ({self.answer['finish']}):", *_indented(str(self.answer["answer"]))]
        elif self.row.get("request"):
            lines.append("the journal no longer has the answer")
        return "\n".join(lines)


def story(run: Path, record_id: str, lookup: Callable[[str], Mapping[str, Any] | None]) -> Story:
    """Return the story of a text by its id, or by a beginning of at least four digits that no other id has.

    `lookup` finds a kept answer by its request key. Raises UsageError: no run, no such id, several such ids.
    """
    read_manifest(run)
    dataset = run / "dataset"
    passports = {row["id"]: row for row in read_rows(dataset / "passports")}
    dropped = {row["id"]: row for row in read_rows(dataset / "dropped")}
    texts = {row["id"]: _text_of(row) for row in (*read_rows(dataset / "data"), *dropped.values())}
    found = _find(record_id, [*passports, *dropped], run)
    row = passports.get(found) or dropped[found]
    end = "selected" if found in passports else {"select": "spare", "review": "review"}.get(row["section"], "dropped")
    related = {one: texts[one] for one in (*(row.get("parents") or []), *(row.get("shown") or [])) if one in texts}
    twin = row.get("twin")
    answer = lookup(row["request"]) if row.get("request") else None
    return Story(found, end, texts.get(found, ""), row, texts.get(twin) if twin else None, related, answer)


def _find(asked: str, ids: Sequence[str], run: Path) -> str:
    if asked in ids:
        return asked
    fitting = [one for one in ids if one.startswith(asked)] if len(asked) >= SHORTEST_PREFIX else []
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise UsageError(f"{run}: {len(fitting)} ids begin with {asked!r}: {', '.join(fitting[:5])}; give more digits")
    raise UsageError(f"{run}: no text has the id {asked!r} among {len(ids)}{nearest(asked, ids[:2000])}")


def _text_of(row: Mapping[str, Any]) -> str:
    return str(row.get("paraphrase") or row.get("summary") or row.get("text") or row.get("raw") or "")


def _numbers(row: Mapping[str, Any]) -> str:
    parts = [f"{name} {row[name]:g}" for name in ("measured", "limit") if row.get(name) is not None]
    return f" ({', '.join(parts)})" if parts else ""


def _prompt_text(prompt: object) -> str:
    if isinstance(prompt, str):
        return prompt
    turns = prompt if isinstance(prompt, list) else json.loads(str(prompt))
    return "\n".join(f"[{role}] {content}" for role, content in turns)


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in text.splitlines()]
