"""The files of a run that are pushed: data, card, recipe and manifest; provenance and dropped texts on request.

    README.md, recipe.yaml, manifest.json
    data/*.parquet, figures/*.svg
    provenance/*.parquet, dropped/*.parquet      on request

The journal, the report, an evaluation and all other files of the run are never pushed: they quote seeds and test rows.
The card, the recipe and the manifest are adapted: the card lists only the configs that are pushed, and none of the
three contains local paths, secrets, or values that differ between two runs with the same result.
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
from textsynth.core.gap_summary import GapsSummary
from textsynth.export.card.metadata import read_card
from textsynth.hub.redaction import Redactor, has_key, refuse_secrets, secret_variables
from textsynth.hub.schema_diff import split_of
from textsynth.hub.source_redaction import read_source_texts, redact_sources
from textsynth.recipe import Recipe
from textsynth.store.dataset import check_complete
from textsynth.store.evaluation import check_card
from textsynth.store.manifest import FILE, Manifest, read_manifest

CARD = "README.md"
RECIPE = "recipe.yaml"
DATA = "data"
FIGURES = "figures"
OPTIONAL_CONFIGS = ("provenance", "dropped")
CARD_HASH = "card_sha256"
"""Key of the pushed manifest: the hash of the card as it was pushed."""
CHUNK_BYTES = 1 << 20
# Keys of the manifest whose values differ between two runs with the same result, or are of the local files only.
VARYING_KEYS = ("seconds", "dataset", "inputs")
VARYING_REQUEST_KEYS = ("sent", "from_journal")


@dataclass(frozen=True, slots=True)
class PayloadFile:
    """One file to push: its content, or the local file that has it."""

    content: bytes | Path

    @property
    def size(self) -> int:
        """The size in bytes."""
        return self.content.stat().st_size if isinstance(self.content, Path) else len(self.content)

    def has_content(self, blob_id: str, sha256: str | None) -> bool:
        """Return whether a file on the Hub has the same content; only large files there have a `sha256`."""
        if sha256 is not None:
            return self._hexdigest(hashlib.sha256()) == sha256
        return self._hexdigest(hashlib.sha1(b"blob %d\0" % self.size, usedforsecurity=False)) == blob_id

    def _hexdigest(self, digest: hashlib._Hash) -> str:
        if isinstance(self.content, bytes):
            digest.update(self.content)
            return digest.hexdigest()
        with self.content.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class PushPayload:
    """Everything that will be pushed, by path in the repository; with the manifest of the run and the license."""

    files: Mapping[str, PayloadFile]
    manifest: Manifest
    license: str | None

    @property
    def rows(self) -> int:
        """The number of texts in the data set."""
        return self.manifest["counts"]["selected"]

    @property
    def tables(self) -> list[tuple[str, Path]]:
        """The parquet files of the data set: path in the repository and local file."""
        data = [(path, file.content) for path, file in self.files.items() if path.startswith(f"{DATA}/")]
        return [(path, content) for path, content in data if isinstance(content, Path)]


def read_payload(
    folder: Path, *, with_provenance: bool = False, waived: Sequence[str] = (), recipe: Recipe | None = None
) -> PushPayload:
    """Return what is pushed of the run in `folder`; `recipe` is that of the run, if it is loaded.

    Raises UsageError if the folder has no data set, or a card that does not belong to its evaluation, if a text
    contains a secret, or if provenance is requested and it is unknown which dropped texts repeat a seed.
    """
    manifest, dataset = read_manifest(folder), folder / "dataset"
    check_complete(folder, manifest)
    check_card(folder)
    tables = sorted((dataset / DATA).glob("*.parquet"))
    if not tables:
        raise UsageError(f"{folder}: the data set has no texts, so there is nothing to push; see textsynth report")
    files = {f"{DATA}/{path.name}": PayloadFile(path) for path in tables}
    files |= {f"{FIGURES}/{path.name}": PayloadFile(path) for path in sorted((dataset / FIGURES).glob("*.svg"))}
    card = _read_card_text(dataset / CARD)
    license_ = read_card(card).metadata.get("license")
    if with_provenance:
        configs, card = _optional_configs(folder, manifest, recipe, tables, card)
        files |= configs
    else:
        card = remove_configs(card, OPTIONAL_CONFIGS)
    files |= _text_files(card, manifest, waived)
    _refuse_secrets_in_tables(files)
    return PushPayload(dict(sorted(files.items())), manifest, license_)


def _optional_configs(
    folder: Path, manifest: Manifest, recipe: Recipe | None, tables: Sequence[Path], card: str
) -> tuple[dict[str, PayloadFile], str]:
    """Return the files of the optional configs without source texts, and the card with their new content hashes."""
    sources = read_source_texts(folder, manifest, recipe)
    files: dict[str, PayloadFile] = {}
    for config in OPTIONAL_CONFIGS:
        local = {path: path.read_bytes() for path in sorted((folder / "dataset" / config).glob("*.parquet"))}
        redacted = {path: redact_sources(path, tables, sources) for path in local}
        files |= {f"{config}/{path.name}": PayloadFile(content) for path, content in redacted.items()}
        card = card.replace(content_hash(local), content_hash(redacted))
    return files, card


def content_hash(files: Mapping[Path, bytes]) -> str:
    """Return the sha256 that the card gives for the content of a config; `files` has one file per split, in order."""
    content = hashlib.sha256()
    for path, data in files.items():
        content.update(f"{split_of(path.name)}\0".encode() + data)
    return content.hexdigest()


def _text_files(card: str, manifest: Manifest, waived: Sequence[str]) -> dict[str, PayloadFile]:
    """Return the card, the recipe and the manifest without local paths. Raises UsageError if one contains a secret."""
    recipe = _recipe_text(manifest)
    redactor = Redactor.for_run(recipe, manifest)
    texts = {CARD: redactor.redact_card(card), RECIPE: redactor.redact(recipe)}
    texts[FILE] = _manifest_text(manifest, redactor, waived, card_hash(texts[CARD].encode("utf-8", "replace")))
    refuse_secrets(texts)
    return {name: PayloadFile(text.encode("utf-8", "replace")) for name, text in texts.items()}


def card_hash(card: bytes) -> str:
    """Return the hash of a card by which the next push recognizes whether somebody edited it on the Hub."""
    return hashlib.sha256(card).hexdigest()


def _refuse_secrets_in_tables(files: Mapping[str, PayloadFile]) -> None:
    """Raise UsageError where a cell of a table holds the value of a secret variable, or what has the form of a key."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    variables = secret_variables()
    for name, file in files.items():
        if not name.endswith(".parquet"):
            continue
        content = file.content if isinstance(file.content, Path) else pa.BufferReader(file.content)
        for batch in pq.ParquetFile(content).iter_batches():
            text = json.dumps(batch.to_pydict(), ensure_ascii=False, default=str)
            variable = next((variables[value] for value in variables if value in text), None)
            if variable is not None:
                raise UsageError(f"{name}: contains the value of {variable}, so nothing is pushed; run again")
            if has_key(text):
                row = next(
                    row for row in batch.to_pylist() if has_key(json.dumps(row, ensure_ascii=False, default=str))
                )
                raise UsageError(
                    f"{name}: the text {row.get('id')} contains what looks like a key or a token, so nothing is "
                    "pushed; decide to drop it with textsynth review --selected, and run again"
                )


