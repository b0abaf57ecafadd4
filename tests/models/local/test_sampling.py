from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.models.model_calls import request
from textsynth.models.local.sampling import TokenSampler, sample_from_all, sample_from_top, uniform_numbers

torch = pytest.importorskip("torch", reason="needs textsynth[local]")

VOCABULARY = 400
CPU = torch.device("cpu")


def make_sampler(*settings: dict[str, Any]) -> TokenSampler:
    """Return a sampler of one row for each of the sampling settings; the prompt of row n is the token n."""
    requests = [request(f"row {row}", **setting) for row, setting in enumerate(settings)]
    return TokenSampler(requests, [[row] for row in range(len(requests))], vocabulary=VOCABULARY, device=CPU)


def random_logits(rows: int, seed: int = 0) -> Any:
    return torch.randn((rows, VOCABULARY), generator=torch.Generator().manual_seed(seed)) * 3


def truncated_distribution(logits: Any, *, top_k: int, top_p: float) -> Any:
    """The definition: sort all tokens, truncate by rank, renormalize, truncate by mass, renormalize."""
    probabilities, tokens = logits.double().softmax(-1).sort(descending=True)
    if top_k:
        probabilities[top_k:] = 0
    probabilities = probabilities / probabilities.sum()
    probabilities[(probabilities.cumsum(-1) - probabilities) >= top_p] = 0
    return torch.zeros_like(probabilities).scatter(0, tokens, probabilities / probabilities.sum())


@pytest.mark.parametrize(("top_k", "top_p"), [(0, 0.5), (0, 0.95), (5, 1.0), (50, 0.9), (1, 0.9), (0, 0.9999)])
@pytest.mark.parametrize("temperature", [1.0, 20.0])
def test_samples_follow_the_truncated_distribution(top_k: int, top_p: float, temperature: float) -> None:
    logits = random_logits(1)[0] / temperature
    expected = truncated_distribution(logits, top_k=top_k, top_p=top_p)
    count = 4_000
    uniforms = torch.rand(count, generator=torch.Generator().manual_seed(3))
    rows = logits.expand(200, -1)
    counts: Counter[int] = Counter()
    for batch in uniforms.split(200):
        tokens = sample_from_top(rows, batch, torch.full((200,), top_p), torch.full((200,), top_k), 16)
        counts.update(tokens.tolist())
    assert all(expected[token] > 0 for token in counts), "a token outside the truncated distribution was sampled"
    most_likely = expected.topk(5)
    for token, probability in zip(most_likely.indices.tolist(), most_likely.values.tolist(), strict=True):
        assert abs(counts[token] / count - probability) < 0.03


def test_sampling_from_all_tokens_follows_the_softmax() -> None:
    logits = torch.tensor([0.0, 1.0, 2.0, -torch.inf])
    uniforms = torch.linspace(0, 1 - 1e-7, 10_000)
    counts = Counter(sample_from_all(logits.expand(10_000, -1), uniforms).tolist())
    assert set(counts) == {0, 1, 2}
    for token, probability in enumerate(logits.softmax(-1).tolist()):
        assert abs(counts[token] / 10_000 - probability) < 0.001


def test_the_largest_random_number_selects_a_possible_token() -> None:
    scaled = torch.full((3, VOCABULARY), -torch.inf)
    scaled[:, 7] = 0
    uniforms = torch.tensor([0.0, 0.5, 1.0 - 2**-24])
    top_p, top_k = torch.full((3,), 0.99), torch.zeros(3, dtype=torch.long)
    assert sample_from_all(scaled, uniforms).tolist() == [7, 7, 7]
    assert sample_from_top(scaled, uniforms, top_p, top_k).tolist() == [7, 7, 7]


def test_temperature_zero_takes_the_most_likely_token() -> None:
    logits = random_logits(2)
    sampler = make_sampler({"temperature": 0.0}, {"temperature": 0.0})
    assert sampler.sample(logits, 0).tolist() == logits.argmax(-1).tolist()


def test_rows_with_different_settings_are_sampled_as_if_alone() -> None:
    settings = [
        {"temperature": 0.0},
        {"top_p": 1.0},
        {"top_p": 0.9},
        {"top_k": 3, "top_p": 1.0},
        {"repetition_penalty": 1.5},
        {"temperature": 2.0, "top_p": 0.999},
    ]
    logits = random_logits(len(settings))
    together = make_sampler(*settings).sample(logits, 1).tolist()
    requests = [request(f"row {row}", **setting) for row, setting in enumerate(settings)]
    alone = [
        TokenSampler([row_request], [[row]], vocabulary=VOCABULARY, device=CPU).sample(logits[row : row + 1], 1).item()
        for row, row_request in enumerate(requests)
    ]
    assert together == alone


def test_the_rows_that_are_kept_keep_their_settings() -> None:
    settings = [{"temperature": 0.0}, {"top_k": 3}, {"repetition_penalty": 2.0}, {"top_p": 1.0}]
    logits, kept_rows = random_logits(4), torch.tensor([1, 3])
    full, reduced = make_sampler(*settings), make_sampler(*settings)
    reduced.keep_rows(kept_rows)
    assert reduced.sample(logits[kept_rows], 2).tolist() == full.sample(logits, 2)[kept_rows].tolist()


def test_a_repetition_penalty_applies_to_tokens_of_prompt_and_answer() -> None:
    logits = torch.zeros((1, VOCABULARY))
    logits[0, 0], logits[0, 5], logits[0, 6] = 3.0, 2.9, 2.8
    sampler = make_sampler({"temperature": 0.0, "repetition_penalty": 2.0})
    assert [sampler.sample(logits.clone(), step).item() for step in range(3)] == [5, 6, 0]


def test_random_numbers_depend_on_the_key_alone() -> None:
    assert torch.equal(uniform_numbers("a", 5), uniform_numbers("a", 9)[:5])
    assert not torch.equal(uniform_numbers("a", 5), uniform_numbers("b", 5))
