"""Decodes one batch of prompts token by token, with a preallocated key-value cache.

Rows whose answers have ended are removed from the batch. An answer ends at a stop text, at any special token of the
model, or at max_tokens.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from textsynth.core.errors import ModelError
from textsynth.core.records import Completion, ModelRequest, OptionScores
from textsynth.models.local.prefill import group_prompts, has_full_attention, make_kv_cache, pad_left, steps_of
from textsynth.models.local.sampling import TokenSampler

if TYPE_CHECKING:
    import torch
    from transformers import Cache

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
        kv_cache = make_kv_cache(model.config, width + max_steps)
        logits = self._read_prompts([prompt.ids for prompt in prompts], kv_cache, width, cancelled)
        mask = pad_left([prompt.ids for prompt in prompts], width=width, device=model.device)[1]
        positions = mask.sum(-1, keepdim=True) - 1
        mask = torch.cat([mask, mask.new_ones((len(prompts), max_steps))], dim=-1)
        tokens = positions.new_empty(0)
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
            if step:
                logits = self._forward(tokens[:, None], mask[:, : width + step], positions, kv_cache)
            else:
                _score_options(self._loaded.tokenizer, active, logits)
            tokens = sampler.sample(logits, step)
            for row, token in zip(active, tokens.tolist(), strict=True):
                self._append(row, token)
            remaining = [index for index, row in enumerate(active) if not row.has_ended]
            if not remaining:
                break
            positions = positions + 1
            if len(remaining) <= (1 - MIN_REMOVED_PART) * len(active):
                indices = torch.tensor(remaining, device=model.device)
                tokens, positions, mask = tokens[indices], positions[indices], mask[indices]
                kv_cache.batch_select_indices(indices)
                sampler.keep_rows(indices)
                active = [active[index] for index in remaining]
        return rows

    def _read_prompts(
        self,
        prompts: Sequence[list[int]],
        kv_cache: Any,  # noqa: ANN401
        width: int,
        cancelled: threading.Event,
    ) -> torch.Tensor:
        """Read the prompts into the empty cache, right-aligned at `width`; return the logits after each, (rows, n)."""
        import torch

        device = self._loaded.model.device
        if not (has_full_attention(kv_cache) and self._takes_positions):
            inputs, mask = pad_left(prompts, width=width, device=device)
            return self._forward(inputs, mask, _positions(mask), kv_cache)
        unique = sorted({tuple(ids) for ids in prompts})
        groups = group_prompts(unique)
        group_of = {index: number for number, group in enumerate(groups) for index in group.prompts}
        prefixes = [unique[group.prompts[0]][: group.prefix] for group in groups]
        starts = self._read_prefixes(prefixes, cancelled)
        rows_of: dict[tuple[int, ...], list[int]] = {}
        for row, ids in enumerate(prompts):
            rows_of.setdefault(tuple(ids), []).append(row)
        logits: torch.Tensor | None = None
        rests = [ids[len(prefixes[group_of[index]]) :] for index, ids in enumerate(unique)]
        for step in steps_of([len(rest) for rest in rests]):
            if cancelled.is_set():
                raise Interrupted
            step_groups = [group_of[index] for index in step]
            step_logits, step_layers, columns = self._read_rests(
                [rests[index] for index in step],
                [prefixes[group] for group in step_groups],
                [starts[group] for group in step_groups],
            )
            targets = [(at, row) for at, index in enumerate(step) for row in rows_of[unique[index]]]
            origins = torch.tensor([at for at, _ in targets], device=device)
            rows = torch.tensor([row for _, row in targets], device=device)
            if logits is None:
                logits = step_logits.new_empty((len(prompts), step_logits.shape[-1]))
            logits[rows] = step_logits[origins]
            columns = columns[origins]
            for layer, step_layer in zip(kv_cache.layers, step_layers, strict=True):
                keys, values = (
                    states[origins[:, None], :, columns].transpose(1, 2)
                    for states in (step_layer.keys, step_layer.values)
                )
                layer.write_rows(rows, keys, values, all_rows=len(prompts), width=width)
        if logits is None:
            raise ValueError("a batch has at least one prompt")
        return logits

    def _read_prefixes(
        self, prefixes: Sequence[tuple[int, ...]], cancelled: threading.Event
    ) -> list[list[tuple[torch.Tensor, torch.Tensor]]]:
        """Return the keys and values (heads, tokens, dim) of each prefix, by layer; [] for an empty prefix."""
        read: list[list[tuple[torch.Tensor, torch.Tensor]]] = [[] for _ in prefixes]
        indexes = [index for index, prefix in enumerate(prefixes) if prefix]
        for step in steps_of([len(prefixes[index]) for index in indexes]):
            if cancelled.is_set():
                raise Interrupted
            chosen = [indexes[at] for at in step]
            width = len(prefixes[chosen[0]])
            inputs, mask = pad_left(
                [prefixes[index] for index in chosen], width=width, device=self._loaded.model.device
            )
            kv_cache: Any = make_kv_cache(self._loaded.model.config, width)
            self._forward(inputs, mask, _positions(mask), kv_cache)
            for row, index in enumerate(chosen):
                start = width - len(prefixes[index])
                read[index] = [(layer.keys[row, :, start:], layer.values[row, :, start:]) for layer in kv_cache.layers]
        return read

    def _read_rests(
        self,
        rests: Sequence[tuple[int, ...]],
        prefixes: Sequence[tuple[int, ...]],
        starts: Sequence[list[tuple[torch.Tensor, torch.Tensor]]],
    ) -> tuple[torch.Tensor, list[Any], torch.Tensor]:
        """Read what follows the prefixes, whose keys and values are `starts`.

        Return the logits, a cache's layers for these rows, and their columns that hold each prompt (rows, tokens),
        right-aligned.
        """
        import torch

        device = self._loaded.model.device
        before, width = max(map(len, prefixes)), max(map(len, rests))
        inputs, mask = pad_left(rests, width=width, device=device)
        prefix_mask = pad_left(prefixes, width=before, device=device)[1]
        positions = _positions(mask) + prefix_mask.sum(-1, keepdim=True)
        kv_cache: Any = make_kv_cache(self._loaded.model.config, before + width)
        if before:
            layers = next(start for start in starts if start)
            for number, layer in enumerate(kv_cache.layers):
                keys, values = (
                    states.new_zeros((len(rests), states.shape[0], before, states.shape[2]))
                    for states in layers[number]
                )
                for row, start in enumerate(starts):
                    if start:
                        length = start[number][0].shape[1]
                        keys[row, :, before - length :], values[row, :, before - length :] = start[number]
                layer.update(keys, values)
        logits = self._forward(inputs, torch.cat([prefix_mask, mask], dim=-1), positions, kv_cache)
        longest = max(len(prefix) + len(rest) for prefix, rest in zip(prefixes, rests, strict=True))
        columns = torch.zeros((len(rests), longest), dtype=torch.long)
        for row, (prefix, rest) in enumerate(zip(prefixes, rests, strict=True)):
            used = [*range(before - len(prefix), before), *range(before + width - len(rest), before + width)]
            columns[row, longest - len(used) :] = torch.tensor(used)
        return logits, kv_cache.layers, columns.to(device)

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


def _positions(mask: torch.Tensor) -> torch.Tensor:
    """Return the position of each token (rows, width); padding has that of the first token."""
    return (mask.cumsum(-1) - 1).clamp(min=0)
