"""What of a run's folder goes to the Hub: data, card, recipe and manifest; provenance and dropped texts if asked for.

    README.md, recipe.yaml, manifest.json
    data/*.parquet, figures/*.svg
    provenance/*.parquet, dropped/*.parquet      with provenance

Never the journal, the report, an evaluation, or anything else of the folder: they quote seeds and test rows.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from textsynth.core.errors import UsageError
from textsynth.export.card.metadata import read_card
from textsynth.hub.redaction import Redactor, refuse_keys
from textsynth.hub.schema_diff import split_of
from textsynth.hub.source_redaction import read_source_texts, redact_sources
from textsynth.recipe import Recipe
from textsynth.store.dataset import check_complete
from textsynth.store.manifest import FILE, Manifest, read_manifest

DATA = "data"
FIGURES = "figures"
NOT_PUSHED = ("provenance", "dropped")
TEXTS = ("README.md", "recipe.yaml", FILE)
# what differs from one run of the same recipe to the next, although the data set is the same
UNSTEADY = ("seconds",)
UNSTEADY_REQUESTS = ("sent", "from_journal")


@dataclass(frozen=True, slots=True)
class PayloadFile:
    """One file as it will stand in the repository: its bytes, or the file on disk that has them."""

    content: bytes | Path

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.content.stat().st_size if isinstance(self.content, Path) else len(self.content)

    def is_like(self, blob_id: str, sha256: str | None) -> bool:
        """Whether a file of the Hub has this content; `sha256` is known of large files only."""
        if sha256 is not None:
            return self._hashed(hashlib.sha256()) == sha256
        return self._hashed(hashlib.sha1(b"blob %d\0" % self.size, usedforsecurity=False)) == blob_id

    def _hashed(self, digest: hashlib._Hash) -> str:
        if isinstance(self.content, bytes):
            digest.update(self.content)
            return digest.hexdigest()
        with self.content.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class PushPayload:
    """All that will be sent, by path in the repository, with what is known of the run."""

    items: Mapping[str, PayloadFile]
    manifest: Manifest
    license: str | None

    @property
    def rows(self) -> int:
        """How many texts people train on."""
        return self.manifest["counts"]["selected"]

    @property
    def tables(self) -> list[tuple[str, Path]]:
        """The parquet files that people train on: path in the repository and file on disk."""
        found = [(path, item.content) for path, item in self.items.items() if path.startswith(f"{DATA}/")]
        return [(path, content) for path, content in found if isinstance(content, Path)]


def read_payload(
    folder: Path, *, with_passports: bool = False, waived: Sequence[str] = (), recipe: Recipe | None = None
) -> PushPayload:
    """Return what a run's folder sends; `recipe` is the run's, where it is at hand.

    Raises UsageError for a folder without a data set, for a key in one of its texts, and where provenance are wanted but
    nobody can tell which dropped texts repeat a seed.
    """
    manifest, dataset = read_manifest(folder), folder / "dataset"
    check_complete(folder, manifest)
    data = sorted((dataset / DATA).glob("*.parquet"))
    if not data:
        raise UsageError(f"{folder}: the data set has no texts, so there is nothing to push; see textsynth report")
    card = _card(dataset / "README.md")
    items = {f"{DATA}/{path.name}": PayloadFile(path) for path in data}
    items |= {f"{FIGURES}/{path.name}": PayloadFile(path) for path in sorted((dataset / FIGURES).glob("*.svg"))}
    told = card if with_passports else pushed_card(card, NOT_PUSHED)
    if with_passports:
        given = read_source_texts(folder, manifest, recipe)
        for inner in NOT_PUSHED:
            before = {path: path.read_bytes() for path in sorted((dataset / inner).glob("*.parquet"))}
            after = {path: redact_sources(path, data, given) for path in before}
            items |= {f"{inner}/{path.name}": PayloadFile(content) for path, content in after.items()}
            told = told.replace(content_hash(before), content_hash(after))
    text = _recipe(manifest)
    withheld = Redactor.of(text, manifest)
    texts = {
        "README.md": withheld.out_of_card(told),
        "recipe.yaml": withheld.out_of(text),
        FILE: _manifest(manifest, withheld, waived),
    }
    refuse_keys(texts)
    items |= {name: PayloadFile(text.encode("utf-8", "replace")) for name, text in texts.items()}
    return PushPayload(dict(sorted(items.items())), manifest, read_card(card).metadata.get("license"))


def content_hash(files: Mapping[Path, bytes]) -> str:
    """Return the sha256 by which a card tells the content of a config's files, one a split, in order."""
    content = hashlib.sha256()
    for path, data in files.items():
        content.update(f"{split_of(path.name)}\0".encode() + data)
    return content.hexdigest()


def _recipe(manifest: Manifest) -> str:
    sets = manifest["recipe"]["sets"]
    told = "".join(f"# run with --set {json.dumps(one, ensure_ascii=False)}\n" for one in sets)
    return told + manifest["recipe"]["text"]


def _manifest(manifest: Manifest, withheld: Redactor, waived: Sequence[str]) -> str:
    told = {name: value for name, value in manifest.items() if name not in UNSTEADY}
    recipe = {name: value for name, value in manifest["recipe"].items() if name not in ("path", "text")}
    told["recipe"] = {**recipe, "name": "recipe.yaml"}
    told["requests"] = {name: one for name, one in manifest["requests"].items() if name not in UNSTEADY_REQUESTS}
    if waived:
        told["waived"] = sorted(waived)
    return json.dumps(withheld.out_of_json(told), ensure_ascii=False, indent=2) + "\n"


def _card(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        told = fault.strerror if isinstance(fault, OSError) else fault
        raise UsageError(f"{path}: the card cannot be read ({told}); run the recipe again") from fault


def pushed_card(text: str, absent: Sequence[str]) -> str:
    """Return a card without the configs `absent`; the rest of its metadata keeps order and form."""
    data, body = read_card(text)
    if not data:
        return text
    for key in ("configs", "dataset_info"):
        told = data.get(key)
        if isinstance(told, list):
            data[key] = [one for one in told if one.get("config_name") not in absent]
    head = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=10_000)
    return f"---\n{head}---\n{_body(body, absent)}"


def _body(body: str, absent: Sequence[str]) -> str:
    """Take the rows of the absent configs out of the table of configs, and say once where they are."""
    rows = [re.compile(rf"^\| `{re.escape(name)}` \|.*\n?", re.MULTILINE) for name in absent]
    told = [name for name, row in zip(absent, rows, strict=True) if row.search(body)]
    if not told:
        return body
    first = min((row.search(body) for row in rows if row.search(body)), key=lambda found: found.start() if found else 0)
    at = first.start() if first else 0
    end = body.find("\n\n", at)
    names = " and ".join(f"`{name}`" for name in told)
    note = f"\n\nThe configs {names} were not published: they stay with the run that made this data set."
    body = body[:end] + note + body[end:] if end >= 0 else body.rstrip("\n") + note + "\n"
    for row in rows:
        body = row.sub("", body)
    return body
