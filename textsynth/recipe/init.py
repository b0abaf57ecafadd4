"""Writes a first recipe from label names, a file of examples, or both; commented, and ready to run."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from textsynth.core.errors import SourceError, UsageError, did_you_mean, write_error_reason
from textsynth.core.paths import RECIPE_FILE, path_fault, recipe_files
from textsynth.core.registry import load_component
from textsynth.core.task import Task
from textsynth.recipe.sections import DEFAULT_TASK
from textsynth.sources.files import missing_file, read_table
from textsynth.sources.rows import Rows
from textsynth.text.labels import label_name_fault, one_form

SEEDS_FILE = "seeds.csv"
QUICKSTART = "quickstart"
PARAPHRASE_TASK = "paraphrasing"
PLACEHOLDER_LABELS = {"label_a": "what this label means", "label_b": "what the other label means"}
LABEL_FILE_SUFFIXES = (".txt", ".json")
TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet", ".gz", ".xlsx")
TEXT_COLUMNS = ("text", "utterance", "sentence", "query", "question", "message", "content", "document", "input")
LABEL_COLUMNS = ("label", "intent", "category", "class", "topic", "target", "sentiment")
PLAIN_SCALAR = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(?: [A-Za-z0-9_-]+)*")
YAML_KEYWORDS = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null"})
FILE_NAME = re.compile(r"[^,]+\.[A-Za-z]{2,5}")
MAX_LABEL_LENGTH = 200
QUOTED_LENGTH = 60
WANT_PER_LABEL = 50
WANT_PARAPHRASES = 100

HEAD = """\
# A recipe of TextSynth. A section that is left out gets the defaults of the task.
#   textsynth validate {file}     shows every issue, or what a run will request
#   textsynth preview {file}      shows a few prompts, answers and verdicts
#   textsynth run {file}          makes the data set; the same command continues a run that stopped
#   textsynth steps                    lists every component with its options
version: 1
name: {name}
task: {task}
language: en
seed: 7                            # another seed gives another data set
"""

MODELS = """\
models:
  generator: {local: {}}           # the small model of textsynth[local]; a larger one on a server writes far better:
  # generator: {http: {base_url: "http://localhost:8000/v1", model: Qwen/Qwen3-8B}}
