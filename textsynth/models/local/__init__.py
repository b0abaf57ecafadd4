"""A model in this process, by transformers: the embedded one, any name of the Hugging Face Hub, or a folder.

Batches are formed from each window's requests in plan order, sorted by length, never by arrival, and each request
draws with random numbers of its own, so a fresh run repeats on the same machine. Answers are not held to a schema.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Literal, ParamSpec, TypeVar

from pydantic import Field

from textsynth.core.errors import require_extra
from textsynth.core.records import Completion, ModelRequest
from textsynth.models import Model, ModelOptions, ModelRuntime, OnCompletion, PromptMode
from textsynth.models.local.bundled import BUNDLED_IDENTITY, BUNDLED_MODEL, bundled_model_folder
from textsynth.models.local.loading import LoadedModel, ModelSpec, fingerprint, load_model, local_folder

if TYPE_CHECKING:
    from textsynth.models.local.decoding import TokenizedPrompt

# A batch holds fewer requests where prompts are long: its memory grows with all its tokens.
TOKENS_PER_ROW = 1024

P = ParamSpec("P")
T = TypeVar("T")


class Local(ModelOptions):
    """A transformers model in this process; the default one needs no server and, once got, no network."""

    model: str = Field(
        default=BUNDLED_MODEL, min_length=1, description="a Hub name or a folder (./…); left out: the embedded model"
    )
    revision: str | None = Field(default=None, description="branch, tag or commit on the Hub")
    mode: Literal["chat", "completion"] | None = Field(
        default=None,
        description="which form of a prompt suits it; left out: completion for the embedded model, else chat",
    )
    batch: int = Field(default=64, ge=1, description="requests decoded together; fewer where prompts are long")
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="auto: bfloat16 where the processor computes with it, else float32"
    )
    threads: int | None = Field(default=None, ge=1, description="processor threads; left out: torch decides")
    trust_remote_code: bool = Field(default=False, description="run code that comes with the model; read it first")

    @property
    def identity(self) -> str:
        """Name and revision; of the embedded model the beginning of its sha256."""
        if self.model == BUNDLED_MODEL:
            return BUNDLED_IDENTITY
        return self.model if self.revision is None else f"{self.model}@{self.revision}"

    def identity_at(self, recipe: Path) -> str:
        """Return the identity; of a folder also a hash of its small files and of the sizes of the large ones."""
        folder = local_folder(self.model, recipe)
        return self.identity if folder is None else f"{self.model}@{fingerprint(folder)}"

    @property
    def prompt_mode(self) -> PromptMode:
        """Completion for the embedded model, which continues a list better than it follows instructions."""
        if self.mode is not None:
            return self.mode
        return "completion" if self.model == BUNDLED_MODEL else "chat"

    @property
    def window_size(self) -> int:
        """Two batches: answers are slow here, so the plan soon follows what they brought."""
        return 2 * self.batch

    def check_dependencies(self) -> None:
        """Raise MissingExtra without torch or transformers."""
        require_extra("local", "torch", "transformers", why=f"the local model {self.model!r}")

    def open(self, place: ModelRuntime) -> Model:
        """Return the model; it is loaded at the first request, in a thread. Raises MissingExtra."""
        self.check_dependencies()
        return TransformersModel(lambda: self._load(place), batch=self.batch)

    def _load(self, place: ModelRuntime) -> LoadedModel:
        import torch

        if self.threads is not None:
            torch.set_num_threads(self.threads)
        source = (
            bundled_model_folder(place.cache_folder, place.log)
            if self.model == BUNDLED_MODEL
            else local_folder(self.model, place.recipe_folder)
        )
        wanted = ModelSpec(
            name=self.model,
            source=source if source is not None else self.model,
            revision=self.revision,
            dtype=self.dtype,
            trust_remote_code=self.trust_remote_code,
        )
        return load_model(wanted, place.log)


class TransformersModel:
    """Answers with a model that `load` returns, in a thread of its own; one batch at a time over all calls.

    `in_flight` is the size of the batch at work, `retried` stays 0.
    """

    def __init__(self, load: Callable[[], LoadedModel], *, batch: int) -> None:
        self.in_flight = 0
        self.retried = 0
        self._load = load
        self._batch = batch
        self._loaded: LoadedModel | None = None
        self._turn = asyncio.Lock()
        self._halts: set[threading.Event] = set()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="local-model")

    async def complete(self, requests: Sequence[ModelRequest], on_completion: OnCompletion) -> None:
        """Answer all requests; an earlier call's batches go before a later one's. See `Model.complete`."""
        halt = threading.Event()
        self._halts.add(halt)
        try:
            async with self._turn:
                await self._complete(requests, on_completion, halt)
        finally:
            # A thread cannot be cancelled: when this call is, tell it to stop at its next token.
            halt.set()
            self._halts.discard(halt)

    async def _complete(self, requests: Sequence[ModelRequest], arrived: OnCompletion, halt: threading.Event) -> None:
        from textsynth.models.local.decoding import Decoder, tokenize_prompts

        if self._loaded is None:
            self._loaded = await self._run(self._load)
        decoder = Decoder(self._loaded)
        prompts: list[TokenizedPrompt] = []
        for request, found in zip(requests, await self._run(tokenize_prompts, self._loaded, requests), strict=True):
            if isinstance(found, Completion):
                await arrived(request, found)
            else:
                prompts.append(found)
        for some in make_batches(prompts, self._batch):
            self.in_flight = len(some)
            try:
                completions = await self._run(decoder.complete_batch, some, halt)
            finally:
                self.in_flight = 0
            for prompt, completion in zip(some, completions, strict=True):
                await arrived(prompt.request, completion)

    async def close(self) -> None:
        """Stop what is being decoded and let go of the model."""
        for halt in self._halts:
            halt.set()
        await asyncio.to_thread(self._thread.shutdown, wait=True, cancel_futures=True)
        self._loaded = None

    async def _run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        going = asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(*args, **kwargs))
        try:
            return await asyncio.shield(going)
        except asyncio.CancelledError:
            going.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise


def make_batches(prompts: Sequence[TokenizedPrompt], batch: int) -> Iterator[list[TokenizedPrompt]]:
    """Yield the prompts by length, longest first, equal ones in plan order, at most `batch` at once."""
    some: list[TokenizedPrompt] = []
    longest = most = 0
    for prompt in sorted(prompts, key=lambda one: -len(one.ids)):
        longest = max(longest, len(prompt.ids))
        most = max(most, prompt.request.sampling.max_tokens)
        if some and (len(some) == batch or (len(some) + 1) * (longest + most) > batch * TOKENS_PER_ROW):
            yield some
            some, longest, most = [], len(prompt.ids), prompt.request.sampling.max_tokens
        some.append(prompt)
    if some:
        yield some
