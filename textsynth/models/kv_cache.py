"""The memory of a batch's attention, with room for the whole answer made at once.

transformers' own grows by copying all of it for each new token, a seventh of the time of a decoding step.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from transformers import Cache, PreTrainedConfig


def cache_for(config: PreTrainedConfig, length: int) -> Cache:
    """Return an empty cache for `length` tokens a row; transformers' own for models with another kind of attention."""
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer

    own = DynamicCache(config=config)
    if own.layers and all(type(layer) is DynamicLayer for layer in own.layers):
        own.layers = [_roomy_layer()(length) for _ in own.layers]
    return own


@cache
def _roomy_layer() -> type:
    from transformers.cache_utils import DynamicLayer

    class RoomyLayer(DynamicLayer):  # type: ignore[no-untyped-call]
        """Keys and values (rows, heads, tokens, dim) as views of a buffer with room for `length` tokens."""

        def __init__(self, length: int) -> None:
            super().__init__()  # type: ignore[no-untyped-call]
            self.length = length

        def update(
            self, key_states: torch.Tensor, value_states: torch.Tensor, *_: object, **__: object
        ) -> tuple[torch.Tensor, torch.Tensor]:
            """Append the new tokens and return all."""
            filled = self.get_seq_length()
            if not self.is_initialized:
                self.lazy_initialization(key_states, value_states)
                self.room = _empty(key_states, self.length), _empty(value_states, self.length)
            end = filled + key_states.shape[-2]
            self.room[0][:, :, filled:end] = key_states
            self.room[1][:, :, filled:end] = value_states
            self.keys, self.values = self.room[0][:, :, :end], self.room[1][:, :, :end]
            return self.keys, self.values

        def batch_select_indices(self, indices: torch.Tensor) -> None:
            """Keep only these rows."""
            end = self.get_seq_length()
            rooms = []
            for old in self.room:
                new = old.new_empty((len(indices), *old.shape[1:]))
                new[:, :, :end] = old[indices, :, :end]
                rooms.append(new)
            self.room = rooms[0], rooms[1]
            self.keys, self.values = rooms[0][:, :, :end], rooms[1][:, :, :end]

    return RoomyLayer


def _empty(states: torch.Tensor, length: int) -> torch.Tensor:
    rows, heads, _, dim = states.shape
    return states.new_empty((rows, heads, length, dim))
