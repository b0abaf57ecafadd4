"""Drawing the next token of each row of a batch, every row with its own sampling and its own random numbers.

A row's random numbers come from its request's key alone, so no neighbour in the batch changes what is drawn from the
same probabilities. Only the likeliest tokens are sorted, and more of them only for rows whose top_p needs more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from textsynth.core.records import ModelRequest

if TYPE_CHECKING:
    import torch

FIRST_SORTED = 512
# Keeps a drawn number below the whole, whatever the rounding of a sum of 50,000 floats.
BELOW_ONE = 1.0 - 1e-6


class TokenSampler:
    """Draws for the rows of one batch; `prompts` are their token ids, which a repetition penalty counts as used."""

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

        longest = max(sampling.max_tokens for sampling in samplings)
        self._chances = torch.stack([uniform_numbers(request.key, longest) for request in requests]).to(device)
        self._heat = column([sampling.temperature for sampling in samplings])
        self._top_p = column([sampling.top_p for sampling in samplings])
        self._top_k = torch.tensor([sampling.top_k for sampling in samplings], device=device)
        self._penalty = column([sampling.repetition_penalty for sampling in samplings])
        self._used: torch.Tensor | None = None
        if any(sampling.repetition_penalty != 1.0 for sampling in samplings):
            self._used = torch.zeros((len(prompts), vocabulary), dtype=torch.bool, device=device)
            for row, prompt in enumerate(prompts):
                self._used[row, torch.tensor(prompt, device=device)] = True
        self._sort_rows()

    def keep_rows(self, rows: torch.Tensor) -> None:
        """Keep only these rows, in this order."""
        self._chances, self._heat = self._chances[rows], self._heat[rows]
        self._top_p, self._top_k, self._penalty = self._top_p[rows], self._top_k[rows], self._penalty[rows]
        if self._used is not None:
            self._used = self._used[rows]
        self._sort_rows()

    def sample(self, logits: torch.Tensor, step: int) -> torch.Tensor:
        """Return the token ids (rows,) for `logits` (rows, vocabulary); `step` counts new tokens from 0."""
        import torch

        logits = logits.float()
        if self._used is not None:
            penalty = self._penalty[:, None]
            logits = torch.where(self._used, torch.where(logits > 0, logits / penalty, logits * penalty), logits)
        chosen = torch.empty(len(logits), dtype=torch.long, device=logits.device)
        chance = self._chances[:, step]
        if len(self._greedy):
            chosen[self._greedy] = logits[self._greedy].argmax(-1)
        if len(rows := self._plain):
            chosen[rows] = sample_from_all(logits[rows] / self._heat[rows, None], chance[rows])
        if len(rows := self._cut):
            scaled = logits if len(rows) == len(logits) else logits[rows]
            scaled = scaled / self._heat[rows, None]
            chosen[rows] = sample_from_top(scaled, chance[rows], self._top_p[rows], self._top_k[rows])
        if self._used is not None:
            self._used[torch.arange(len(chosen), device=logits.device), chosen] = True
        return chosen

    def _sort_rows(self) -> None:
        greedy = self._heat == 0
        plain = ~greedy & (self._top_p >= 1) & (self._top_k == 0)
        self._greedy = greedy.nonzero()[:, 0]
        self._plain = plain.nonzero()[:, 0]
        self._cut = (~greedy & ~plain).nonzero()[:, 0]


def uniform_numbers(key: str, count: int) -> torch.Tensor:
    """Return `count` numbers in [0, 1) that belong to a request's key."""
    import torch

    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") >> 1
    return torch.rand(count, generator=torch.Generator().manual_seed(seed))


def sample_from_all(scaled: torch.Tensor, chance: torch.Tensor) -> torch.Tensor:
    """Draw by inverse CDF in the vocabulary's order, from `scaled` logits (rows, vocabulary)."""
    return _pick(scaled.softmax(-1), chance)


def sample_from_top(
    scaled: torch.Tensor, chance: torch.Tensor, top_p: torch.Tensor, top_k: torch.Tensor, width: int = FIRST_SORTED
) -> torch.Tensor:
    """Draw by inverse CDF from the likeliest tokens, likeliest first.

    As usual top_k is applied before top_p, and top_p is a share of what top_k left; the token that crosses top_p
    stays in. Exact: rows whose `width` likeliest tokens do not hold top_p are drawn again from more of them.
    """
    import torch

    vocabulary = scaled.shape[-1]
    width = min(max(width, int(top_k.max())), vocabulary)
    values, tokens = scaled.topk(width, dim=-1)
    shares = (values - scaled.logsumexp(-1, keepdim=True)).exp()
    ranks = torch.arange(width, device=scaled.device)
    by_rank = (top_k[:, None] == 0) | (ranks < top_k[:, None])
    shares = shares * by_rank
    whole = torch.where(top_k > 0, shares.sum(-1), torch.ones_like(top_p))
    before = shares.cumsum(-1) - shares
    chosen = tokens.gather(-1, _pick(shares * (before < (top_p * whole)[:, None]), chance)[:, None])[:, 0]
    short = ((top_k == 0) & (shares.sum(-1) < top_p)).nonzero()[:, 0]
    if len(short) and width < vocabulary:
        chosen[short] = sample_from_top(scaled[short], chance[short], top_p[short], top_k[short], width * 8)
    return chosen


def _pick(shares: torch.Tensor, chance: torch.Tensor) -> torch.Tensor:
    import torch

    edges = shares.cumsum(-1)
    aim = chance[:, None] * (edges[:, -1:] * BELOW_ONE)
    return torch.searchsorted(edges, aim, right=True)[:, 0].clamp(max=shares.shape[-1] - 1)
