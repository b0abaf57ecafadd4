"""What a section that is left out stands for. Everything here is what a recipe would write out itself.

The defaults are safe checks, not all checks: each can be seen with `textsynth steps`, and `filter: []` switches them
off. `{SEEDS}` below is the source that the generators write from.
"""

from __future__ import annotations

from dataclasses import dataclass

Written = str | dict[str, dict[str, str]]

SEEDS = "seeds"
TEST = "test"
MODELS: dict[str, Written] = {"generator": {"local": {}}}
TEXTS_PER_LABEL = 100
TEXTS_IN_ALL = 100
POOL_WITH_DIVERSE = 1.3
BASIC_FILTERS: tuple[Written, ...] = ("length", "refusal", "personal_data", "language")


@dataclass(frozen=True, slots=True)
class RecipeFacts:
    """What the defaults depend on; `seeds` is the source that the generators write from, if any.

    Nothing is written from the sources in `gold`, on which labellers are tried.
    """

    task: str
    sources: tuple[str, ...] = ()
    labels: int = 0
    seeds: str | None = None
    seeds_labelled: bool = False
    only_existing: bool = False
    gold: tuple[str, ...] = ()


def default_generate(facts: RecipeFacts) -> list[Written]:
    """Return the generators: labelled examples, paraphrases or summaries, from the source `seeds` or the only one."""
    source = _source(facts)
    name = {"classification": "labelled", "paraphrase": "paraphrase", "summarization": "summary"}[facts.task]
    return [{name: {"source": source}} if source is not None else name]


def default_filters(facts: RecipeFacts) -> list[Written]:
    """Return every safe check for the task and for what the recipe has, cheap ones first."""
    chosen: list[Written] = [*BASIC_FILTERS, "exact_duplicate"]
    if facts.task == "summarization":
        return [*chosen, "faithfulness"]
    chosen.append("near_duplicate")
    if facts.task == "paraphrase":
        return [*chosen, "same_meaning"]
    if facts.seeds is not None:
        chosen.append({"copies_source": {"source": facts.seeds}})
    if TEST in facts.sources:
        chosen.append({"leak": {"source": TEST}})
    chosen.append("semantic_duplicate")
    if facts.seeds is not None and facts.seeds_labelled and facts.labels > 1:
        chosen.append({"agreement": {"source": facts.seeds}})
    return chosen


def default_select(facts: RecipeFacts, *, by_label: bool) -> list[Written]:
    """Return `diverse` where there is a quota by label to pick down to, else nothing."""
    return ["diverse"] if facts.task == "classification" and by_label and not facts.only_existing else []


def default_want(facts: RecipeFacts) -> dict[str, int]:
    """Return the quota: so many for each label, else in all; nothing (every text there is) for given rows only."""
    if facts.only_existing:
        return {}
    return {"label": TEXTS_PER_LABEL} if facts.task == "classification" and facts.labels else {"total": TEXTS_IN_ALL}


def _source(facts: RecipeFacts) -> str | None:
    sources = [name for name in facts.sources if name not in facts.gold]
    if SEEDS in sources:
        return SEEDS
    others = [name for name in sources if name != TEST]
    return others[0] if len(others) == 1 else None
