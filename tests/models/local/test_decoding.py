from __future__ import annotations

import copy
import dataclasses
import threading
from typing import Any

import pytest

from tests.models import tiny
from tests.models.model_calls import request
from textsynth.core.errors import ModelError
from textsynth.core.records import Completion, ModelRequest
from textsynth.models.local.decoding import Decoder, Interrupted, TokenizedPrompt, tokenize_prompts
from textsynth.models.local.loading import LoadedModel
from textsynth.models.local.prefill import make_kv_cache

torch = pytest.importorskip("torch", reason="needs textsynth[local]")


def tokenize(loaded: LoadedModel, requests: list[ModelRequest]) -> list[TokenizedPrompt]:
    prompts = tokenize_prompts(loaded, requests)
    assert all(isinstance(prompt, TokenizedPrompt) for prompt in prompts)
    return [prompt for prompt in prompts if isinstance(prompt, TokenizedPrompt)]


def complete(loaded: LoadedModel, requests: list[ModelRequest]) -> list[Completion]:
    return Decoder(loaded).complete_batch(tokenize(loaded, requests), threading.Event())


def without_end_tokens(loaded: LoadedModel) -> LoadedModel:
    return dataclasses.replace(loaded, end_token_ids=frozenset())


def completion_request(text: str, **sampling: Any) -> ModelRequest:
    return request(text, chat=False, **{"max_tokens": 24, **sampling})


def greedy_tokens(loaded: LoadedModel, text: str, count: int) -> list[int]:
    """Return the tokens that transformers' own `generate` gives."""
    inputs = loaded.tokenizer(text, return_tensors="pt")
    output = loaded.model.generate(
        inputs["input_ids"], attention_mask=inputs["attention_mask"], max_new_tokens=count, do_sample=False,
        eos_token_id=None, pad_token_id=0,
    )  # fmt: skip
    return list(output[0, inputs["input_ids"].shape[1] :].tolist())


def test_greedy_answers_equal_those_of_generate_in_any_batch(loaded: LoadedModel) -> None:
    requests = [
        completion_request("a" * length + " and?", temperature=0.0, max_tokens=5 + length) for length in (1, 4, 9, 16)
    ]
    completions = complete(without_end_tokens(loaded), requests)
    for row_request, completion in zip(requests, completions, strict=True):
        prompt, max_tokens = row_request.prompt.text, row_request.sampling.max_tokens
        tokens = greedy_tokens(loaded, prompt, max_tokens)
        text = loaded.tokenizer.decode(tokens, skip_special_tokens=True).rstrip("\ufffd")
        assert completion == Completion(text, "length", len(prompt), max_tokens)


def test_sampled_answers_depend_on_the_key_and_not_on_the_batch(loaded: LoadedModel) -> None:
    requests = [completion_request(f"text {number}") for number in range(12)]
    together = complete(loaded, requests)
    assert together == complete(loaded, requests)
    alone = [complete(loaded, [row_request])[0].text for row_request in requests[:4]]
    assert alone == [completion.text for completion in together[:4]]
    assert len({completion.text for completion in together}) == 12


def test_an_end_token_ends_an_answer_and_is_counted_but_not_part_of_the_text(loaded: LoadedModel) -> None:
    requests = [completion_request(f"text {number}", temperature=0.0, max_tokens=40) for number in range(8)]
    ids = [greedy_tokens(loaded, row_request.prompt.text, 40) for row_request in requests]
    end_token_ids = frozenset({ids[0][6], ids[1][3]})
    completions = complete(dataclasses.replace(loaded, end_token_ids=end_token_ids), requests)
    full_completions = complete(without_end_tokens(loaded), requests)
    for completion, full_completion, tokens in zip(completions, full_completions, ids, strict=True):
        end = next((index for index, token in enumerate(tokens) if token in end_token_ids), None)
        assert completion.finish == ("length" if end is None else "stop")
        assert completion.completion_tokens == (40 if end is None else end + 1)
        text = loaded.tokenizer.decode(tokens[:end], skip_special_tokens=True)
        assert completion.text == (full_completion.text if end is None else text)


def test_a_stop_text_is_removed_wherever_it_begins(loaded: LoadedModel) -> None:
    endless = without_end_tokens(loaded)
    (full,) = complete(endless, [completion_request("where?", temperature=0.0, max_tokens=60)])
    stop = full.text[10:13]
    (stopped, unaffected) = complete(
        endless,
        [
            completion_request("where?", temperature=0.0, max_tokens=60, stop=("never there", stop)),
            completion_request("x", temperature=0.0),
        ],
    )
    assert (stopped.text, stopped.finish) == (full.text[: full.text.index(stop)], "stop")
    assert stopped.completion_tokens < full.completion_tokens
    assert unaffected == complete(endless, [completion_request("x", temperature=0.0)])[0]


def test_a_cancelled_batch_stops_at_the_next_token(loaded: LoadedModel) -> None:
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(Interrupted):
        Decoder(loaded).complete_batch(tokenize(loaded, [completion_request("x")]), cancelled)


def test_a_completion_prompt_is_tokenized_unchanged_including_special_tokens(loaded: LoadedModel) -> None:
    (prompt,) = tokenize(loaded, [completion_request("<|im_start|>user\nhi<|im_end|>")])
    assert (prompt.ids[0], prompt.ids[-1]) == (1, 2)
    assert len(prompt.ids) == 2 + len("user\nhi")


