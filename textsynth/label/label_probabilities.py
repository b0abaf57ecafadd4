"""Label probabilities: how probable a model holds each label to be for a text, from the first token of its answer.

The prompt lists the labels under letters (A, B, …), and the model's log-probabilities of these letters are read instead
of an answer. Models prefer some letters and some positions whatever label is there. So each text is sent several times,
with the labels rotated by an equal number of positions each time, and the probabilities are averaged: with as many
rotations as labels, every label has had every letter. These are the cyclic permutations of Zheng et al. 2023 (arXiv
2309.03882). The orders are the same for all texts, so that an engine can reuse its cache of each list of labels.

Does not correct: overconfidence of the model. Calibrate the probabilities on labelled texts.
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
from textsynth.core.records import Completion, GenerationRequest, ModelRequest, OptionScores, Sampling
from textsynth.models import ModelOptions, ModelRuntime
from textsynth.text.languages import language_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from textsynth.prompts import Prompt

LETTERS = string.ascii_uppercase
"""The letters of the labels. Each of the 26 is one token in every tokenizer."""
SAMPLING = Sampling(temperature=1.0, top_p=1.0, top_k=0, repetition_penalty=1.0, max_tokens=1)
"""Sampling that changes no probability: also servers that return probabilities after sampling return the model's."""


@dataclass(frozen=True, slots=True)
class LabelProbabilities:
    """The probabilities of the listed labels for one text.

    `probabilities` are 0 to 1, sum to 1, and are in the order of the first permutation. `bounds` are the labels whose
    probability is an upper bound, because the server did not return the letter's own. `mass` (0 to 1) is the
    probability of all letters together, the mean over the permutations. `permutations` is how many were answered.
    `exact`: all log-probabilities are the model's own, before any sampling setting.
    """

    probabilities: Mapping[str, float]
    bounds: frozenset[str]
    mass: float
    permutations: int
    exact: bool

    @property
    def best(self) -> str:
        """The most probable label; of equally probable ones the first."""
        return max(self.probabilities, key=lambda label: self.probabilities[label])


@dataclass(frozen=True, slots=True)
class LabelLogprobs:
    """Log-probabilities of k labels for n texts.

    `logprobs` (n, k) float64, natural logarithm: the exponentials of a row sum to 1 over the labels listed for that
    text, and a label that was not listed has -inf. `bounds` (n, k) bool marks values that are upper bounds. `mass` (n,)
    float64, 0 to 1, and `exact` (n,) bool are as in LabelProbabilities. For a text whose requests all failed the row is
    nan, and `failures` has the reason under the text's index.
    """

    labels: tuple[str, ...]
    logprobs: NDArray[np.float64]
    bounds: NDArray[np.bool_]
    mass: NDArray[np.float64]
    exact: NDArray[np.bool_]
    failures: Mapping[int, str]


