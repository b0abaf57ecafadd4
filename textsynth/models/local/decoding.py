"""Decoding one batch: a loop over tokens which rows soon leave when they have ended.

Answers end at a stop text, at any special token of the model, or at max_tokens.
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

# Taking rows out copies the rest, which pays from about this share on.
LEAVES = 0.2


class TokenizedPrompt(NamedTuple):
    """A request with the token ids of its prompt."""

    request: ModelRequest
    ids: list[int]


class Interrupted(Exception):
    """The call that wanted these answers is gone."""


@dataclass(slots=True)
class _Row:
    place: int
    request: ModelRequest
    tokens: list[int] = field(default_factory=list)
    ended: bool = False
    finish: str = "stop"
    scores: OptionScores | None = None


class Decoder:
    """Decodes batches with a loaded model. Not for two threads at once."""

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded = loaded
        self._ends = loaded.end_token_ids
        takes = inspect.signature(loaded.model.forward).parameters
        # transformers 5.24 renamed the argument and warns of the old name.
        self._cache_name = "cache" if "cache" in takes else "past_key_values"
        self._further = {"logits_to_keep": 1} if "logits_to_keep" in takes else {}
        self._positions = "position_ids" in takes

    def complete_batch(self, prompts: Sequence[TokenizedPrompt], halt: threading.Event) -> list[Completion]:
        """Return the completions of one batch, in its order. Raises Halted soon after `halt` is set."""
        import torch

        with torch.inference_mode():
            rows = self._decode(prompts, halt)
        return [self._completion(row, prompt) for row, prompt in zip(rows, prompts, strict=True)]

    def _decode(self, prompts: Sequence[TokenizedPrompt], halt: threading.Event) -> list[_Row]:
        import torch

        model = self._loaded.model
        longest = max(prompt.request.sampling.max_tokens for prompt in prompts)
        width = max(len(prompt.ids) for prompt in prompts)
        inputs, mask = _padded(prompts, width=width, room=longest, device=model.device)
        positions = (mask[:, :width].cumsum(-1) - 1).clamp(min=0)
        memory = make_kv_cache(model.config, width + longest)
        vocabulary = model.get_output_embeddings().weight.shape[0]
        requests = [prompt.request for prompt in prompts]
        ids = [prompt.ids for prompt in prompts]
        drawer = TokenSampler(requests, ids, vocabulary=vocabulary, device=model.device)
        rows = [_Row(place, request) for place, request in enumerate(requests)]
        alive = rows
        for step in range(longest):
            if halt.is_set():
                raise Interrupted
            logits = self._forward(inputs, mask[:, : width + step], positions, memory)
            if step == 0:
                score(self._loaded.tokenizer, alive, logits)
            drawn = drawer.sample(logits, step)
            for row, token in zip(alive, drawn.tolist(), strict=True):
                self._take(row, token)
            stay = [at for at, row in enumerate(alive) if not row.ended]
            if not stay:
                break
            inputs, positions = drawn[:, None], positions[:, -1:] + 1
            if len(stay) <= (1 - LEAVES) * len(alive):
                kept = torch.tensor(stay, device=model.device)
                inputs, positions, mask = inputs[kept], positions[kept], mask[kept]
                memory.batch_select_indices(kept)
                drawer.keep_rows(kept)
                alive = [alive[at] for at in stay]
        return rows

    def _forward(
        self, inputs: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor, memory: object
    ) -> torch.Tensor:
        further = {**self._further, self._cache_name: memory}
        if self._positions:
            further["position_ids"] = positions
        out = self._loaded.model(input_ids=inputs, attention_mask=mask, use_cache=True, **further)
        logits: torch.Tensor = out.logits[:, -1]
        return logits

    def _take(self, row: _Row, token: int) -> None:
        if row.ended:
            return
        sampling = row.request.sampling
        row.tokens.append(token)
        if token in self._ends or self._stops(row.tokens, sampling.stop):
            row.ended = True
        elif len(row.tokens) >= sampling.max_tokens:
            row.ended = True
            row.finish = "length"

    def _stops(self, tokens: list[int], stop: Sequence[str]) -> bool:
        if not stop:
            return False
        # A token is at least one byte, so this many hold the stop text that the newest token may have completed.
        tail = max(len(one.encode()) for one in stop) + 8
        end = self._text(tokens[-tail:])
        return any(one in end for one in stop) and any(one in self._text(tokens) for one in stop)

    def _text(self, tokens: Sequence[int]) -> str:
        text = self._loaded.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        if not isinstance(text, str):
            raise TypeError(f"the tokenizer made {text!r} of the tokens {list(tokens)[:8]}, not a text")
        return text

    def _completion(self, row: _Row, prompt: TokenizedPrompt) -> Completion:
        if row.scores is not None:
            return Completion("", "stop", len(prompt.ids), len(row.tokens), scores=row.scores)
        ends_itself = bool(row.tokens) and row.tokens[-1] in self._ends
        text = self._text(row.tokens[:-1] if ends_itself else row.tokens)
        found = [at for stop in row.request.sampling.stop if (at := text.find(stop)) >= 0]
        if found:
            text = text[: min(found)]
        # max_tokens may cut a letter of several bytes in two
        text = text.rstrip("\ufffd") if row.finish == "length" else text
        return Completion(text, "stop" if found else row.finish, len(prompt.ids), len(row.tokens))


def score(tokenizer: Any, rows: Sequence[_Row], logits: torch.Tensor) -> None:  # noqa: ANN401
    """Note what the model holds of the options of those rows that have some; `logits` (rows, vocabulary) are raw."""
    for row, values in zip(rows, logits, strict=True):
        if not row.request.options:
            continue
        logprobs = values.float().log_softmax(-1)
        known: dict[str, float] = {}
        for option in row.request.options:
            spelled = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in (option, f" {option}")]
            ids = sorted({ids[0] for ids in spelled if len(ids) == 1})
            if ids:
                known[option] = min(float(logprobs[ids].logsumexp(0)), 0.0)
        row.scores = OptionScores(known, exact=len(known) == len(row.request.options))


def tokenize_prompts(loaded: LoadedModel, requests: Sequence[ModelRequest]) -> list[TokenizedPrompt | Completion]:
    """Return each request's prompt as token ids, or the failed completion of one that cannot be answered.

    A raw prompt is taken as it stands, special tokens in it included. Raises ModelError when a chat is asked of a
    model without a chat template.
    """
    return [_tokenized(loaded, request) for request in requests]


def _tokenized(loaded: LoadedModel, request: ModelRequest) -> TokenizedPrompt | Completion:
    from jinja2 import TemplateError

    prompt, tokenizer = request.prompt, loaded.tokenizer
    if prompt.messages:
        if tokenizer.chat_template is None:
            raise ModelError(
                f"the model {loaded.name!r} has no chat template, and prompt {prompt.name!r} is a chat;"
                " write mode: completion for this model"
            )
        turns = [{"role": message.role, "content": message.content} for message in prompt.messages]
        try:
            # templates of models that can think switch it off by this; others do not look at it
            text = tokenizer.apply_chat_template(
                turns, tokenize=False, add_generation_prompt=True, enable_thinking=False
            )
        except TemplateError as fault:
            return Completion("", failure=f"the chat template of {loaded.name!r} refuses the prompt: {fault}")
        ids = list(tokenizer(text, add_special_tokens=False)["input_ids"])
    else:
        ids = list(tokenizer(prompt.text)["input_ids"])
    return _fitting(loaded, TokenizedPrompt(request, ids))


def _fitting(loaded: LoadedModel, prompt: TokenizedPrompt) -> TokenizedPrompt | Completion:
    asked, most = len(prompt.ids), prompt.request.sampling.max_tokens
    if not asked:
        return Completion("", failure="the prompt is empty")
    if asked + most > loaded.context_length:
        return Completion(
            "",
            failure=f"too long a prompt for {loaded.name!r}: {asked} tokens, and max_tokens {most} more;"
            f" together {loaded.context_length} fit",
        )
    return prompt


def _padded(
    prompts: Sequence[TokenizedPrompt], *, width: int, room: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the token ids (rows, width), padded on the left, and a mask (rows, width + room) of what is no padding."""
    import torch

    inputs = torch.zeros((len(prompts), width), dtype=torch.long)
    mask = torch.ones((len(prompts), width + room), dtype=torch.long)
    for row, prompt in enumerate(prompts):
        padding = width - len(prompt.ids)
        inputs[row, padding:] = torch.tensor(prompt.ids)
        mask[row, :padding] = 0
    return inputs.to(device), mask.to(device)


def make_kv_cache(config: PreTrainedConfig, length: int) -> Cache:
    """Return an empty cache for `length` tokens a row; transformers' own for models with another kind of attention."""
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer

    own = DynamicCache(config=config)
    if own.layers and all(type(layer) is DynamicLayer for layer in own.layers):
        own.layers = [_preallocated_layer()(length) for _ in own.layers]
    return own


@cache
def _preallocated_layer() -> type:
    from transformers.cache_utils import DynamicLayer

    class PreallocatedLayer(DynamicLayer):  # type: ignore[no-untyped-call]
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

    return PreallocatedLayer


def _empty(states: torch.Tensor, length: int) -> torch.Tensor:
    rows, heads, _, dim = states.shape
    return states.new_empty((rows, heads, length, dim))
