"""The checks of a run in the order in which they ran: what went into each, what it dropped, and for which reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from textsynth.core.errors import UsageError
from textsynth.core.records import reason_category
from textsynth.core.registry import load_component, step_names
from textsynth.core.task import RecipeFacts, Task
from textsynth.store.manifest import DropCount, Manifest

PIPELINE_SECTIONS = ("parse", "filter", "label", "review")
# A check gets advice where it drops at least this share of what went in, and at least this many texts.
LARGE_SHARE = 0.1
MIN_LARGE_LOSS = 5
CUT_REASON = "cut at max_tokens"
REPEATS = "the model repeats itself: raise `sampling.temperature` or add `attributes` or seeds"
ADVICE: Mapping[str, str] = {
    "exact_duplicate": REPEATS,
    "near_duplicate": f"{REPEATS}; or raise `similarity` of near_duplicate",
    "semantic_duplicate": f"{REPEATS}; or raise `similarity` of semantic_duplicate",
    "length": "change `min_words`, `max_words`, `min_chars` or `max_chars` of length, or name a length in the prompt",
    "agreement": "describe the labels more clearly, or raise `top_k` of agreement",
    "copies_source": "show more and other seeds in the prompts, or raise `similarity` of copies_source",
    "judge": "describe criteria and labels more clearly, or lower `min_points` or `precision` of judge",
    "choice": "describe the labels more clearly, or lower `min_confidence` of choice",
}
"""The setting to change where a check drops many texts, by component."""


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many texts a check dropped for one reason. `key` is `section step: reason`, as examples are grouped by."""

    key: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One check of the pipeline: the texts that went in and those that it dropped or sent to review, by reason.

    `reasons` has the most frequent one first. `advice` names the setting to change where many texts were dropped.
    """

    section: str
    step: str
    entered: int
    reasons: Sequence[ReasonCount] = ()
    advice: str = ""

    @property
    def dropped(self) -> int:
        """The number of texts that were dropped or wait for review."""
        return sum(reason.count for reason in self.reasons)

    @property
    def left(self) -> int:
        """The number of texts that passed."""
        return self.entered - self.dropped

    @property
    def share(self) -> float:
        """The share of dropped texts among those that went in, 0 to 1."""
        return self.dropped / self.entered if self.entered else 0.0


@dataclass
class _Order:
    """The names of the steps by section, in order. `always_shown` are those that have a row without any drop."""

    names: dict[str, list[str]] = field(default_factory=dict)
    always_shown: set[tuple[str, str]] = field(default_factory=set)


def drop_key(section: str, step: str, reason: str) -> str:
    """Return `section step: reason`; the reason has no quoted part, so that equal ones are counted together."""
    return f"{section} {step}: {reason_category(reason)}"


def check_rows(manifest: Manifest, task: Task) -> list[CheckRow]:
    """Return one row for each check: parsing by generator, filters, labellers, selection; as the recipe orders them."""
    order = _recipe_order(manifest, task)
    for drop in manifest["drops"]:
        names = order.names.setdefault(drop["section"], []) if drop["section"] in PIPELINE_SECTIONS[:-1] else []
        if drop["step"] not in names:
            names.append(drop["step"])
    by_step: dict[tuple[str, str], list[DropCount]] = {}
    for drop in manifest["drops"]:
        by_step.setdefault(_check_of(drop, order), []).append(drop)
    steps = [(section, name) for section in PIPELINE_SECTIONS for name in order.names.get(section, ())]
    steps += [step for step in by_step if step not in steps]
    steps.sort(key=lambda step: PIPELINE_SECTIONS.index(step[0]))
    entered = manifest["counts"]["candidates"]
    rows = []
    for section, name in steps:
        drops = by_step.get((section, name), [])
        if not drops and (section, name) not in order.always_shown:
            continue
        row = CheckRow(section, name, entered, _reason_counts(drops))
        rows.append(replace(row, advice=_advice(row)))
        entered = row.left
    return [*rows, *_selection_row(manifest)]


def largest_loss(rows: Sequence[CheckRow]) -> CheckRow | None:
    """Return the check before the selection that dropped the most texts, None where nothing was dropped."""
    checks = [row for row in rows if row.section != "select" and row.dropped]
    return max(checks, key=lambda row: row.dropped, default=None)


def _selection_row(manifest: Manifest) -> Iterator[CheckRow]:
    counts = manifest["counts"]
    if counts["surplus"]:
        reason = ReasonCount("select", "accepted, but not needed for the quota", counts["surplus"])
        yield CheckRow("select", "selection", counts["accepted"], [reason])


def _check_of(drop: DropCount, order: _Order) -> tuple[str, str]:
    """Return the check that a drop belongs to: a text in review left the pipeline at the step that sent it there."""
    section, step = drop["section"], drop["step"]
    if section == "review":
        section = next((name for name in ("filter", "label") if step in order.names.get(name, ())), section)
    return (section if section in PIPELINE_SECTIONS else "review"), step


def _reason_counts(drops: Sequence[DropCount]) -> list[ReasonCount]:
    counts: Counter[tuple[str, str]] = Counter()
    for drop in drops:
        reason = reason_category(drop["reason"])
        text = f"in review: {reason}" if drop["section"] == "review" else reason
        counts[(drop_key(drop["section"], drop["step"], drop["reason"]), text)] += drop["count"]
    return [ReasonCount(key, text, count) for (key, text), count in counts.most_common()]


def _advice(row: CheckRow) -> str:
    """Return the setting to change where a check dropped a large share of the texts, else ""."""
    if row.share < LARGE_SHARE or row.dropped < MIN_LARGE_LOSS:
        return ""
    if row.section == "parse":
        return _parse_advice(row)
    component = row.step.rpartition("-")[0] if row.step[-1:].isdigit() and "-" in row.step else row.step
    advice = ADVICE.get(component)
    if advice is not None:
        return advice
    options = _numeric_options(row.section, component)
    return f"change {' or '.join(f'`{name}`' for name in options)} of {row.step}" if options else ""


def _parse_advice(row: CheckRow) -> str:
    most_frequent = row.reasons[0]
    if most_frequent.reason.startswith(CUT_REASON):
        limit = most_frequent.reason.removeprefix(CUT_REASON).strip()
        above = f" above {limit}" if limit else ""
        return f"raise `sampling.max_tokens` of {row.step}{above}, or ask for fewer or shorter texts in one answer"
    return f"the answers of {row.step} do not have the form that its prompt asks for: change the prompt or its `answer`"


def _numeric_options(section: str, component: str) -> list[str]:
    """Return the names of a bundled component's options that are numbers."""
    try:
        options = load_component(section, component)
    except UsageError:
        return []
    numeric = (int, float, int | None, float | None)
    return [name for name, option in options.model_fields.items() if option.annotation in numeric]