"""

NO_SEEDS = """\
# Examples make the texts much better, and more filters can work. Write some rows into seeds.csv, remove the # below,
# and write the generator as {{generator}}: {source: seeds}
# sources:
#   seeds: {rows: {path: seeds.csv, {{columns}}label: label}}
"""

FILTERS = """\
# filter:                          # default: every filter that suits the task; [] for none; or a list of your own
#   - length: {min_words: 3, max_words: 40}
#   - exact_duplicate
#   - near_duplicate: {similarity: 0.7}
"""

END = """\
budget: {minutes: 30}              # also requests: 20k, tokens: 3M
export: {splits: {train: 0.9, validation: 0.1}}      # also a license, such as license: cc-by-4.0
"""


@dataclass(frozen=True, slots=True)
class InitResult:
    """The files that were written, and one sentence with the next command."""

    files: tuple[Path, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class SeedFile:
    """A file of examples: its path as the recipe writes it, the columns used, and the labels in their order.

    `fields` are the columns of further texts by the field that each fills.
    """

    path: str
    text: str
    label: str | None
    labels: tuple[str, ...] = ()
    multi_label: bool = False
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NamedTask:
    """A task with its name in the recipe."""

    name: str
    task: Task

    @property
    def columns(self) -> list[str]:
        """The columns with texts that rows of a source have by default."""
        return [self.task.source_text_column, *self.task.source_fields.values()]


def init_recipe(
    folder: Path,
    *,
    labels: str | None = None,
    seeds: Path | None = None,
    recipe: str | None = None,
    task: str | None = None,
) -> InitResult:
    """Write `recipe.yaml` into `folder`, and an empty `seeds.csv` where only labels are given.

    `labels` is `a,b,c`, or the path of a file: one `name` or `name: description` per line, or JSON (a list of names, or
    an object that maps names to descriptions). `seeds` without a column of labels gives a recipe that paraphrases.
    `task` is the name of a task; with it alone, the recipe of a task with labels has placeholders for them. `recipe` is
    the name of a bundled recipe to copy with its data; nothing else can be given with it. Without any of the four it is
    the quickstart. No file is overwritten, and nothing is written before everything was checked. Raises UsageError or
    SourceError.
    """
    if labels is None and seeds is None and task is None:
        files = _write_files(folder, recipe_files(recipe or QUICKSTART))
        return InitResult(
            files,
            f"next: textsynth run {shlex.quote(str(files[0]))}, or put your own labels and examples into it first",
        )
    if recipe is not None:
        raise UsageError(
            f"the recipe {recipe!r} has labels and examples of its own; leave --labels, --seeds and --task out"
        )
    named_task = None if task is None else _load_task(task, folder)
    if named_task is not None and seeds is None and not named_task.task.needs_labels:
        raise UsageError(f"--task {task}: its texts are written from given ones; give their file with --seeds")
    given_labels = read_labels(labels) if labels is not None else {} if seeds is not None else PLACEHOLDER_LABELS
    seed_file = read_seeds(seeds, folder, named_task) if seeds is not None else None
    descriptions = _merge_labels(given_labels, seed_file)
    texts = {RECIPE_FILE: recipe_text(_recipe_name(folder), descriptions, seed_file, named_task)}
    if seed_file is None:
        texts[SEEDS_FILE] = ",".join([*(named_task.columns if named_task else ["text"]), "label"]) + "\n"
    files = _write_files(folder, texts)
    hint = "" if seed_file is not None else f"; a few examples of each label in {files[1]} make the texts much better"
    return InitResult(files, f"next: textsynth validate {shlex.quote(str(files[0]))}{hint}")


def _load_task(name: str, folder: Path) -> NamedTask:
    task = load_component("task", name, folder)()
    if not isinstance(task, Task):
        raise UsageError(f"--task {name}: its class is no ts.Task")
    return NamedTask(name, task)


# ---- labels and seeds


def read_labels(labels: str) -> dict[str, str]:
    """Return label → description ("" where none is given), in the order given. Raises SourceError."""
    path = Path(labels)
    missing = missing_file(path, f"--labels {labels}") if FILE_NAME.fullmatch(labels) else None
    if missing is not None:
        raise SourceError(missing)
    suffix = path.suffix.lower()
    if not (
        suffix in LABEL_FILE_SUFFIXES
        or os.sep in labels
        or ("," not in labels and path_fault(labels) is None and path.is_file())
    ):
        return _check_labels([(name.strip(), "") for name in labels.split(",") if name.strip()], "--labels")
    if suffix in TABLE_SUFFIXES:
        raise SourceError(
            f"--labels: the file {labels!r} is a table ({path.suffix}); --seeds reads examples from one, and a file of "
            "labels has one `name` or `name: description` per line, as in labels.txt"
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = "is not UTF-8" if isinstance(error, UnicodeDecodeError) else f"cannot be read: {error.strerror}"
        raise SourceError(f"--labels: the file {labels!r} {reason}; give a text file, or names as a,b,c") from error
    return _check_labels(_parse_json_labels(text, labels) if suffix == ".json" else _parse_label_lines(text), labels)


def read_seeds(path: Path, folder: Path, task: NamedTask | None = None) -> SeedFile:
    """Read the whole file of examples once; the path in the result is relative to `folder`. Raises SourceError."""
    names = list(read_table(path, where=str(path), limit=1).names)
    label = _find_column(names, LABEL_COLUMNS)
    others = [name for name in names if name != label]
    fields: dict[str, str] = {}
    if task is not None and task.task.source_fields:
        text, *further = _columns_of_texts(path, others, task)
        fields = dict(zip(task.task.source_fields, further, strict=True))
    else:
        found = _find_column(others, (task.task.source_text_column, *TEXT_COLUMNS) if task else TEXT_COLUMNS)
        text = _check_text_column(found, names, path)
    rows = Rows.model_validate({"path": path.resolve(), "text": text, "label": label, "fields": fields})
    records = rows.read(Path(), name="seeds", seed=0)
    relative = os.path.relpath(path.resolve(), folder.resolve())
    labels = tuple(dict.fromkeys(label for record in records for label in record.labels))
    multi_label = any(len(record.labels) > 1 for record in records)
    return SeedFile(Path(relative).as_posix(), text, label, labels, multi_label, fields)


def _columns_of_texts(path: Path, names: Sequence[str], task: NamedTask) -> list[str]:
    """Return the columns with the texts: those that the task expects, else all, where there are as many."""
    columns = task.columns
    if set(columns) <= set(names):
        return columns
    if len(names) == len(columns):
        return list(names)
    raise SourceError(
        f"{path}: the task {task.name} reads the texts of a row from the columns {', '.join(columns)}, but the file "
        f"has {', '.join(map(repr, names))}; rename its columns"
    )


def _check_text_column(text: str | None, names: Sequence[str], path: Path) -> str:
    if text is None:
        raise SourceError(
            f"{path}: no column looks like the text: it has {', '.join(map(repr, names))}, and one must be called "
            f"{', '.join(TEXT_COLUMNS[:3])}, …"
        )
    return text


def _merge_labels(given_labels: Mapping[str, str], seeds: SeedFile | None) -> dict[str, str]:
    """Return the labels of the recipe: those given, which must include those of the seeds, else those of the seeds."""
    if seeds is None:
        return dict(given_labels)
    for label in seeds.labels:
        _check_label_name(label, seeds.path)
    if not given_labels:
        return dict.fromkeys(seeds.labels, "")
    for label in seeds.labels:
        if label not in given_labels:
            hint = did_you_mean(label, given_labels)
            raise SourceError(f"{seeds.path}: the label {label!r} is not among --labels{hint}")
    if seeds.label is None:
        raise SourceError(f"{seeds.path}: --labels were given but no column looks like a label, call it 'label'")
    return dict(given_labels)


def _find_column(names: Sequence[str], candidates: Sequence[str]) -> str | None:
    by_lowercase = {name.strip().lower(): name for name in reversed(names)}
    return next((by_lowercase[name] for name in candidates if name in by_lowercase), None)


def _parse_label_lines(text: str) -> list[tuple[str, str]]:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if lines and lines[0].rstrip() == "labels:" and all(line[0].isspace() for line in lines[1:]):
        del lines[0]  # the section of a recipe
    parts = (line.partition(":") for line in lines)
    return [(name.strip(), description.strip()) for name, _, description in parts]


def _parse_json_labels(text: str, where: str) -> list[tuple[str, str]]:
    try:
        content = json.loads(text, object_pairs_hook=lambda pairs: pairs)
    except ValueError as error:
        raise SourceError(f"{where}: no JSON: {error}; a list of names or an object name: description") from error
    entries = content if isinstance(content, list) else []
    pairs = [entry if isinstance(entry, tuple) else (entry, "") for entry in entries]
    if not pairs or not all(isinstance(part, str) for pair in pairs for part in pair):
        beginning = text[:QUOTED_LENGTH]
        raise SourceError(f"{where}: must be a list of names or an object name: description, found {beginning!r}")
    return pairs


def _check_labels(pairs: Sequence[tuple[str, str]], where: str) -> dict[str, str]:
    labels: dict[str, str] = {}
    for written, description in pairs:
        name = one_form(written)
        _check_label_name(name, where)
        if name in labels:
            raise SourceError(f"{where}: the label {name!r} is given twice; give it once")
        labels[name] = description
    if len(labels) < 2:
        raise SourceError(f"{where}: a classification needs at least 2 labels, found {list(labels)!r}")
    return labels


def _check_label_name(name: str, where: str) -> None:
    quoted = repr(name[:QUOTED_LENGTH])
    fault = label_name_fault(name)
    if fault is not None:
        raise SourceError(f"{where}: {fault}")
    if name == "<<":
        raise SourceError(f"{where}: the label '<<' cannot be written in YAML; give it another name")
    if len(name) > MAX_LABEL_LENGTH:
        raise SourceError(
            f"{where}: the label {quoted} has {len(name)} characters; a label's name has at most {MAX_LABEL_LENGTH}"
        )


# ---- the recipe's text


def recipe_text(
    name: str, descriptions: Mapping[str, str], seeds: SeedFile | None, task: NamedTask | None = None
) -> str:
    """Return the recipe of a task; without one, a classification where there are labels, else paraphrases."""
    want = f"want: {{label: {WANT_PER_LABEL}}}" if descriptions else f"want: {WANT_PARAPHRASES}"
    default_task = DEFAULT_TASK if descriptions else PARAPHRASE_TASK
    if task is not None and task.name == default_task:
        task = None
    parts = (
        HEAD.format(file=RECIPE_FILE, name=yaml_scalar(name), task=task.name if task else default_task),
        MODELS,
        _labels_text(descriptions, multi_label=seeds is not None and seeds.multi_label) if descriptions else "",
        _no_seeds_text(task) if seeds is None else _sources_text(seeds),
        _generate_text_of(task, seeds) if task else _generate_text(seeds, with_labels=bool(descriptions)),
        FILTERS,
        f"{want:<35}# texts to select after every filter\n{END}",
    )
    return "\n".join(part for part in parts if part)


def yaml_scalar(text: str) -> str:
    """Return `text` as YAML on one line: plain where every YAML reader takes it for text, else in double quotes."""
    if PLAIN_SCALAR.fullmatch(text) and text.lower() not in YAML_KEYWORDS:
        return text
    return str(yaml.safe_dump(text, default_style='"', allow_unicode=True, width=2**31)).rstrip("\n")


def _labels_text(descriptions: Mapping[str, str], *, multi_label: bool) -> str:
    lines = ["labels:                            # name: description; the clearer, the better the texts"]
    for label, description in descriptions.items():
        lines.append(f"  {yaml_scalar(label)}: {yaml_scalar(description or _default_description(label))}")
    if multi_label:
        lines.append("multi_label: true                  # a text may have several labels")
    return "\n".join(lines) + "\n"


def _default_description(label: str) -> str:
    # `${NAME}` in a description would be substituted by an environment variable
    return " ".join(label.replace("_", " ").split()).replace("${", "{") or label


def _no_seeds_text(task: NamedTask | None) -> str:
    generator, columns = (task.task.generator, "") if task else ("labelled", "text: text, ")
    return NO_SEEDS.replace("{{generator}}", generator).replace("{{columns}}", columns)


def _sources_text(seeds: SeedFile) -> str:
    columns = f"text: {yaml_scalar(seeds.text)}"
    if seeds.fields:
        fields = ", ".join(f"{name}: {yaml_scalar(column)}" for name, column in seeds.fields.items())
        columns += f", fields: {{{fields}}}"
    if seeds.label is not None:
        columns += f", label: {yaml_scalar(seeds.label)}"
    return f"sources:\n  seeds: {{rows: {{path: {yaml_scalar(seeds.path)}, {columns}}}}}\n"


def _generate_text_of(task: NamedTask, seeds: SeedFile | None) -> str:
    """Return the generator of a task with those of its options that a first recipe should show."""
    generator = load_component("generate", task.task.generator)
    options = {"source": "seeds"} if seeds is not None and "source" in generator.model_fields else {}
    if "domain" in generator.model_fields:
        options["domain"] = '""'
    text = ", ".join(f"{name}: {value}" for name, value in options.items())
    note = "     # say in one line what the texts are" if "domain" in options else ""
    return f"generate:\n  - {task.task.generator}: {{{text}}}{note}\n"


def _generate_text(seeds: SeedFile | None, *, with_labels: bool) -> str:
    lines = ["generate:"]
    if with_labels:
        source = "source: seeds, " if seeds is not None and seeds.label is not None else ""
        lines.append(f'  - labelled: {{{source}domain: ""}}     # say in one line what the texts are')
        lines.append(f"  # - labelled: {{{source}attributes: {{tone: [plain, annoyed, in a hurry]}}}}")
    if seeds is not None:
        options = "source: seeds, share: 0.3" if with_labels else "source: seeds"
        lines.append(f"  - paraphrase: {{{options}}}")
    return "\n".join(lines) + "\n"


def _recipe_name(folder: Path) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", folder.resolve().name).strip("-")[:64] or "my-texts"


def _write_files(folder: Path, texts: Mapping[str, str]) -> tuple[Path, ...]:
    paths = tuple(folder / name for name in texts)
    for path in paths:
        if os.path.lexists(path):
            raise UsageError(
                f"{path}: this file exists already, and init overwrites nothing; move it, or name another folder"
            )
    if os.path.lexists(folder) and not folder.exists():
        raise UsageError(f"{folder}: is a symbolic link that leads nowhere, and init writes into a folder; name one")
    if folder.is_file():
        raise UsageError(
            f"{folder}: is a file, and init writes into a folder; name one, and for a file of examples write "
            f"`textsynth init FOLDER --seeds {folder}`"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written: {write_error_reason(error)}") from error
    try:
        for path, text in zip(paths, texts.values(), strict=True):
            with path.open("x", encoding="utf-8") as file:  # never a file that appeared since, nor through a link
                file.write(text)
    except FileExistsError as error:
        raise UsageError(f"{error.filename}: exists already, and is not overwritten; name another folder") from error
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written: {write_error_reason(error)}") from error
    return paths
