from __future__ import annotations

import pytest

from textsynth.models.kv_cache import cache_for
from textsynth.models.loading import Loaded

torch = pytest.importorskip("torch", reason="needs textsynth[local]")


def test_it_holds_what_transformers_own_would_hold(loaded: Loaded) -> None:
    from transformers import DynamicCache

    roomy, own = cache_for(loaded.model.config, 12), DynamicCache(config=loaded.model.config)
    assert type(roomy.layers[0]).__name__ == "RoomyLayer"
    draw = torch.Generator().manual_seed(0)
    for tokens in (5, 1, 1):
        for layer in range(2):
            new = torch.randn((3, 2, tokens, 8), generator=draw), torch.randn((3, 2, tokens, 8), generator=draw)
            for ours, theirs in zip(roomy.update(*new, layer), own.update(*new, layer), strict=True):
                assert torch.equal(ours, theirs)
    for one in (roomy, own):
        one.batch_select_indices(torch.tensor([2, 0]))
    assert roomy.get_seq_length() == own.get_seq_length() == 7
    new = torch.randn((2, 2, 1, 8)), torch.randn((2, 2, 1, 8))
    for ours, theirs in zip(roomy.update(*new, 1), own.update(*new, 1), strict=True):
        assert torch.equal(ours, theirs)


def test_other_kinds_of_attention_keep_transformers_own(loaded: Loaded) -> None:
    from transformers import MistralConfig

    sliding = cache_for(MistralConfig(sliding_window=4, num_hidden_layers=2), 12)
    assert {type(layer).__name__ for layer in sliding.layers} == {"DynamicSlidingWindowLayer"}
