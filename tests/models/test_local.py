from __future__ import annotations

import asyncio
import os
import shutil
import threading
from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.models.model_calls import answers, complete, request, requests, runtime
from textsynth.core.errors import ModelError
from textsynth.core.records import Completion
from textsynth.models import ModelRuntime
from textsynth.models.local import Local, TransformersModel, make_batches
from textsynth.models.local.bundled import BUNDLED_IDENTITY, bundled_model_folder, installed_folder, is_installed
from textsynth.models.local.decoding import TokenizedPrompt
from textsynth.models.local.loading import LoadedModel


def test_identity_and_prompt_mode_of_the_bundled_model_and_of_others() -> None:
    assert (Local().identity, Local().prompt_mode) == (BUNDLED_IDENTITY, "completion")
    other = Local(model="acme/big", revision="v2")
    assert (other.identity, other.prompt_mode) == ("acme/big@v2", "chat")
    assert Local(model="acme/big").identity == "acme/big"
    assert Local(mode="chat").prompt_mode == "chat"


def test_the_identity_of_a_folder_depends_on_its_contents(tiny_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_folder, tmp_path / "mine")
    local = Local(model="./mine")
    before = local.identity_at(tmp_path)
    assert before.startswith("./mine@")
    assert before == local.identity_at(tmp_path)
    (tmp_path / "mine" / "generation_config.json").write_text("{}")
    assert local.identity_at(tmp_path) != before


@pytest.mark.parametrize("options", [{"batch": 0}, {"dtype": "int8"}, {"model": ""}, {"threads": 0}])
def test_invalid_options_are_rejected(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Local.model_validate(options)


def test_a_model_in_a_folder_answers_chat_and_completion_prompts(tiny_folder: Path) -> None:
    prompts = [request("hello", max_tokens=8), request("1. a\n2.", chat=False, max_tokens=8), request("x" * 999)]
    completions = answers(Local(model=str(tiny_folder)).open(runtime()), prompts)
    assert [completion.failure is None for completion in completions] == [True, True, False]
    assert all(0 < completion.completion_tokens <= 8 for completion in completions[:2])
    assert completions == answers(Local(model=str(tiny_folder), batch=1).open(runtime()), prompts)


def test_the_model_is_loaded_once_at_the_first_request(loaded: LoadedModel) -> None:
    loading_threads: list[str] = []

    def load() -> LoadedModel:
        loading_threads.append(threading.current_thread().name)
        return loaded

    async def make_two_calls() -> None:
        model = TransformersModel(load, batch_size=4)
        assert loading_threads == []
        prompts = requests(20, max_tokens=6)
        await asyncio.gather(complete(model, prompts[:10]), complete(model, prompts[10:]))
        await model.close()

    asyncio.run(make_two_calls())
    assert len(loading_threads) == 1
    assert loading_threads[0].startswith("local-model"), "not the thread of the event loop"


def test_a_model_that_cannot_be_loaded_stops_the_run(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="contains no model"):
        answers(Local(model=str(tmp_path)).open(runtime()), requests(2))


def test_a_cancelled_call_stops_decoding_and_the_model_stays_usable(loaded: LoadedModel) -> None:
    endless = LoadedModel("tiny", loaded.model, loaded.tokenizer, 10_000, frozenset())

    async def cancel_and_call_again() -> dict[str, Completion]:
        model = TransformersModel(lambda: endless, batch_size=8)
        call = asyncio.ensure_future(complete(model, requests(8, max_tokens=9000)))
        while not model.in_flight:
            await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert model.in_flight == 0
        completions = await complete(model, requests(2, max_tokens=3))
        await model.close()
        return completions

    assert len(asyncio.run(cancel_and_call_again())) == 2


def tokenized(length: int, name: str, max_tokens: int = 16) -> TokenizedPrompt:
    return TokenizedPrompt(request(name, max_tokens=max_tokens), [0] * length)


def test_batches_are_sorted_by_length_with_ties_in_plan_order() -> None:
    prompts = [tokenized(3, "a"), tokenized(9, "b"), tokenized(3, "c"), tokenized(5, "d"), tokenized(9, "e")]
    names = [[prompt.request.prompt.messages[0].content for prompt in batch] for batch in make_batches(prompts, 2)]
    assert names == [["b", "e"], ["d", "a"], ["c"]]
    assert list(make_batches([], 4)) == []


def test_batches_of_long_prompts_are_smaller() -> None:
    prompts = [tokenized(4000, str(number), 96) for number in range(8)] + [tokenized(10, "short")] * 64
    sizes = [len(batch) for batch in make_batches(prompts, 8)]
    assert sum(sizes) == 72
    assert sizes[:4] == [2, 2, 2, 2]
    assert list(map(len, make_batches([tokenized(10**6, "huge")], 8))) == [1]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder with the bundled model: the user's if it has the model, else a new one."""
    pytest.importorskip("gguf", reason="needs textsynth[local]")
    user_cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "textsynth"
    if is_installed(installed_folder(user_cache)):
        return user_cache
    new_cache = tmp_path_factory.mktemp("cache")
    try:
        bundled_model_folder(new_cache, [].append)
    except ModelError as error:
        pytest.skip(f"the bundled model is in no cache and cannot be downloaded: {error}")
    return new_cache


@pytest.mark.slow
def test_the_bundled_model_continues_a_list(cache: Path) -> None:
    """Slow: downloads 93 MB where no cache has them, converts them, and computes with 135 million weights."""
    text = "Animals:\n1. dog\n2. cat\n3. horse\n4."
    prompts = [request(text, chat=False, max_tokens=6, temperature=0.0, stop=("\n",)), request("Hi!", max_tokens=4)]
    completions = answers(Local().open(ModelRuntime(Path(), cache, [].append)), prompts)
    assert completions[0].text.strip().isalpha()
    assert completions[0].finish == "stop"
    assert completions[1].failure is None
    assert all(completion.prompt_tokens > 10 for completion in completions)