def cyclic_permutations(labels: Sequence[str], count: int, seed: str) -> list[tuple[str, ...]]:
    """Return `count` orders of the labels: one order shuffled by `seed`, rotated in equal steps.

    There are at most as many orders as labels; then each label has had each position. Raises ValueError for no labels
    and for more labels than letters.
    """
    if not labels:
        raise ValueError("there are no labels to choose from")
    if len(labels) > len(LETTERS):
        raise ValueError(f"there are {len(labels)} labels, but only {len(LETTERS)} letters for them; pass a shortlist")
    order = list(labels)
    random.Random(seed).shuffle(order)
    count = min(count, len(order))
    starts = [index * len(order) // count for index in range(count)]
    return [tuple(order[start:] + order[:start]) for start in starts]


def combine_permutations(
    orders: Sequence[Sequence[str]], completions: Sequence[Completion]
) -> LabelProbabilities | str:
    """Return the label probabilities for one text, or the reason where no permutation has any.

    `completions` are the answers to the permutations with these `orders`. A letter without a log-probability counts
    with its upper bound. Failed permutations are left out.
    """
    answered = [
        (order, completion.scores)
        for order, completion in zip(orders, completions, strict=True)
        if completion.scores is not None
    ]
    if not answered:
        reasons = (completion.failure for completion in completions if completion.failure)
        return next(reasons, "the model gives no log-probabilities")
    probabilities: dict[str, float] = dict.fromkeys(orders[0], 0.0)
    bounds: set[str] = set()
    mass = 0.0
    for order, scores in answered:
        for label, probability in _probabilities(order, scores).items():
            probabilities[label] += probability / len(answered)
        bounds.update(label for letter, label in zip(LETTERS, order, strict=False) if letter not in scores.logprobs)
        mass += min(1.0, sum(math.exp(value) for value in scores.logprobs.values())) / len(answered)
    exact = all(scores.exact for _, scores in answered)
    return LabelProbabilities(probabilities, frozenset(bounds), mass, len(answered), exact)


def _probabilities(order: Sequence[str], scores: OptionScores) -> dict[str, float]:
    """Return the probabilities of the labels in one permutation: those of the letters, scaled to a sum of 1."""
    logprobs = {
        label: scores.logprobs.get(letter, scores.upper_bound) for letter, label in zip(LETTERS, order, strict=False)
    }
    highest = max((value for value in logprobs.values() if value is not None), default=0.0)
    # Relative to the highest, because the exponentials of very small log-probabilities are all 0.
    weights = {label: 0.0 if value is None else math.exp(value - highest) for label, value in logprobs.items()}
    total = sum(weights.values()) or 1.0
    return {label: weight / total for label, weight in weights.items()}


class LabelPermutations:
    """Builds the requests for label probabilities, one for each order of the labels."""

    def __init__(
        self,
        prompt: Prompt,
        labels: Mapping[str, str],
        *,
        count: int,
        seed: str,
        values: Mapping[str, object],
        examples: Mapping[str, str],
    ) -> None:
        """`prompt` has the variables `labels`, `text` and `examples`, as the bundled `choice_letters`.

        `labels` maps names to descriptions; `count` is the number of requests for each text; `values` are further
        values for the prompt; `examples` maps a label to a text of it.
        """
        self._prompt = prompt
        self._labels = labels
        self._count = count
        self._seed = seed
        self._values = values
        self._examples = examples

    def orders(self, labels: Sequence[str]) -> list[tuple[str, ...]]:
        """Return the orders in which labels are listed; always the same for the same labels."""
        return cyclic_permutations(labels, self._count, self._seed)

    def requests(
        self, text: str, labels: Sequence[str], *, step: str, model: str, parent_ids: tuple[str, ...]
    ) -> list[GenerationRequest]:
        """Return a request for each order of the labels."""
        return [self._request(text, order, step, model, parent_ids) for order in self.orders(labels)]

    def _request(
        self, text: str, order: Sequence[str], step: str, model: str, parent_ids: tuple[str, ...]
    ) -> GenerationRequest:
        letters = dict(zip(order, LETTERS, strict=False))
        labels = [{"letter": letters[name], "name": name, "description": self._labels[name]} for name in order]
        examples = [
            {"text": self._examples[name], "letter": letters[name]} for name in order if name in self._examples
        ]  # fmt: skip
        values = {**self._values, "text": text, "labels": labels, "examples": examples}
        return GenerationRequest(
            step=step,
            model=model,
            prompt=self._prompt.render(values),
            sampling=SAMPLING,
            parent_ids=parent_ids,
            options=tuple(LETTERS[: len(order)]),
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
    log: Callable[[str], None] = lambda _: None,
) -> LabelLogprobs:
    """Return the log-probability of each of k labels for each of n texts, from `n * permutations` requests to a model.

    `labels` maps names to descriptions ("" where the name is enough), `examples` a label to a text of it. `domain` says
    in one line what the texts are. For more than 26 labels, `shortlist` must return the labels to list for each text.
    Servers without `logprob_token_ids` return at most 20 tokens: list no more labels, or get upper bounds for the
    others. `log` is called with messages of the model.

    Raises ValueError for no labels or too many, ModelError where no request can succeed. Nothing is journalled.
    """
    from textsynth.prompts import find_prompt

    builder = LabelPermutations(
        find_prompt("choice_letters", model.prompt_mode, Path()),
        labels,
        count=permutations,
        seed=str(seed),
        values={"domain": domain, "language": language_name(language)},
        examples=examples or {},
    )
    listed = [list(labels)] * len(texts) if shortlist is None else [list(names) for names in shortlist(texts)]
    requests = [
        builder.requests(text, names, step="", model="", parent_ids=())
        for text, names in zip(texts, listed, strict=True)
    ]
    completions = iter(_complete(model, [request for of_text in requests for request in of_text], log))
    results = [
        combine_permutations(builder.orders(names), list(islice(completions, len(of_text))))
        for names, of_text in zip(listed, requests, strict=True)
    ]
    return _to_arrays(tuple(labels), results)


def _complete(
    options: ModelOptions, requests: Sequence[GenerationRequest], log: Callable[[str], None]
) -> list[Completion]:
    """Return the model's completions in the order of the requests."""
    import asyncio

    model_requests = [
        ModelRequest(f"{index}", request.prompt, request.sampling, None, request.options)
        for index, request in enumerate(requests)
        if request.prompt is not None
    ]
    completions: dict[str, Completion] = {}

    async def store(request: ModelRequest, completion: Completion) -> None:
        completions[request.key] = completion

    async def run() -> None:
        model = options.open(ModelRuntime(Path(), cache_folder(), log))
        try:
            await model.complete(model_requests, store)
        finally:
            await model.close()

    asyncio.run(run())
    return [completions[request.key] for request in model_requests]


def _to_arrays(labels: tuple[str, ...], results: Sequence[LabelProbabilities | str]) -> LabelLogprobs:
    import numpy as np

    logprobs = np.full((len(results), len(labels)), np.nan)
    bounds = np.zeros((len(results), len(labels)), dtype=np.bool_)
    mass, exact = np.full(len(results), np.nan), np.zeros(len(results), dtype=np.bool_)
    failures: dict[int, str] = {}
    for row, scores in enumerate(results):
        if isinstance(scores, str):
            failures[row] = scores
            continue
        probabilities = np.array([scores.probabilities.get(label, 0.0) for label in labels])
        with np.errstate(divide="ignore"):
            logprobs[row] = np.log(probabilities)
        bounds[row] = [label in scores.bounds for label in labels]
        mass[row], exact[row] = scores.mass, scores.exact
    return LabelLogprobs(labels, logprobs, bounds, mass, exact, failures)