def _without_examples(summary: GapsSummary) -> GapsSummary:
    """Return a summary of gaps without the rows that it quotes."""
    return {**summary, "regions": [{**region, "examples": []} for region in summary["regions"]]}


def _recipe_text(manifest: Manifest) -> str:
    sets = manifest["recipe"]["sets"]
    comments = "".join(f"# run with --set {json.dumps(setting, ensure_ascii=False)}\n" for setting in sets)
    return comments + manifest["recipe"]["text"]


def _manifest_text(manifest: Manifest, redactor: Redactor, waived: Sequence[str], card: str) -> str:
    values = {key: value for key, value in manifest.items() if key not in VARYING_KEYS}
    recipe = {key: value for key, value in manifest["recipe"].items() if key not in ("path", "text")}
    values["recipe"] = {**recipe, "name": RECIPE}
    requests = manifest["requests"]
    values["requests"] = {key: value for key, value in requests.items() if key not in VARYING_REQUEST_KEYS}
    if "gaps" in manifest:
        values["gaps"] = {step: _without_examples(summary) for step, summary in manifest["gaps"].items()}
    if waived:
        values["waived"] = sorted(waived)
    values[CARD_HASH] = card
    return json.dumps(redactor.redact_json(values), ensure_ascii=False, indent=2) + "\n"


def _read_card_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{path}: the card cannot be read ({reason}); run the recipe again") from error


def remove_configs(card: str, configs: Sequence[str]) -> str:
    """Return a card without the configs; everything else in its metadata keeps its order and form."""
    metadata, body = read_card(card)
    if not metadata:
        return card
    for key in ("configs", "dataset_info"):
        entries = metadata.get(key)
        if isinstance(entries, list):
            metadata[key] = [entry for entry in entries if entry.get("config_name") not in configs]
    block = yaml.safe_dump(metadata, sort_keys=False, allow_unicode=True, width=10_000)
    return f"---\n{block}---\n{_remove_config_rows(body, configs)}"


def _remove_config_rows(body: str, configs: Sequence[str]) -> str:
    """Remove the rows of the configs from the card's table of configs, and add a note below the table."""
    rows = {name: re.compile(rf"^\| `{re.escape(name)}` \|.*\n?", re.MULTILINE) for name in configs}
    matches = {name: match for name, row in rows.items() if (match := row.search(body))}
    if not matches:
        return body
    names = " and ".join(f"`{name}`" for name in matches)
    note = f"\n\nThe configs {names} were not published; they are kept with the run that created this data set."
    table_end = body.find("\n\n", min(match.start() for match in matches.values()))
    body = body[:table_end] + note + body[table_end:] if table_end >= 0 else body.rstrip("\n") + note + "\n"
    for row in rows.values():
        body = row.sub("", body)
    return body
