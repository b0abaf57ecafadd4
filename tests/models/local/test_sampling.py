from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.models.model_calls import request
from textsynth.models.local.sampling import TokenSampler, sample_from_all, sample_from_top, uniform_numbers

torch = pytest.importorskip("torch", reason="needs textsynth[local]")

VOCABULARY = 400


def drawer(*samplings: dict[str, Any]) -> TokenSampler:
    asked = [request(f"row {row}", **sampling) for row, sampling in enumerate(samplings)]
    return TokenSampler(asked, [[row] for row in range(len(asked))], vocabulary=VOCABULARY, device=torch.device("cpu"))


def logits(rows: int, seed: int = 0) -> Any:
    return torch.randn((rows, VOCABULARY), generator=torch.Generator().manual_seed(seed)) * 3


def expected(row: Any, *, top_k: int, top_p: float) -> Any:
    """The plain definition: sort all, cut by rank, renormalize, cut by mass, renormalize."""
    shares, tokens = row.double().softmax(-1).sort(descending=True)
    if top_k:
        shares[top_k:] = 0
    shares = shares / shares.sum()
    shares[(shares.cumsum(-1) - shares) >= top_p] = 0
    return torch.zeros_like(shares).scatter(0, tokens, shares / shares.sum())


@pytest.mark.parametrize(("top_k", "top_p"), [(0, 0.5), (0, 0.95), (5, 1.0), (50, 0.9), (1, 0.9), (0, 0.9999)])
@pytest.mark.parametrize("flat", [1.0, 20.0])
def test_draws_follow_the_cut_distribution(top_k: int, top_p: float, flat: float) -> None:
    row = logits(1)[0] / flat
    wanted = expected(row, top_k=top_k, top_p=top_p)
    count = 4_000
    chance = torch.rand(count, generator=torch.Generator().manual_seed(3))
    multi_label = row.expand(200, -1)
    drawn: Counter[int] = Counter()
    for some in chance.split(200):
        part = sample_from_top(multi_label, some, torch.full((200,), top_p), torch.full((200,), top_k), 16)
        drawn.update(part.tolist())
    assert all(wanted[token] > 0 for token in drawn), "a token outside the cut was drawn"
    likeliest = wanted.topk(5)
    for token, share in zip(likeliest.indices.tolist(), likeliest.values.tolist(), strict=True):
        assert abs(drawn[token] / count - share) < 0.03


def test_drawing_from_all_follows_the_softmax() -> None:
    row = torch.tensor([0.0, 1.0, 2.0, -torch.inf])
    chance = torch.linspace(0, 1 - 1e-7, 10_000)
    drawn = Counter(sample_from_all(row.expand(10_000, -1), chance).tolist())
    assert set(drawn) == {0, 1, 2}
    for token, share in enumerate(row.softmax(-1).tolist()):
        assert abs(drawn[token] / 10_000 - share) < 0.001


def test_the_largest_chance_stays_inside() -> None:
    scaled = torch.full((3, VOCABULARY), -torch.inf)
    scaled[:, 7] = 0
    edge = torch.tensor([0.0, 0.5, 1.0 - 2**-24])
    assert sample_from_all(scaled, edge).tolist() == [7, 7, 7]
    assert sample_from_top(scaled, edge, torch.full((3,), 0.99), torch.zeros(3, dtype=torch.long)).tolist() == [7] * 3


def test_temperature_zero_takes_the_likeliest() -> None:
    rows = logits(2)
    assert drawer({"temperature": 0.0}, {"temperature": 0.0}).sample(rows, 0).tolist() == rows.argmax(-1).tolist()


def test_rows_of_all_kinds_draw_as_if_alone() -> None:
    kinds = [
        {"temperature": 0.0},
        {"top_p": 1.0},
        {"top_p": 0.9},
        {"top_k": 3, "top_p": 1.0},
        {"repetition_penalty": 1.5},
        {"temperature": 2.0, "top_p": 0.999},
    ]
    rows = logits(len(kinds))
    together = drawer(*kinds).sample(rows, 1).tolist()
    asked = [request(f"row {row}", **kind) for row, kind in enumerate(kinds)]
    alone = [
        TokenSampler([one], [[row]], vocabulary=VOCABULARY, device=torch.device("cpu"))
        .sample(rows[row : row + 1], 1)
        .item()
        for row, one in enumerate(asked)
    ]
    assert together == alone


def test_rows_that_stay_keep_what_is_theirs() -> None:
    kinds = [{"temperature": 0.0}, {"top_k": 3}, {"repetition_penalty": 2.0}, {"top_p": 1.0}]
    rows, stay = logits(4), torch.tensor([1, 3])
    whole, rest = drawer(*kinds), drawer(*kinds)
    rest.keep(stay)
    assert rest.sample(rows[stay], 2).tolist() == whole.sample(rows, 2)[stay].tolist()


def test_a_repetition_penalty_counts_prompt_and_answer() -> None:
    flat = torch.zeros((1, VOCABULARY))
    flat[0, 0], flat[0, 5], flat[0, 6] = 3.0, 2.9, 2.8
    one = drawer({"temperature": 0.0, "repetition_penalty": 2.0})
    assert [one.sample(flat.clone(), step).item() for step in range(3)] == [5, 6, 0]


def test_random_numbers_belong_to_the_key() -> None:
    assert torch.equal(uniform_numbers("a", 5), uniform_numbers("a", 9)[:5])
    assert not torch.equal(uniform_numbers("a", 5), uniform_numbers("b", 5))
