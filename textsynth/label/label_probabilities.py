"""Probabilities of labels: what a model holds of each label for a text, from the first token of its answer.

The labels are options with one-token codes (A, B, …), and the model's log-probabilities of the codes are read instead
of an answer. A model likes some letters and some places better than others whatever stands there, so each text is asked
about several times, with the options moved round by the same step each time, and the probabilities are averaged: with
as many turns as labels every label has stood under every letter. After Zheng et al. 2023 (arXiv 2309.03882), whose
cyclic permutation this is. The orders are the same for all texts, so that an engine reads each list of labels once.

Does not correct: that a model is surer of itself than it is right. Confidence has to be calibrated on labelled texts.
"""

from __future__ import annotations

import math
import random
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from textsynth.core.paths import cache_folder
from textsynth.core.records import Completion, GenerationRequest, ModelRequest, Sampling
from textsynth.models import ModelOptions, ModelRuntime
from textsynth.text.languages import language_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from textsynth.prompts import Prompt

CODES = string.ascii_uppercase
"""One token each in every tokenizer; there are 26."""
SAMPLING = Sampling(temperature=1.0, top_p=1.0, top_k=0, repetition_penalty=1.0, max_tokens=1)
"""Changes no probability, so that a server which tells them after sampling tells the same."""


@dataclass(frozen=True, slots=True)
class LabelScores:
    """What a model holds of each label shown, for one text.

    `probabilities` are in 0..1 and sum to 1 over the labels shown, in their order; those in `bounds` are upper bounds,
    as the server did not tell the label's own. `mass` in 0..1 is how much of the model's first token went to the
    options at all, the mean over the turns; `turns` is how many turns were answered. `exact` says that every
    log-probability was the model's own.
    """

    probabilities: Mapping[str, float]
    bounds: frozenset[str]
    mass: float
    permutations: int
    exact: bool

    @property
    def best(self) -> str:
        """The likeliest label; of equal ones the first shown."""
        return max(self.probabilities, key=lambda label: self.probabilities[label])


@dataclass(frozen=True, slots=True)
class LabelLogprobs:
    """Log-probabilities of k labels for n texts.

    `logprobs` (n, k) float64, natural logarithm: each row's exponentials sum to 1 over the labels shown for that text,
    and a label that was not shown has -inf. `bounds` (n, k) bool marks values that are upper bounds. `mass` (n,)
    float64 in 0..1 and `exact` (n,) bool are as in LabelScores. A text whose requests all failed has a row of nan and
    its reason in `failures`, by its place.
    """

    labels: tuple[str, ...]
    logprobs: NDArray[np.float64]
    bounds: NDArray[np.bool_]
    mass: NDArray[np.float64]
    exact: NDArray[np.bool_]
    failures: Mapping[int, str]


