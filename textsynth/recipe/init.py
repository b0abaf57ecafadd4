"""The first recipe: written from label names and/or a file of examples, commented, and ready to run."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from textsynth.core.errors import SourceError, UsageError, did_you_mean
from textsynth.core.paths import RECIPE_FILE, recipe_files
from textsynth.core.records import Record
from textsynth.sources.files import missing_file, read_table
from textsynth.sources.rows import Rows

SEEDS_FILE = "seeds.csv"
QUICKSTART = "quickstart"
LABEL_FILES = (".txt", ".json")
TABLES = (".csv", ".tsv", ".jsonl", ".parquet", ".gz", ".xlsx")
TEXT_COLUMNS = ("text", "utterance", "sentence", "query", "question", "message", "content", "document", "input")
LABEL_COLUMNS = ("label", "intent", "category", "class", "topic", "target", "sentiment")
PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(?: [A-Za-z0-9_-]+)*")
YAML_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null"})
FILE_NAME = re.compile(r"[^,]+\.[A-Za-z]{2,5}")
LONGEST_LABEL = 200
WANT_LABEL = 50
WANT_REWRITES = 100

HEAD = """\
# A recipe of TextSynth. Sections stand in the order in which texts flow; one left out has good defaults.
#   textsynth validate {file}     every mistake, or what a run will ask for
#   textsynth preview {file}      a few prompts, answers and verdicts
#   textsynth run {file}          the data set; the same command again goes on where it stopped
#   textsynth steps                    every item that may stand here, with its options
version: 1
name: {name}
task: {task}
language: en
seed: 7                            # another seed, another data set
"""

MODELS = """\
models:
  generator: {local: {}}           # the small model of textsynth[local]; a larger one on a server writes far better:
  # generator: {http: {base_url: "http://localhost:8000/v1", model: Qwen/Qwen3-8B}}
