"""Samples the next token of each row of a batch, each row with its own settings and its own random numbers.

The random numbers of a row are seeded with its request's key alone, so the other rows of the batch do not affect which
token is sampled from given probabilities. Only the most likely tokens are sorted, and more of them only for rows whose
top_p needs more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from textsynth.core.records import ModelRequest

if TYPE_CHECKING:
    import torch

FIRST_SORTED = 512
# Keeps a random number times a total below the total, despite the rounding of a sum of 50,000 floats.
BELOW_ONE = 1.0 - 1e-6


class TokenSampler:
    """Samples tokens for the rows of one batch.

    `prompts` are the token ids of the prompts; a repetition penalty counts them as used tokens.
    """

    def __init__(
        self,
        requests: Sequence[ModelRequest],
        prompts: Sequence[Sequence[int]],
        *,
        vocabulary: int,
        device: torch.device,
    ) -> None:
        import torch

        samplings = [request.sampling for request in requests]

        def column(values: Sequence[float]) -> torch.Tensor:
            return torch.tensor(values, dtype=torch.float32, device=device)

        max_steps = max(sampling.max_tokens for sampling in samplings)
        self._uniforms = torch.stack([uniform_numbers(request.key, max_steps) for request in requests]).to(device)
        self._temperature = column([sampling.temperature for sampling in samplings])
        self._top_p = column([sampling.top_p for sampling in samplings])
        self._top_k = torch.tensor([sampling.top_k for sampling in samplings], device=device)
        self._penalty = column([sampling.repetition_penalty for sampling in samplings])
        self._used: torch.Tensor | None = None
        if any(sampling.repetition_penalty != 1.0 for sampling in samplings):
            self._used = torch.zeros((len(prompts), vocabulary), dtype=torch.bool, device=device)
            for row, prompt in enumerate(prompts):
                self._used[row, torch.tensor(prompt, device=device)] = True
        self._group_rows()

    def keep_rows(self, rows: torch.Tensor) -> None:
        """Keep only these rows, in this order."""
        self._uniforms, self._temperature = self._uniforms[rows], self._temperature[rows]
        self._top_p, self._top_k, self._penalty = self._top_p[rows], self._top_k[rows], self._penalty[rows]
        if self._used is not None:
            self._used = self._used[rows]
        self._group_rows()

    def sample(self, logits: torch.Tensor, step: int) -> torch.Tensor:
        """Return the token ids (rows,) for `logits` (rows, vocabulary); `step` counts new tokens from 0."""
        import torch

        logits = logits.float()
        if self._used is not None:
            penalty = self._penalty[:, None]
            logits = torch.where(self._used, torch.where(logits > 0, logits / penalty, logits * penalty), logits)
        tokens = torch.empty(len(logits), dtype=torch.long, device=logits.device)
        uniforms = self._uniforms[:, step]
        if len(self._greedy_rows):
            tokens[self._greedy_rows] = logits[self._greedy_rows].argmax(-1)
        if len(rows := self._full_rows):
            tokens[rows] = sample_from_all(logits[rows] / self._temperature[rows, None], uniforms[rows])
        if len(rows := self._truncated_rows):
            scaled = logits if len(rows) == len(logits) else logits[rows]
            scaled = scaled / self._temperature[rows, None]
            tokens[rows] = sample_from_top(scaled, uniforms[rows], self._top_p[rows], self._top_k[rows])
        if self._used is not None:
            self._used[torch.arange(len(tokens), device=logits.device), tokens] = True
        return tokens

    def _group_rows(self) -> None:
        greedy = self._temperature == 0
        full = ~greedy & (self._top_p >= 1) & (self._top_k == 0)
        self._greedy_rows = greedy.nonzero()[:, 0]
        self._full_rows = full.nonzero()[:, 0]
        self._truncated_rows = (~greedy & ~full).nonzero()[:, 0]


def uniform_numbers(key: str, count: int) -> torch.Tensor:
    """Return `count` random numbers in [0, 1), seeded with a request's key."""
    import torch

    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") >> 1
    return torch.rand(count, generator=torch.Generator().manual_seed(seed))


def sample_from_all(scaled: torch.Tensor, uniforms: torch.Tensor) -> torch.Tensor:
    """Sample from the softmax of `scaled` logits (rows, vocabulary) by inverse CDF, in vocabulary order."""
    return _invert_cdf(scaled.softmax(-1), uniforms)


def sample_from_top(
    scaled: torch.Tensor, uniforms: torch.Tensor, top_p: torch.Tensor, top_k: torch.Tensor, width: int = FIRST_SORTED
) -> torch.Tensor:
    """Sample from the most likely tokens by inverse CDF, the most likely token first.

    As is usual, top_k is applied before top_p, top_p is a share of the mass that top_k leaves, and the token that
    crosses top_p is included. Exact: rows whose `width` most likely tokens do not reach top_p are sampled again from
    more of them.
    """
    import torch

    vocabulary = scaled.shape[-1]
    width = min(max(width, int(top_k.max())), vocabulary)
    values, top_tokens = scaled.topk(width, dim=-1)
    probabilities = (values - scaled.logsumexp(-1, keepdim=True)).exp()
    ranks = torch.arange(width, device=scaled.device)
    in_top_k = (top_k[:, None] == 0) | (ranks < top_k[:, None])
    probabilities = probabilities * in_top_k
    mass = torch.where(top_k > 0, probabilities.sum(-1), torch.ones_like(top_p))
    mass_before = probabilities.cumsum(-1) - probabilities
    in_top_p = mass_before < (top_p * mass)[:, None]
    positions = _invert_cdf(probabilities * in_top_p, uniforms)
    tokens = top_tokens.gather(-1, positions[:, None])[:, 0]
    rows = ((top_k == 0) & (probabilities.sum(-1) < top_p)).nonzero()[:, 0]
    if len(rows) and width < vocabulary:
        tokens[rows] = sample_from_top(scaled[rows], uniforms[rows], top_p[rows], top_k[rows], width * 8)
    return tokens


def _invert_cdf(weights: torch.Tensor, uniforms: torch.Tensor) -> torch.Tensor:
    """Return the position in each row of `weights` (rows, n), not normalized, at which a uniform number falls."""
    import torch

    cumulative = weights.cumsum(-1)
    targets = uniforms[:, None] * (cumulative[:, -1:] * BELOW_ONE)
    return torch.searchsorted(cumulative, targets, right=True)[:, 0].clamp(max=weights.shape[-1] - 1)
