"""A model that runs in this process with transformers: the bundled model, a model of the Hugging Face Hub, or a folder.

Each window of requests is split into batches by prompt length in plan order, never by arrival time, and each request is
sampled with its own random numbers, so that a rerun gives the same answers on the same machine. Constraints (a JSON
schema, a choice, a regular expression, a grammar) are not enforced while decoding.
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
from textsynth.models import BatchedModel, Model, ModelOptions, ModelRuntime, OnCompletion, PromptMode, WorkerNeeds
from textsynth.models.local.bundled import BUNDLED_IDENTITY, BUNDLED_MODEL, bundled_model_folder
from textsynth.models.local.loading import LoadedModel, ModelSpec, fingerprint, load_model, local_folder

if TYPE_CHECKING:
    from textsynth.models.local.decoding import TokenizedPrompt

# The token budget of a batch is this times its size: a batch of long prompts has fewer requests, which bounds memory.
TOKENS_PER_ROW = 1024
FIRST_BATCH = 8
# Measured with the bundled model on two CPU cores: 150 to 350; this is the geometric mean.
TOKENS_PER_SECOND = 229.0

P = ParamSpec("P")
T = TypeVar("T")


class Local(ModelOptions):
    """A transformers model in this process; the default one needs no server and, once downloaded, no network."""

    model: str = Field(
        default=BUNDLED_MODEL,
        min_length=1,
        description=f"a Hub name or a folder (./…); default: the bundled model {BUNDLED_MODEL}",
    )
    revision: str | None = Field(default=None, description="branch, tag or commit on the Hub")
    mode: Literal["chat", "completion"] | None = Field(
        default=None,
        description="the mode of prompt to use; default: completion for the bundled model, else chat",
    )
    batch: int = Field(default=64, ge=1, description="requests decoded together; fewer where prompts are long")
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="auto: bfloat16 where the processor supports it, else float32"
    )
    threads: int | None = Field(default=None, ge=1, description="CPU threads; default: torch's default")
    trust_remote_code: bool = Field(
        default=False, description="run Python code that the model's repository contains; read it first"
    )

    @property
    def identity(self) -> str:
        """Name and revision; for the bundled model its name and the first digits of the sha256 of its weights."""
        if self.model == BUNDLED_MODEL:
            return BUNDLED_IDENTITY
        return self.model if self.revision is None else f"{self.model}@{self.revision}"

    def identity_at(self, recipe_folder: Path) -> str:
        """Return the identity; for a folder with a hash of its files, of large ones by samples."""
        folder = local_folder(self.model, recipe_folder)
        return self.identity if folder is None else f"{self.model}@{fingerprint(folder)}"

    @property
    def prompt_mode(self) -> PromptMode:
        """Completion for the bundled model, which continues a list better than it follows instructions; else chat."""
        if self.mode is not None:
            return self.mode
        return "completion" if self.model == BUNDLED_MODEL else "chat"

    @property
    def window_size(self) -> int:
        """Two batches: decoding is slow, and small windows let the plan react to accepted texts sooner."""
        return 2 * self.batch

    @property
    def first_window_size(self) -> int:
        """A small batch, so that the first text comes soon."""
        return FIRST_BATCH

    @property
    def tokens_per_second(self) -> float:
        """The speed measured with the bundled model; larger models are slower."""
        return TOKENS_PER_SECOND

    def check_dependencies(self) -> None:
        """Raise MissingExtra without torch or transformers."""
        require_extra("local", "torch", "transformers", why=f"the local model {self.model!r}")

    def open(self, runtime: ModelRuntime) -> Model:
        """Return the model; its weights are loaded at the first request, in a thread. Raises MissingExtra."""
        self.check_dependencies()
        return TransformersModel(lambda: self._load(runtime), batch_size=self.batch)

    def worker_needs(self, runtime: ModelRuntime) -> WorkerNeeds:
        """Return one worker for each node: it decodes with all CPUs."""
        return WorkerNeeds("node")

    def _load(self, runtime: ModelRuntime) -> LoadedModel:
        import torch

        if self.threads is not None:
            torch.set_num_threads(self.threads)
        folder = (
            bundled_model_folder(runtime.cache_folder, runtime.log)
            if self.model == BUNDLED_MODEL
            else local_folder(self.model, runtime.recipe_folder)
        )
        spec = ModelSpec(
            name=self.model,
            source=folder if folder is not None else self.model,
            revision=self.revision,
            dtype=self.dtype,
            trust_remote_code=self.trust_remote_code,
        )
        return load_model(spec, runtime.log)


class TransformersModel(BatchedModel):
    """Answers with the model that `load` returns, in its own thread; decodes one batch at a time over all calls."""

    def __init__(self, load: Callable[[], LoadedModel], *, batch_size: int) -> None:
        self._load = load
        self._batch_size = batch_size
        self._loaded: LoadedModel | None = None
        self._in_flight = 0
        self._lock = asyncio.Lock()
        self._cancel_events: set[threading.Event] = set()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="local-model")

    @property
    def in_flight(self) -> int:
        """The size of the batch that is being decoded."""
        return self._in_flight

    async def complete(self, requests: Sequence[ModelRequest], on_completion: OnCompletion) -> None:
        """Answer all requests, after the requests of earlier calls. See `Model.complete`."""
        cancelled = threading.Event()
        self._cancel_events.add(cancelled)
        try:
            async with self._lock:
                await self._complete(requests, on_completion, cancelled)
        finally:
            # A thread cannot be cancelled: the event makes it stop at its next token.
            cancelled.set()
            self._cancel_events.discard(cancelled)

    async def divide(self, requests: Sequence[ModelRequest]) -> list[Sequence[ModelRequest]]:
        """Return the batches that `complete` decodes; those that fail without being decoded come first."""
        prompts, failed = await self._tokenize(requests)
        batches = [[prompt.request for prompt in batch] for batch in make_batches(prompts, self._batch_size)]
        return [*([[request for request, _ in failed]] if failed else []), *batches]

    async def close(self) -> None:
        """Stop decoding and release the model."""
        for cancelled in self._cancel_events:
            cancelled.set()
        await asyncio.to_thread(self._thread.shutdown, wait=True, cancel_futures=True)
        self._loaded = None

    async def _complete(
        self, requests: Sequence[ModelRequest], on_completion: OnCompletion, cancelled: threading.Event
    ) -> None:
        from textsynth.models.local.decoding import Decoder

        prompts, completions_at_once = await self._tokenize(requests)
        for request, completion in completions_at_once:
            await on_completion(request, completion)
        if self._loaded is None:
            raise RuntimeError("the model is loaded where prompts are tokenized")
        decoder = Decoder(self._loaded)
        for batch in make_batches(prompts, self._batch_size):
            self._in_flight = len(batch)
            try:
                completions = await self._run_in_thread(decoder.complete_batch, batch, cancelled)
            finally:
                self._in_flight = 0
            # All at once, so that the journal commits them together: a run that is killed and continued then decodes
            # the same batches, and a batch is never divided.
            await asyncio.gather(
                *(
                    on_completion(prompt.request, completion)
                    for prompt, completion in zip(batch, completions, strict=True)
                )
            )

    async def _tokenize(
        self, requests: Sequence[ModelRequest]
    ) -> tuple[list[TokenizedPrompt], list[tuple[ModelRequest, Completion]]]:
        """Return the prompts that can be decoded, and the requests that fail before; loads the model first."""
        from textsynth.models.local.decoding import tokenize_prompts

        if self._loaded is None:
            self._loaded = await self._run_in_thread(self._load)
        results = await self._run_in_thread(tokenize_prompts, self._loaded, requests)
        prompts = [result for result in results if not isinstance(result, Completion)]
        pairs = zip(requests, results, strict=True)
        return prompts, [(request, result) for request, result in pairs if isinstance(result, Completion)]

    async def _run_in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        future = asyncio.get_running_loop().run_in_executor(self._thread, lambda: function(*args, **kwargs))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            # Retrieve the exception of the thread, or asyncio would log that it was never retrieved.
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise


def make_batches(prompts: Sequence[TokenizedPrompt], batch_size: int) -> Iterator[list[TokenizedPrompt]]:
    """Yield the prompts in batches by length, longest first, prompts of equal length in plan order.

    A batch has at most `batch_size` prompts, and fewer where prompts and answers exceed its token budget.
    """
    batch: list[TokenizedPrompt] = []
    max_prompt = max_answer = 0
    for prompt in sorted(prompts, key=lambda prompt: -len(prompt.ids)):
        max_prompt = max(max_prompt, len(prompt.ids))
        max_answer = max(max_answer, prompt.request.sampling.max_tokens)
        tokens = (len(batch) + 1) * (max_prompt + max_answer)
        if batch and (len(batch) == batch_size or tokens > batch_size * TOKENS_PER_ROW):
            yield batch
            batch, max_prompt, max_answer = [], len(prompt.ids), prompt.request.sampling.max_tokens
        batch.append(prompt)
    if batch:
        yield batch