"""

NO_SEEDS = """\
# Examples make the texts much better, and let more checks work. Write some rows into seeds.csv, then
# take the # away here and put `source: seeds` into the step below: labelled: {source: seeds}
# sources:
#   seeds: {rows: {path: seeds.csv, text: text, label: label}}
"""

CHECKS = """\
# filter:                          # left out: every check that suits the task; [] for none; a list for your own choice
#   - length: {min_words: 3, max_words: 40}
#   - exact_duplicate
#   - near_duplicate: {similarity: 0.7}
"""

END = """\
budget: {minutes: 30}              # also requests: 20k, tokens: 3M
export: {splits: {train: 0.9, validation: 0.1}}      # and license: cc-by-4.0, or whatever yours is
"""


@dataclass(frozen=True, slots=True)
class InitResult:
    """The files that were written, and one sentence that says how to go on."""

    files: tuple[Path, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class SeedFile:
    """A file of examples: its path as the recipe names it, the columns used, and the labels in their order."""

    path: str
    text: str
    label: str | None
    labels: tuple[str, ...] = ()
    multi_label: bool = False


def init_recipe(
    folder: Path, *, labels: str | None = None, seeds: Path | None = None, recipe: str | None = None
) -> InitResult:
    """Write `recipe.yaml` (and an empty `seeds.csv` when there are only labels) into `folder`.

    `labels` is `a,b,c`, or the path of a file: one `name` or `name: meaning` a line, or JSON (a list of names, or an
    object of meanings). `seeds` without a column of labels makes a recipe that paraphrases. `recipe` is the name of a
    bundled recipe to copy with its data, which stands alone; with nothing given it is the quickstart. Nothing is
    overwritten and nothing is written before everything was checked. Raises UsageError or SourceError.
    """
    if labels is None and seeds is None:
        files = _write(folder, recipe_files(recipe or QUICKSTART))
        return InitResult(
            files,
            f"next: textsynth run {shlex.quote(str(files[0]))}, or put your own labels and examples into it first",
        )
    if recipe is not None:
        raise UsageError(f"the recipe {recipe!r} has labels and examples of its own; leave --labels and --seeds out")
    known = read_labels(labels) if labels is not None else {}
    found = read_seeds(seeds, folder) if seeds is not None else None
    meanings = _joined(known, found)
    texts = {RECIPE_FILE: recipe_text(_name(folder), meanings, found)}
    if found is None:
        texts[SEEDS_FILE] = "text,label\n"
    files = _write(folder, texts)
    hint = "" if found is not None else f"; a few examples of each label in {files[1]} make the texts much better"
    return InitResult(files, f"next: textsynth validate {shlex.quote(str(files[0]))}{hint}")


def read_labels(labels: str) -> dict[str, str]:
    """Return label → meaning ("" where none is given), in the order given."""
    path = Path(labels)
    missing = missing_file(path, f"--labels {labels}") if FILE_NAME.fullmatch(labels) else None
    if missing is not None:
        raise SourceError(missing)
    if not (path.suffix.lower() in LABEL_FILES or os.sep in labels or ("," not in labels and path.is_file())):
        return _unique([(one.strip(), "") for one in labels.split(",") if one.strip()], "--labels")
    if path.suffix.lower() in TABLES:
        told = f"is a table ({path.suffix}); --seeds reads examples from one, and a file of labels has one"
        raise SourceError(f"--labels: the file {labels!r} {told} `name` or `name: meaning` a line, as in labels.txt")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as fault:
        told = "is not UTF-8" if isinstance(fault, UnicodeDecodeError) else f"cannot be read: {fault.strerror}"
        raise SourceError(f"--labels: the file {labels!r} {told}; give a text file, or names as a,b,c") from fault
    return _unique(_json_labels(text, labels) if path.suffix.lower() == ".json" else _lines(text), labels)


def read_seeds(path: Path, folder: Path) -> SeedFile:
    """Read the whole file once, so that the recipe is right about it; the path becomes relative to `folder`."""
    names = list(read_table(path, where=str(path), limit=1).names)
    label = _column(names, LABEL_COLUMNS)
    text = _column([name for name in names if name != label], TEXT_COLUMNS)
    if text is None:
        told = f"it has {', '.join(map(repr, names))}, and one must be called {', '.join(TEXT_COLUMNS[:3])}, …"
        raise SourceError(f"{path}: no column looks like the text: {told}")
    rows = Rows.model_validate({"path": path.resolve(), "text": text, "label": label})
    records = rows.read(Path(), name="seeds", seed=0)
    relative = os.path.relpath(path.resolve(), folder.resolve())
    named = tuple(dict.fromkeys(one for record in records for one in record.labels))
    return SeedFile(Path(relative).as_posix(), text, label, named, _several(records))


def recipe_text(name: str, meanings: Mapping[str, str], seeds: SeedFile | None) -> str:
    """Return the recipe: a classification where there are labels, else paraphrases of the seeds."""
    want = f"want: {{label: {WANT_LABEL}}}" if meanings else f"want: {WANT_REWRITES}"
    parts = (
        HEAD.format(file=RECIPE_FILE, name=yaml_scalar(name), task="classification" if meanings else "paraphrasing"),
        MODELS,
        _labels(meanings, multi_label=seeds is not None and seeds.multi_label) if meanings else "",
        NO_SEEDS if seeds is None else _sources(seeds),
        _generate(seeds, labelled=bool(meanings)),
        CHECKS,
        f"{want:<35}# texts kept after every check\n{END}",
    )
    return "\n".join(part for part in parts if part)


def yaml_scalar(text: str) -> str:
    """Return `text` as YAML on one line: plain where every reader takes it for text, else in double quotes."""
    if PLAIN.fullmatch(text) and text.lower() not in YAML_WORDS:
        return text
    return str(yaml.safe_dump(text, default_style='"', allow_unicode=True, width=2**31)).rstrip("\n")


def _labels(meanings: Mapping[str, str], *, multi_label: bool) -> str:
    lines = [f"  {yaml_scalar(label)}: {yaml_scalar(meaning or _told(label))}" for label, meaning in meanings.items()]
    head = "labels:                            # name: what it means; the clearer, the better the texts"
    more = ["many: true                         # a text may have several labels"] if multi_label else []
    return "\n".join([head, *lines, *more]) + "\n"


def _told(label: str) -> str:
    # `${NAME}` in a meaning would be read as a variable of the environment
    return " ".join(label.replace("_", " ").split()).replace("${", "{") or label


def _sources(seeds: SeedFile) -> str:
    columns = f"text: {yaml_scalar(seeds.text)}" + (
        f", label: {yaml_scalar(seeds.label)}" if seeds.label is not None else ""
    )
    return f"sources:\n  seeds: {{rows: {{path: {yaml_scalar(seeds.path)}, {columns}}}}}\n"


def _generate(seeds: SeedFile | None, *, labelled: bool) -> str:
    lines = ["generate:"]
    if labelled:
        begin = "source: seeds, " if seeds is not None and seeds.label is not None else ""
        lines.append(f'  - labelled: {{{begin}domain: ""}}     # say in one line what the texts are')
        lines.append(f"  # - labelled: {{{begin}attributes: {{tone: [plain, annoyed, in a hurry]}}}}")
    if seeds is not None:
        share = "source: seeds, share: 0.3" if labelled else "source: seeds"
        lines.append(f"  - paraphrase: {{{share}}}")
    return "\n".join(lines) + "\n"


def _joined(known: Mapping[str, str], seeds: SeedFile | None) -> dict[str, str]:
    if seeds is None:
        return dict(known)
    for label in seeds.labels:
        _check_name(label, seeds.path)
    if not known:
        return dict.fromkeys(seeds.labels, "")
    for label in seeds.labels:
        if label not in known:
            raise SourceError(f"{seeds.path}: the label {label!r} is not among --labels{did_you_mean(label, known)}")
    if seeds.label is None:
        raise SourceError(f"{seeds.path}: --labels were given but no column looks like a label, call it 'label'")
    return dict(known)


def _column(names: Sequence[str], wanted: Sequence[str]) -> str | None:
    folded = {name.strip().lower(): name for name in reversed(names)}
    return next((folded[name] for name in wanted if name in folded), None)


def _several(records: Sequence[Record]) -> bool:
    return any(len(record.labels) > 1 for record in records)


def _lines(text: str) -> list[tuple[str, str]]:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if lines and lines[0].rstrip() == "labels:" and all(line[0].isspace() for line in lines[1:]):
        del lines[0]  # the section of a recipe
    parted = (line.partition(":") for line in lines)
    return [(name.strip(), meaning.strip()) for name, _, meaning in parted]


def _json_labels(text: str, where: str) -> list[tuple[str, str]]:
    try:
        found = json.loads(text, object_pairs_hook=lambda pairs: pairs)
    except ValueError as fault:
        raise SourceError(f"{where}: no JSON: {fault}; a list of names or an object name: meaning") from fault
    pairs = [one if isinstance(one, tuple) else (one, "") for one in found] if isinstance(found, list) else []
    if not pairs or not all(isinstance(part, str) for pair in pairs for part in pair):
        raise SourceError(f"{where}: must be a list of names or an object name: meaning, found {text[:60]!r}")
    return pairs


def _unique(pairs: Sequence[tuple[str, str]], where: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, meaning in pairs:
        _check_name(name, where)
        if name in found:
            raise SourceError(f"{where}: the label {name!r} is there twice; name it once")
        found[name] = meaning
    if len(found) < 2:
        raise SourceError(f"{where}: a classification needs at least 2 labels, found {list(found)!r}")
    return found


def _check_name(name: str, where: str) -> None:
    if not name.strip() or name != name.strip() or not name.isprintable():
        raise SourceError(f"{where}: a label's name is one line without spaces at its ends, found {name[:60]!r}")
    if len(name) > LONGEST_LABEL or name == "<<":
        told = f"the label {name[:60]!r} has {len(name)} characters" if name != "<<" else "a label is named '<<'"
        raise SourceError(f"{where}: {told}, which a recipe cannot hold; a name has at most {LONGEST_LABEL}")


def _name(folder: Path) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", folder.resolve().name).strip("-")[:64] or "my-texts"


def _write(folder: Path, texts: Mapping[str, str]) -> tuple[Path, ...]:
    paths = tuple(folder / name for name in texts)
    for path in paths:
        if os.path.lexists(path):
            raise UsageError(f"{path}: is there already, and init overwrites nothing; move it, or name another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in zip(paths, texts.values(), strict=True):
            path.write_text(text, encoding="utf-8")
    except OSError as fault:
        raise UsageError(f"{folder}: cannot be written: {fault.strerror}; name a folder that can") from fault
    return paths