def _recipe_order(manifest: Manifest, task: Task) -> _Order:
    """Return the order of the recipe's steps, from its text and the `--set` options that replace a whole section.

    A recipe without `filter` has the default filters of its task.
    """
    sections = _read_sections(manifest)
    order = _Order()
    for section, recipe_section in (("parse", "generate"), ("filter", "filter"), ("label", "label")):
        steps = sections.get(recipe_section)
        if isinstance(steps, list):
            order.names[section] = _step_names(steps)
            if section != "parse":
                order.always_shown |= {(section, name) for name in order.names[section]}
    if "filter" not in order.names:
        full = RecipeFacts(("seeds", "test"), 2, seeds="seeds", seeds_labelled=True)
        order.names["filter"] = _step_names(task.default_filters(full))
        order.always_shown |= {("filter", name) for name in _step_names(task.default_filters(RecipeFacts()))}
    return order


def _read_sections(manifest: Manifest) -> dict[str, object]:
    import yaml

    texts = [manifest["recipe"]["text"]]
    for option in manifest["recipe"]["sets"]:
        key, _, value = option.partition("=")
        if key in {"generate", "filter", "label"}:
            texts.append(f"{key}: {value}")
    sections: dict[str, object] = {}
    for text in texts:
        try:
            content = yaml.load(text, Loader=yaml.BaseLoader)
        except (yaml.YAMLError, RecursionError, ValueError):
            continue
        if isinstance(content, dict):
            sections |= content
    return sections


def _step_names(steps: Sequence[object]) -> list[str]:
    """Return the names of steps as a recipe lists them."""
    components = (next(iter(step), "") if isinstance(step, Mapping) else step for step in steps)
    return step_names(component for component in components if isinstance(component, str) and component)