def cyclic_permutations(labels: Sequence[str], turns: int, seed: str) -> list[tuple[str, ...]]:
    """Return at most `turns` orders of the labels: one shuffle by the seed, moved round in even steps.

    No more than there are labels: then each has had every place. Raises ValueError for no labels, and for more than
    there are codes.
    """
    if not labels:
        raise ValueError("there are no labels to choose from")
    if len(labels) > len(CODES):
        raise ValueError(f"{len(labels)} labels have no letters each: there are {len(CODES)}; show a shortlist")
    order = list(labels)
    random.Random(seed).shuffle(order)
    turns = min(turns, len(order))
    starts = [turn * len(order) // turns for turn in range(turns)]
    return [tuple(order[start:] + order[:start]) for start in starts]


def combine_permutations(orders: Sequence[Sequence[str]], completions: Sequence[Completion]) -> LabelScores | str:
    """Return what the answers to one text's turns say of its labels, or why none of them says anything.

    `orders` are those of the turns. A code without a log-probability counts with its bound; a failed turn is left out.
    """
    shares: dict[str, float] = dict.fromkeys(orders[0], 0.0)
    bounds: set[str] = set()
    mass = 0.0
    scored = [(order, one.scores) for order, one in zip(orders, completions, strict=True) if one.scores is not None]
    if not scored:
        return next((one.failure for one in completions if one.failure), "the model gives no log-probabilities")
    for order, scores in scored:
        found = {
            label: scores.logprobs.get(code, scores.upper_bound) for code, label in zip(CODES, order, strict=False)
        }
        highest = max((value for value in found.values() if value is not None), default=0.0)
        # relative to the highest, as the exponentials of small log-probabilities are all 0
        weights = {label: 0.0 if value is None else math.exp(value - highest) for label, value in found.items()}
        whole = sum(weights.values()) or 1.0
        for label, weight in weights.items():
            shares[label] += weight / whole / len(scored)
        bounds.update(label for code, label in zip(CODES, order, strict=False) if code not in scores.logprobs)
        mass += min(1.0, sum(math.exp(value) for value in scores.logprobs.values())) / len(scored)
    exact = all(scores.exact for _, scores in scored)
    return LabelScores(shares, frozenset(bounds), mass, len(scored), exact)


class LabelPermutations:
    """Asks about texts with a prompt that has `labels`, `text` and `examples`; see `choice_letters`.

    `labels` maps names to meanings; `turns` is how often each text is asked about; `values` go into the prompt too.
    """

    def __init__(
        self,
        prompt: Prompt,
        labels: Mapping[str, str],
        *,
        turns: int,
        seed: str,
        values: Mapping[str, object],
        examples: Mapping[str, str],
    ) -> None:
        self._prompt = prompt
        self._labels = labels
        self._turns = turns
        self._seed = seed
        self._values = values
        self._examples = examples

    def orders(self, shown: Sequence[str]) -> list[tuple[str, ...]]:
        """Return the orders in which a text's labels are shown; the same ones for the same labels."""
        return cyclic_permutations(shown, self._turns, self._seed)

    def asks(
        self, text: str, shown: Sequence[str], *, item: str, model: str, parents: tuple[str, ...]
    ) -> list[GenerationRequest]:
        """Return an ask a turn about one text, with the labels `shown`."""
        return [self._ask(text, order, item, model, parents) for order in self.orders(shown)]

    def _ask(
        self, text: str, order: Sequence[str], item: str, model: str, parents: tuple[str, ...]
    ) -> GenerationRequest:
        letters = dict(zip(order, CODES, strict=False))
        named = [{"letter": letters[name], "name": name, "description": self._labels[name]} for name in order]
        examples = [
            {"text": self._examples[name], "letter": letters[name]} for name in order if name in self._examples
        ]  # fmt: skip
        values = {**self._values, "text": text, "labels": named, "examples": examples}
        return GenerationRequest(
            step=item,
            model=model,
            prompt=self._prompt.render(values),
            sampling=SAMPLING,
            parent_ids=parents,
            options=tuple(CODES[: len(order)]),
        )


def label_logprobs(
    texts: Sequence[str],
    labels: Mapping[str, str],
    model: ModelOptions,
    *,
    permutations: int = 4,
    seed: int = 0,
    language: str = "en",
    domain: str = "",
    examples: Mapping[str, str] | None = None,
    shortlist: Callable[[Sequence[str]], Sequence[Sequence[str]]] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> LabelLogprobs:
    """Return the log-probability of each of k labels for each of n texts, by asking a model `n * turns` times.

    `labels` maps names to meanings ("" where the name says it), `examples` a label to a text of it; `about` is one line
    about what the texts are. Where labels are more than 26, `shortlist` returns those to show for each text. Servers
    without `logprob_token_ids` tell 20 tokens at most: show no more, or take bounds for the rest.

    Raises ValueError for too many labels or none, ModelError when no request can succeed. Nothing is kept in a journal.
    """
    from textsynth.prompts import find_prompt

    turns_of = LabelPermutations(
        find_prompt("choice_letters", model.prompt_mode, Path()),
        labels,
        turns=permutations,
        seed=str(seed),
        values={"domain": domain, "language": language_name(language)},
        examples=examples or {},
    )
    shown = [list(labels)] * len(texts) if shortlist is None else [list(some) for some in shortlist(texts)]
    asks = [turns_of.asks(text, some, item="", model="", parents=()) for text, some in zip(texts, shown, strict=True)]
    answers = iter(_answered(model, [ask for some in asks for ask in some], say))
    found = [
        combine_permutations(turns_of.orders(some), list(islice(answers, len(mine))))
        for some, mine in zip(shown, asks, strict=True)
    ]
    return _arrays(tuple(labels), found)


def _answered(options: ModelOptions, asks: Sequence[GenerationRequest], say: Callable[[str], None]) -> list[Completion]:
    import asyncio

    requests = [
        ModelRequest(f"{place}", ask.prompt, ask.sampling, None, ask.options)
        for place, ask in enumerate(asks)
        if ask.prompt is not None
    ]
    found: dict[str, Completion] = {}

    async def arrived(request: ModelRequest, completion: Completion) -> None:
        found[request.key] = completion

    async def go() -> None:
        model = options.open(ModelRuntime(Path(), cache_folder(), say))
        try:
            await model.complete(requests, arrived)
        finally:
            await model.close()

    asyncio.run(go())
    return [found[request.key] for request in requests]


def _arrays(labels: tuple[str, ...], found: Sequence[LabelScores | str]) -> LabelLogprobs:
    import numpy as np

    logprobs = np.full((len(found), len(labels)), np.nan)
    bounds = np.zeros((len(found), len(labels)), dtype=np.bool_)
    mass, exact = np.full(len(found), np.nan), np.zeros(len(found), dtype=np.bool_)
    failures: dict[int, str] = {}
    for row, scores in enumerate(found):
        if isinstance(scores, str):
            failures[row] = scores
            continue
        chances = np.array([scores.probabilities.get(label, 0.0) for label in labels])
        with np.errstate(divide="ignore"):
            logprobs[row] = np.log(chances)
        bounds[row] = [label in scores.bounds for label in labels]
        mass[row], exact[row] = scores.mass, scores.exact
    return LabelLogprobs(labels, logprobs, bounds, mass, exact, failures)
