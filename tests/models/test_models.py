"""The defaults of the base classes, which a user's own model inherits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from tests.models.model_calls import answers, requests, runtime
from textsynth.core.records import Completion, ModelRequest
from textsynth.models import Model, ModelOptions, ModelRuntime, OnCompletion


class Echo(ModelOptions):
    """A model with only the required members."""

    @property
    def identity(self) -> str:
        return "echo"

    def open(self, runtime: ModelRuntime) -> Model:
        return EchoModel()


class EchoModel(Model):
    async def complete(self, requests: Sequence[ModelRequest], on_completion: OnCompletion) -> None:
        for request in requests:
            await on_completion(request, Completion(request.prompt.messages[0].content))


def test_a_model_with_only_the_required_members_answers() -> None:
    texts = [completion.text for completion in answers(Echo().open(runtime()), requests(2))]
    assert texts == ["question 0.", "question 1."]


def test_the_optional_members_of_a_model_have_defaults() -> None:
    model = EchoModel()
    assert model.in_flight is None
    asyncio.run(model.close())


def test_the_optional_members_of_the_options_have_defaults() -> None:
    options = Echo()
    assert options.identity_at(Path()) == "echo"
    assert (options.prompt_mode, options.window_size, options.tokens_per_second) == ("chat", 512, None)
    assert options.batch_line(requests(1)[0]) is None
    options.check_dependencies()
