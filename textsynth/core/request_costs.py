"""What requests took: how many there were and their tokens, by generator or labeller, model and prompt."""

from __future__ import annotations

from typing_extensions import TypedDict

from textsynth.core.records import Completion


class CostRow(TypedDict):
    """The requests of one step to one model with one prompt, and their tokens.

    `section` is generate or label, `generator` the name of the step (a labeller's, too), `model` the identity of the
    model and `prompt` the name of the template.
    """

    section: str
    generator: str
    model: str
    prompt: str
    requests: int
    prompt_tokens: int
    completion_tokens: int


class WithCosts(TypedDict, total=False):
    """The part of a manifest that runs without a model lack, and those of earlier versions."""

    costs: list[CostRow]


class RequestCosts:
    """Adds up what the committed requests took."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str, str], list[int]] = {}

    def add(self, step: str, model: str, prompt: str, completion: Completion | None) -> None:
        """Count a request of a step with its answer."""
        sums = self._sums.setdefault((step, model, prompt), [0, 0, 0])
        sums[0] += 1
        if completion is not None:
            sums[1] += completion.prompt_tokens
            sums[2] += completion.completion_tokens

    def rows(self, generators: frozenset[str]) -> list[CostRow]:
        """Return a row for each step, model and prompt, in alphabetical order; `generators` names those steps."""
        return [
            {
                "section": "generate" if step in generators else "label",
                "generator": step,
                "model": model,
                "prompt": prompt,
                "requests": requests,
                "prompt_tokens": prompt_tokens,
                "completion_tokens": completion_tokens,
            }
            for (step, model, prompt), (requests, prompt_tokens, completion_tokens) in sorted(self._sums.items())
        ]
