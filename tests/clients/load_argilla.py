"""Loads exported folders in Argilla's own client, in an environment of its own; prints what it took in as JSON.

A server on loopback stands in for Argilla's: it takes what the client sends, gives it ids, and gives it back. What a
real server would refuse beyond what the client checks is not seen here.
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

    kept: dict[str, list[Any]] = {}  # noqa: RUF012 — one server, one data set at a time

    def do_GET(self) -> None:
        """Answer with what was kept, or with something of the right form."""
        last = self.path.split("?")[0].split("/")[-1]
        if last in LISTS:
            self._say({"items": self.kept.get(last, [])})
        elif last in ("workspaces", "datasets"):
            self._say({"items": [_made({"name": "default"})] if last == "workspaces" else []})
        else:
            self._say(_made({"name": "parcels", "status": "ready", "username": "ann", "role": "owner"}))

    def do_POST(self) -> None:
        """Keep what is sent."""
        made = _made(self._body())
        self.kept.setdefault(self.path.split("/")[-1], []).append(made)
        self._say(made)

    def do_PATCH(self) -> None:
        """Take a change of the data set."""
        self._say(_made(self._body()))

    def do_PUT(self) -> None:
        """Take records, or the word that the data set is ready."""
        if not self.path.endswith("/records/bulk"):
            self._say(_made({"name": "parcels", "status": "ready"}))
            return
        records = self._body()["items"]
        self.kept.setdefault("records", []).extend(records)
        self._say({"items": [{**_made(one), "suggestions": [], "responses": []} for one in records]})

    def _body(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")

    def _say(self, told: object) -> None:
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def _made(told: dict[str, Any]) -> dict[str, Any]:
    now = "2026-01-01T00:00:00"
    return {**told, "id": str(uuid.uuid4()), "dataset_id": str(uuid.uuid4()), "inserted_at": now, "updated_at": now}


def load(folder: Path, client: Any) -> dict[str, Any]:
    """Return what the client makes of a folder, and what it sent to the server."""
    import argilla as rg

    Server.kept.clear()
    settings = rg.Settings.from_json(folder / ".argilla" / "settings.json")
    settings.validate()
    records = [rg.Record.from_dict(one) for one in json.loads((folder / "records.json").read_text())]
    rg.Dataset.from_disk(str(folder), workspace="default", client=client)
    return {
        "questions": {one.name: re.sub(r"\(.*", "", str(one), flags=re.DOTALL) for one in settings.questions},
        "fields": [one.name for one in settings.fields],
        "records": [
            {
                "id": one.id,
                "suggestions": {told.question_name: [told.value, told.score] for told in one.suggestions},
                "metadata": dict(one.metadata),
            }
            for one in records
        ],
        "sent": [
            [one["external_id"], *(sorted(told["question_name"] for told in one["suggestions"]))]
            for one in Server.kept["records"]
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
