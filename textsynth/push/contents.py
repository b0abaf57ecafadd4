"""What of a run's folder goes to the Hub: data, card, recipe and manifest; passports and dropped texts if asked for.

    README.md, recipe.yaml, manifest.json
    data/*.parquet, figures/*.svg
    passports/*.parquet, dropped/*.parquet      with passports

Never the journal, the report, an evaluation, or anything else of the folder: they quote seeds and test rows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textsynth.errors import UsageError
from textsynth.push.card import pushed_card, read_metadata
from textsynth.push.given import given_texts, without_given
from textsynth.push.shape import split_of
from textsynth.push.withheld import Withheld, refuse_keys

DATA = "data"
FIGURES = "figures"
ASIDE = ("passports", "dropped")
TEXTS = ("README.md", "recipe.yaml", "manifest.json")
# what differs from one run of the same recipe to the next, although the data set is the same
UNSTEADY = ("seconds",)
UNSTEADY_REQUESTS = ("sent", "from_journal")


@dataclass(frozen=True, slots=True)
class Item:
    """One file as it will stand in the repository: its bytes, or the file on disk that has them."""

    content: bytes | Path

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.content.stat().st_size if isinstance(self.content, Path) else len(self.content)

    def is_like(self, blob_id: str, sha256: str | None) -> bool:
        """Whether a file of the Hub has this content; `sha256` is known of large files only."""
        data = self.content.read_bytes() if isinstance(self.content, Path) else self.content
        if sha256 is not None:
            return hashlib.sha256(data).hexdigest() == sha256
        return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest() == blob_id


@dataclass(frozen=True, slots=True)
class Contents:
    """All that will be sent, by path in the repository, with what is known of the run."""

    items: Mapping[str, Item]
    manifest: Mapping[str, Any]
    license: str | None

    @property
    def rows(self) -> int:
        """How many texts people train on."""
        return int(self.manifest.get("counts", {}).get("selected", 0))

    @property
    def tables(self) -> list[tuple[str, Path]]:
        """The parquet files that people train on: path in the repository and file on disk."""
        found = [(path, item.content) for path, item in self.items.items() if path.startswith(f"{DATA}/")]
        return [(path, content) for path, content in found if isinstance(content, Path)]


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a finished run. Raises UsageError where there is none."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; give the folder of a run, as runs/NAME")
    try:
        told = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{folder}: no finished run is in this folder (no manifest.json); give runs/NAME") from None
    except (OSError, ValueError) as fault:
        raise UsageError(f"{folder}: the manifest cannot be read ({fault}); run the recipe again") from fault
    if not isinstance(told, dict) or not isinstance(told.get("recipe"), dict):
        raise UsageError(f"{folder}: the manifest cannot be read (it is no manifest of a run); run the recipe again")
    return told


def read_contents(folder: Path, *, with_passports: bool = False, waived: Sequence[str] = ()) -> Contents:
    """Return what a run's folder sends.

    Raises UsageError for a folder without a data set, for a key in one of its texts, and where passports are wanted but
    nobody can tell which dropped texts repeat a seed.
    """
    manifest, dataset = read_manifest(folder), folder / "dataset"
    data = sorted((dataset / DATA).glob("*.parquet"))
    if not data:
        raise UsageError(f"{folder}: the data set has no texts, so there is nothing to push; see textsynth report")
    card = (dataset / "README.md").read_text(encoding="utf-8")
    items = {f"{DATA}/{path.name}": Item(path) for path in data}
    items |= {f"{FIGURES}/{path.name}": Item(path) for path in sorted((dataset / FIGURES).glob("*.svg"))}
    told = card if with_passports else pushed_card(card, ASIDE)
    if with_passports:
        items |= {f"passports/{path.name}": Item(path) for path in sorted((dataset / "passports").glob("*.parquet"))}
        dropped = sorted((dataset / "dropped").glob("*.parquet"))
        given = given_texts(folder, manifest) if dropped else []
        blanked = {path: without_given(path, data, given) for path in dropped}
        items |= {f"dropped/{path.name}": Item(content) for path, content in blanked.items()}
        told = told.replace(content_hash({path: path.read_bytes() for path in dropped}), content_hash(blanked))
    recipe = _recipe(manifest)
    withheld = Withheld.of(recipe, manifest)
    texts = {
        "README.md": withheld.out_of_card(told),
        "recipe.yaml": withheld.out_of(recipe),
        "manifest.json": _manifest(manifest, withheld, waived),
    }
    refuse_keys(texts)
    items |= {name: Item(text.encode("utf-8", "replace")) for name, text in texts.items()}
    return Contents(dict(sorted(items.items())), manifest, read_metadata(card).get("license"))


def content_hash(files: Mapping[Path, bytes]) -> str:
    """Return the sha256 by which a card tells the content of a config's files, one a split, in order."""
    content = hashlib.sha256()
    for path, data in files.items():
        content.update(f"{split_of(path.name)}\0".encode() + data)
    return content.hexdigest()


def _recipe(manifest: Mapping[str, Any]) -> str:
    recipe = manifest["recipe"]
    text = str(recipe.get("text", ""))
    sets = recipe.get("sets") or []
    told = "".join(f"# run with --set {json.dumps(str(one), ensure_ascii=False)}\n" for one in sets)
    return told + text


def _manifest(manifest: Mapping[str, Any], withheld: Withheld, waived: Sequence[str]) -> str:
    told = {name: value for name, value in manifest.items() if name not in UNSTEADY}
    recipe = {name: value for name, value in told["recipe"].items() if name not in ("path", "text")}
    told["recipe"] = {**recipe, "name": "recipe.yaml"}
    if isinstance(told.get("requests"), dict):
        told["requests"] = {name: one for name, one in told["requests"].items() if name not in UNSTEADY_REQUESTS}
    if waived:
        told["waived"] = sorted(waived)
    return json.dumps(withheld.out_of_json(told), ensure_ascii=False, indent=2) + "\n"
