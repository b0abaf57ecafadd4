"""Loads exported folders in Argilla's own client, in an environment of its own; prints what the client read, as JSON.

A server on loopback replaces Argilla's: it gives ids to what the client sends, and returns it. It does not check more
than the client does.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LISTS = ("fields", "questions", "metadata-properties", "vectors-settings")


class Server(BaseHTTPRequestHandler):
    """Answers the few calls that the client makes to create a data set and send records."""

    received: dict[str, list[Any]] = {}  # noqa: RUF012 — one server, one data set at a time

    def do_GET(self) -> None:
        """Answer with what was received, or with something of the right form."""
        last = self.path.split("?")[0].split("/")[-1]
        if last in LISTS:
            self._respond({"items": self.received.get(last, [])})
        elif last in ("workspaces", "datasets"):
            self._respond({"items": [_stored({"name": "default"})] if last == "workspaces" else []})
        else:
            self._respond(_stored({"name": "parcels", "status": "ready", "username": "ann", "role": "owner"}))

    def do_POST(self) -> None:
        """Keep what is sent."""
        stored = _stored(self._body())
        self.received.setdefault(self.path.split("/")[-1], []).append(stored)
        self._respond(stored)

    def do_PATCH(self) -> None:
        """Take a change of the data set."""
        self._respond(_stored(self._body()))

    def do_PUT(self) -> None:
        """Take records, or the request that makes the data set ready."""
        if not self.path.endswith("/records/bulk"):
            self._respond(_stored({"name": "parcels", "status": "ready"}))
            return
        records = self._body()["items"]
        self.received.setdefault("records", []).extend(records)
        self._respond({"items": [{**_stored(record), "suggestions": [], "responses": []} for record in records]})

    def _body(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")

    def _respond(self, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Print nothing."""


def _stored(values: dict[str, Any]) -> dict[str, Any]:
    now = "2026-01-01T00:00:00"
    return {**values, "id": str(uuid.uuid4()), "dataset_id": str(uuid.uuid4()), "inserted_at": now, "updated_at": now}


def load(folder: Path, client: Any) -> dict[str, Any]:
    """Return what the client makes of a folder, and what it sent to the server."""
    import argilla as rg

    Server.received.clear()
    settings = rg.Settings.from_json(folder / ".argilla" / "settings.json")
    settings.validate()
    records = [rg.Record.from_dict(record) for record in json.loads((folder / "records.json").read_text())]
    rg.Dataset.from_disk(str(folder), workspace="default", client=client)
    return {
        "questions": {
            question.name: re.sub(r"\(.*", "", str(question), flags=re.DOTALL) for question in settings.questions
        },
        "fields": [field.name for field in settings.fields],
        "records": [
            {
                "id": record.id,
                "suggestions": {item.question_name: [item.value, item.score] for item in record.suggestions},
                "metadata": dict(record.metadata),
            }
            for record in records
        ],
        "sent": [
            [record["external_id"], *(sorted(item["question_name"] for item in record["suggestions"]))]
            for record in Server.received["records"]
        ],
    }


def main() -> None:
    """Load every folder named on the command line."""
    import argilla as rg

    logging.disable()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = rg.Argilla(api_url=f"http://127.0.0.1:{server.server_port}", api_key="none")
    sys.stdout.write(json.dumps([load(Path(name), client) for name in sys.argv[1:]]))


if __name__ == "__main__":
    main()
