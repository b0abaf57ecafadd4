"""Reads the prompts of a batch into a key-value cache; what prompts have in common is computed once.

Equal prompts are read once. Of the others, groups are read with their common beginning first, then each with its rest;
the groups are those that leave the fewest tokens to compute. Few tokens are read in one step, so that a batch can be
cancelled in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import torch
    from transformers import Cache, PreTrainedConfig

# A step takes about a second on two CPU cores with the bundled model.
TOKENS_PER_STEP = 512


class PromptGroup(NamedTuple):
    """Different prompts that begin with the same `prefix` tokens, as indexes into a list; each has at least one more.

    A prompt that shares nothing is a group with the prefix 0.
    """

    prefix: int
    prompts: tuple[int, ...]


def group_prompts(prompts: Sequence[Sequence[int]]) -> list[PromptGroup]:
    """Return the groups of different, sorted prompts with which the fewest tokens are computed.

    That is for each group its prefix, and for each prompt the tokens after it. Of equally good groups the smaller ones
    are chosen.
    """
    common = [_common_length(first, second) for first, second in pairwise(prompts)]
    fewest = [0]
    starts = [0]
    for end in range(1, len(prompts) + 1):
        # The last group begins at `start`; its prefix is the shortest one of its neighbours.
        rest = len(prompts[end - 1])
        best, best_start = fewest[end - 1] + rest, end - 1
        prefix = rest - 1
        for start in range(end - 2, -1, -1):
            prefix = min(prefix, common[start], len(prompts[start]) - 1)
            if not prefix:
                break
            rest += len(prompts[start])
            tokens = fewest[start] + rest - (end - start - 1) * prefix
            if tokens < best:
                best, best_start = tokens, start
        fewest.append(best)
        starts.append(best_start)
    groups: list[PromptGroup] = []
    end = len(prompts)
    while end:
        start = starts[end]
        members = prompts[start:end]
        prefix = min(min(common[start : end - 1]), *(len(prompt) - 1 for prompt in members)) if end - start > 1 else 0
        groups.append(PromptGroup(prefix, tuple(range(start, end))))
        end = start
    return groups[::-1]


def computed_tokens(prompts: Sequence[Sequence[int]]) -> int:
    """Return how many tokens are computed to read these prompts, without the padding of a step."""
    unique = sorted({tuple(prompt) for prompt in prompts})
    return sum(
        group.prefix + sum(len(unique[index]) - group.prefix for index in group.prompts)
        for group in group_prompts(unique)
    )


def steps_of(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield the indexes of these lengths, longest first, in steps of at most TOKENS_PER_STEP padded tokens."""
    step: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        if step and (len(step) + 1) * lengths[step[0]] > TOKENS_PER_STEP:
            yield step
            step = []
        step.append(index)
    if step:
        yield step


def pad_left(
    prompts: Sequence[Sequence[int]], *, width: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return token ids and attention mask, each (rows, width), padded on the left."""
    import torch

    inputs = torch.zeros((len(prompts), width), dtype=torch.long)
    mask = torch.zeros((len(prompts), width), dtype=torch.long)
    for row, ids in enumerate(prompts):
        if ids:
            inputs[row, width - len(ids) :] = torch.tensor(ids)
            mask[row, width - len(ids) :] = 1
    return inputs.to(device), mask.to(device)


def make_kv_cache(config: PreTrainedConfig, length: int) -> Cache:
    """Return an empty key-value cache for `length` tokens a row.

    It is preallocated for models with full attention; for other kinds of attention it is transformers' own.
    """
    from transformers import DynamicCache

    kv_cache = DynamicCache(config=config)
    if has_full_attention(kv_cache):
        kv_cache.layers = [_preallocated_layer_class()(length) for _ in kv_cache.layers]
    return kv_cache


def has_full_attention(kv_cache: Cache) -> bool:
    """Whether every layer of the cache keeps all tokens, so that parts of prompts may be read on their own."""
    from transformers.cache_utils import DynamicLayer

    kinds = {type(layer) for layer in kv_cache.layers}
    return bool(kinds) and kinds <= {DynamicLayer, _preallocated_layer_class()}


@cache
def _preallocated_layer_class() -> type:
    # Defined in a function, because importing transformers is slow.
    import torch
    from transformers.cache_utils import DynamicLayer

    class PreallocatedLayer(DynamicLayer):  # type: ignore[no-untyped-call]
        """Keys and values (rows, heads, tokens, dim) as views of buffers that are allocated for `length` tokens."""

        def __init__(self, length: int) -> None:
            super().__init__()  # type: ignore[no-untyped-call]
            self.length = length

        def update(
            self, key_states: torch.Tensor, value_states: torch.Tensor, *_: object, **__: object
        ) -> tuple[torch.Tensor, torch.Tensor]:
            """Append the new tokens and return all."""
            start = self.get_seq_length()
            if not self.is_initialized:
                self.lazy_initialization(key_states, value_states)
                self.buffers = _empty_buffer(key_states, self.length), _empty_buffer(value_states, self.length)
            end = start + key_states.shape[-2]
            self.buffers[0][:, :, start:end] = key_states
            self.buffers[1][:, :, start:end] = value_states
            return self._show(end)

        def write_rows(
            self, rows: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, *, all_rows: int, width: int
        ) -> None:
            """Write the first tokens, of which there will be `width`, of some of `all_rows` rows, right-aligned."""
            if not self.is_initialized:
                self.lazy_initialization(keys, values)
                shape = (all_rows, keys.shape[1], self.length, keys.shape[3])
                self.buffers = (
                    torch.zeros(shape, dtype=keys.dtype, device=keys.device),
                    torch.zeros(shape, dtype=values.dtype, device=values.device),
                )
            start = width - keys.shape[-2]
            self.buffers[0][rows, :, start:width] = keys
            self.buffers[1][rows, :, start:width] = values
            self._show(width)

        def batch_select_indices(self, indices: torch.Tensor) -> None:
            """Keep only these rows."""
            end = self.get_seq_length()
            selected = []
            for buffer in self.buffers:
                copy = buffer.new_empty((len(indices), *buffer.shape[1:]))
                copy[:, :, :end] = buffer[indices, :, :end]
                selected.append(copy)
            self.buffers = selected[0], selected[1]
            self._show(end)

        def _show(self, end: int) -> tuple[torch.Tensor, torch.Tensor]:
            keys, values = self.buffers[0][:, :, :end], self.buffers[1][:, :, :end]
            self.keys, self.values = keys, values
            return keys, values

    return PreallocatedLayer


def _empty_buffer(states: torch.Tensor, length: int) -> torch.Tensor:
    rows, heads, _, dim = states.shape
    return states.new_empty((rows, heads, length, dim))


def _common_length(first: Sequence[int], second: Sequence[int]) -> int:
    length = 0
    for left, right in zip(first, second, strict=False):
        if left != right:
            break
        length += 1
    return length
