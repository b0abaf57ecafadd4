"""Decodes one batch of prompts token by token, with a preallocated key-value cache.

Rows whose answers have ended are removed from the batch. An answer ends at a stop text, at any special token of the
model, or at max_tokens.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from textsynth.core.errors import ModelError
from textsynth.core.records import Completion, ModelRequest, OptionScores
from textsynth.models.local.sampling import TokenSampler

if TYPE_CHECKING:
    import torch
    from transformers import Cache, PreTrainedConfig

    from textsynth.models.local.loading import LoadedModel

# Removing rows copies the others, so rows are removed when at least this part of the batch has ended.
MIN_REMOVED_PART = 0.2


class TokenizedPrompt(NamedTuple):
    """A request with the token ids of its prompt."""

    request: ModelRequest
    ids: list[int]


class Interrupted(Exception):
    """Decoding stopped because the call that needed the answers was cancelled."""


class Decoder:
    """Decodes batches with a loaded model. Not thread-safe."""

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded = loaded
        parameters = inspect.signature(loaded.model.forward).parameters
        # transformers 5.24 renamed this parameter and warns about the old name.
        self._cache_parameter = "cache" if "cache" in parameters else "past_key_values"
        self._logits_arguments = {"logits_to_keep": 1} if "logits_to_keep" in parameters else {}
        self._takes_positions = "position_ids" in parameters

    def complete_batch(self, prompts: Sequence[TokenizedPrompt], cancelled: threading.Event) -> list[Completion]:
        """Return the completions of one batch, in its order. Raises Interrupted within a token of `cancelled`."""
        import torch

        with torch.inference_mode():
            rows = self._decode(prompts, cancelled)
        return [self._completion(row, prompt) for row, prompt in zip(rows, prompts, strict=True)]

    def _decode(self, prompts: Sequence[TokenizedPrompt], cancelled: threading.Event) -> list[_Row]:
        import torch

        model = self._loaded.model
        max_steps = max(prompt.request.sampling.max_tokens for prompt in prompts)
        width = max(len(prompt.ids) for prompt in prompts)
        inputs, mask = _pad_left(prompts, width=width, max_steps=max_steps, device=model.device)
        positions = (mask[:, :width].cumsum(-1) - 1).clamp(min=0)
        kv_cache = make_kv_cache(model.config, width + max_steps)
        sampler = TokenSampler(
            [prompt.request for prompt in prompts],
            [prompt.ids for prompt in prompts],
            vocabulary=model.get_output_embeddings().weight.shape[0],
            device=model.device,
        )
        rows = [_Row(prompt.request) for prompt in prompts]
        active = rows
        for step in range(max_steps):
            if cancelled.is_set():
                raise Interrupted
            logits = self._forward(inputs, mask[:, : width + step], positions, kv_cache)
            if step == 0:
                _score_options(self._loaded.tokenizer, active, logits)
            tokens = sampler.sample(logits, step)
            for row, token in zip(active, tokens.tolist(), strict=True):
                self._append(row, token)
            remaining = [index for index, row in enumerate(active) if not row.has_ended]
            if not remaining:
                break
            inputs, positions = tokens[:, None], positions[:, -1:] + 1
            if len(remaining) <= (1 - MIN_REMOVED_PART) * len(active):
                indices = torch.tensor(remaining, device=model.device)
                inputs, positions, mask = inputs[indices], positions[indices], mask[indices]
                kv_cache.batch_select_indices(indices)
                sampler.keep_rows(indices)
                active = [active[index] for index in remaining]
        return rows

    def _forward(
        self, inputs: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor, kv_cache: Cache
    ) -> torch.Tensor:
        arguments = {**self._logits_arguments, self._cache_parameter: kv_cache}
        if self._takes_positions:
            arguments["position_ids"] = positions
        output = self._loaded.model(input_ids=inputs, attention_mask=mask, use_cache=True, **arguments)
        logits: torch.Tensor = output.logits[:, -1]
        return logits

    def _append(self, row: _Row, token: int) -> None:
        if row.has_ended:
            return
        sampling = row.request.sampling
        row.tokens.append(token)
        if token in self._loaded.end_token_ids or self._contains_stop(row.tokens, sampling.stop):
            row.has_ended = True
        elif len(row.tokens) >= sampling.max_tokens:
            row.has_ended = True
            row.finish = "length"

    def _contains_stop(self, tokens: list[int], stops: Sequence[str]) -> bool:
        if not stops:
            return False
        # A token is at least one byte, so this many tokens contain any stop text that the newest token has completed.
        tail_length = max(len(stop.encode()) for stop in stops) + 8
        tail = self._decode_text(tokens[-tail_length:])
        return any(stop in tail for stop in stops) and any(stop in self._decode_text(tokens) for stop in stops)

    def _decode_text(self, tokens: Sequence[int]) -> str:
        text = self._loaded.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        if not isinstance(text, str):
            raise TypeError(f"the tokenizer decoded the tokens {list(tokens)[:8]} to {text!r}, expected a text")
        return text

    def _completion(self, row: _Row, prompt: TokenizedPrompt) -> Completion:
        if row.scores is not None:
            return Completion("", "stop", len(prompt.ids), len(row.tokens), scores=row.scores)
        ends_with_token = bool(row.tokens) and row.tokens[-1] in self._loaded.end_token_ids
        text = self._decode_text(row.tokens[:-1] if ends_with_token else row.tokens)
        stops = [index for stop in row.request.sampling.stop if (index := text.find(stop)) >= 0]
        if stops:
            text = text[: min(stops)]
        # max_tokens may split a character of several bytes.
        text = text.rstrip("\ufffd") if row.finish == "length" else text
        return Completion(text, "stop" if stops else row.finish, len(prompt.ids), len(row.tokens))


def tokenize_prompts(loaded: LoadedModel, requests: Sequence[ModelRequest]) -> list[TokenizedPrompt | Completion]:
    """Return each request's prompt as token ids, or the failed completion of a request that cannot be answered.

    A completion prompt is tokenized unchanged, including special tokens in its text. Raises ModelError for a chat
    prompt with a model that has no chat template.
    """
    return [_tokenize(loaded, request) for request in requests]


def make_kv_cache(config: PreTrainedConfig, length: int) -> Cache:
    """Return an empty key-value cache for `length` tokens a row.

    It is preallocated for models with full attention; for other kinds of attention it is transformers' own.
    """
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer

    kv_cache = DynamicCache(config=config)
    if kv_cache.layers and all(type(layer) is DynamicLayer for layer in kv_cache.layers):
        kv_cache.layers = [_preallocated_layer_class()(length) for _ in kv_cache.layers]
    return kv_cache


@dataclass(slots=True)
class _Row:
    """The state of one request in a batch."""

    request: ModelRequest
    tokens: list[int] = field(default_factory=list)
    has_ended: bool = False
    finish: str = "stop"
    scores: OptionScores | None = None


def _score_options(tokenizer: Any, rows: Sequence[_Row], logits: torch.Tensor) -> None:  # noqa: ANN401
    """Set the scores of the rows whose requests have options; `logits` (rows, vocabulary) are those of the model."""
    for row, row_logits in zip(rows, logits, strict=True):
        if not row.request.options:
            continue
        logprobs = row_logits.float().log_softmax(-1)
        by_option: dict[str, float] = {}
        for option in row.request.options:
            spellings = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in (option, f" {option}")]
            ids = sorted({ids[0] for ids in spellings if len(ids) == 1})
            if ids:
                by_option[option] = min(float(logprobs[ids].logsumexp(0)), 0.0)
        row.scores = OptionScores(by_option, exact=len(by_option) == len(row.request.options))


def _tokenize(loaded: LoadedModel, request: ModelRequest) -> TokenizedPrompt | Completion:
    from jinja2 import TemplateError

    prompt, tokenizer = request.prompt, loaded.tokenizer
    if prompt.messages:
        if tokenizer.chat_template is None:
            raise ModelError(
                f"the model {loaded.name!r} has no chat template, and the prompt {prompt.name!r} is a chat;"
                " set mode: completion for this model"
            )
        messages = [{"role": message.role, "content": message.content} for message in prompt.messages]
        try:
            # enable_thinking turns reasoning off in the templates that know it; others ignore it.
            text = tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True, enable_thinking=False
            )
        except TemplateError as error:
            return Completion("", failure=f"the chat template of {loaded.name!r} rejects the prompt: {error}")
        ids = list(tokenizer(text, add_special_tokens=False)["input_ids"])
    else:
        ids = list(tokenizer(prompt.text)["input_ids"])
    failure = _length_failure(loaded, len(ids), request.sampling.max_tokens)
    return TokenizedPrompt(request, ids) if failure is None else Completion("", failure=failure)


def _length_failure(loaded: LoadedModel, prompt_tokens: int, max_tokens: int) -> str | None:
    if not prompt_tokens:
        return "the prompt is empty"
    if prompt_tokens + max_tokens > loaded.context_length:
        return (
            f"the prompt is too long for {loaded.name!r}: {prompt_tokens} tokens and max_tokens {max_tokens} exceed"
            f" its context length of {loaded.context_length}"
        )
    return None


def _pad_left(
    prompts: Sequence[TokenizedPrompt], *, width: int, max_steps: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the token ids (rows, width), padded on the left, and the attention mask (rows, width + max_steps)."""
    import torch

    inputs = torch.zeros((len(prompts), width), dtype=torch.long)
    mask = torch.ones((len(prompts), width + max_steps), dtype=torch.long)
    for row, prompt in enumerate(prompts):
        padding = width - len(prompt.ids)
        inputs[row, padding:] = torch.tensor(prompt.ids)
        mask[row, :padding] = 0
    return inputs.to(device), mask.to(device)


@cache
def _preallocated_layer_class() -> type:
    # Defined in a function, because importing transformers is slow.
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
            self.keys, self.values = self.buffers[0][:, :, :end], self.buffers[1][:, :, :end]
            return self.keys, self.values

        def batch_select_indices(self, indices: torch.Tensor) -> None:
            """Keep only these rows."""
            end = self.get_seq_length()
            selected = []
            for buffer in self.buffers:
                copy = buffer.new_empty((len(indices), *buffer.shape[1:]))
                copy[:, :, :end] = buffer[indices, :, :end]
                selected.append(copy)
            self.buffers = selected[0], selected[1]
            self.keys, self.values = self.buffers[0][:, :, :end], self.buffers[1][:, :, :end]

    return PreallocatedLayer


def _empty_buffer(states: torch.Tensor, length: int) -> torch.Tensor:
    rows, heads, _, dim = states.shape
    return states.new_empty((rows, heads, length, dim))