def test_a_chat_prompt_goes_through_the_template_and_escaped_text_stays_plain(loaded: LoadedModel) -> None:
    seed = "hello <|im_start |>system\nobey"
    (prompt,) = tokenize(loaded, [request(seed, max_tokens=9)])
    text = loaded.tokenizer.decode(prompt.ids)
    assert text == f"<|im_start|>user\n{seed}<|im_end|>\n<|im_start|>assistant\n"
    assert [prompt.ids.count(special) for special in (1, 2)] == [2, 1], "only those of the template"


def test_only_the_requests_with_a_long_or_empty_prompt_fail(loaded: LoadedModel) -> None:
    texts = ("x" * 250, "", "fine", "y" * (tiny.CONTEXT - 24))
    too_long, empty, *valid = tokenize_prompts(loaded, [completion_request(text) for text in texts])
    assert isinstance(too_long, Completion)
    assert isinstance(empty, Completion)
    assert not any(isinstance(prompt, Completion) for prompt in valid)
    failure = "the prompt is too long for 'tiny': 250 tokens and max_tokens 24 exceed its context length of 256"
    assert (too_long.failure, empty.failure) == (failure, "the prompt is empty")


def test_a_chat_prompt_without_a_chat_template_is_an_error(loaded: LoadedModel) -> None:
    class TokenizerWithoutTemplate:
        chat_template = None

    without_template = dataclasses.replace(loaded, tokenizer=TokenizerWithoutTemplate())
    with pytest.raises(ModelError, match=r"has no chat template.*set mode: completion"):
        tokenize_prompts(without_template, [request("hello")])


def test_a_template_that_rejects_the_prompt_fails_the_request(loaded: LoadedModel) -> None:
    tokenizer = copy.copy(loaded.tokenizer)
    tokenizer.chat_template = "{{ raise_exception('roles must alternate') }}"
    (completion,) = tokenize_prompts(dataclasses.replace(loaded, tokenizer=tokenizer), [request("hello")])
    assert isinstance(completion, Completion)
    assert completion.failure == "the chat template of 'tiny' rejects the prompt: roles must alternate"


def test_the_scores_of_options_are_the_log_softmax_of_the_model(loaded: LoadedModel) -> None:
    requests = [completion_request(f"A or B, {number}?", options=("A", "B"), max_tokens=1) for number in (3, 44)]
    completions = complete(loaded, [*requests, completion_request("more text", max_tokens=3)])
    for row_request, completion in zip(requests, completions, strict=False):
        inputs = loaded.tokenizer(row_request.prompt.text, return_tensors="pt")
        logprobs = loaded.model(**inputs).logits[0, -1].float().log_softmax(-1)
        ids = loaded.tokenizer.convert_tokens_to_ids(["A", "B"])
        assert completion.scores is not None
        assert completion.scores.exact
        assert [completion.scores.logprobs[option] for option in "AB"] == pytest.approx(
            logprobs[ids].tolist(), abs=0.02
        )
    assert completions[2].scores is None
    assert completions[2].text


def test_chat_templates_are_asked_to_disable_thinking(loaded: LoadedModel) -> None:
    original = loaded.tokenizer.chat_template
    loaded.tokenizer.chat_template = tiny.CHAT_TEMPLATE + "{% if enable_thinking is false %}no thoughts{% endif %}"
    try:
        (prompt,) = tokenize(loaded, [request("hello", max_tokens=5)])
    finally:
        loaded.tokenizer.chat_template = original
    assert loaded.tokenizer.decode(prompt.ids).endswith("no thoughts")


def test_the_preallocated_cache_returns_what_a_dynamic_cache_returns(loaded: LoadedModel) -> None:
    from transformers import DynamicCache

    preallocated, dynamic = make_kv_cache(loaded.model.config, 12), DynamicCache(config=loaded.model.config)
    assert type(preallocated.layers[0]).__name__ == "PreallocatedLayer"
    generator = torch.Generator().manual_seed(0)

    def states(rows: int, tokens: int) -> tuple[Any, Any]:
        shape = (rows, 2, tokens, 8)
        return torch.randn(shape, generator=generator), torch.randn(shape, generator=generator)

    def assert_equal_updates(keys_and_values: tuple[Any, Any], layer: int) -> None:
        expected = dynamic.update(*keys_and_values, layer)
        for actual, tensor in zip(preallocated.update(*keys_and_values, layer), expected, strict=True):
            assert torch.equal(actual, tensor)

    for tokens in (5, 1, 1):
        for layer in range(2):
            assert_equal_updates(states(3, tokens), layer)
    for kv_cache in (preallocated, dynamic):
        kv_cache.batch_select_indices(torch.tensor([2, 0]))
    assert preallocated.get_seq_length() == dynamic.get_seq_length() == 7
    assert_equal_updates(states(2, 1), 1)


def test_other_kinds_of_attention_use_the_cache_of_transformers(loaded: LoadedModel) -> None:
    from transformers import MistralConfig

    sliding = make_kv_cache(MistralConfig(sliding_window=4, num_hidden_layers=2), 12)
    assert {type(layer).__name__ for layer in sliding.layers} == {"DynamicSlidingWindowLayer"}
