from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.runner.recipes import small_recipe
from textsynth.core.records import Completion, GenerationRequest, RenderedPrompt, Sampling
from textsynth.recipe import read_recipe
from textsynth.runner import run
from textsynth.runner.max_tokens import AdaptiveMaxTokens

PROMPT = RenderedPrompt("p", "f", text="x")
CUT = Completion("", "length")
FAILED = Completion("", failure="too long a prompt")
WHOLE = Completion("1. a text")


def asks(count: int = 10, item: str = "labelled", most: int = 100) -> list[GenerationRequest]:
    return [GenerationRequest(item, "m", PROMPT, Sampling(max_tokens=most))] * count


def window(
    limits: AdaptiveMaxTokens, completions: Sequence[Completion], item: str = "labelled"
) -> tuple[int, list[str]]:
    """Plan and commit a window; return the limit it was asked with and what was said."""
    planned = limits.apply(asks(len(completions), item))
    read = [place for place, one in enumerate(completions) if one is WHOLE]
    return planned[0].sampling.max_tokens, limits.update(planned, completions, read)


def test_a_generator_most_of_whose_answers_were_cut_writes_longer_ones_up_to_four_times() -> None:
    limits = AdaptiveMaxTokens()
    cut = [CUT] * 6 + [WHOLE] * 4
    assert [window(limits, cut)[0] for _ in range(4)] == [100, 200, 400, 400]
    assert window(limits, [WHOLE] * 10) == (400, [])
    assert window(limits, [WHOLE] * 10, "paraphrase") == (100, [])


def test_it_says_what_it_does_and_what_would_be_right() -> None:
    _, (told,) = window(AdaptiveMaxTokens(), [CUT] * 9)
    assert told.startswith("labelled: 9 of 9 answers were cut at max_tokens 100 with no text in them: asked with 200")


def test_answers_with_texts_in_them_few_cuts_and_small_windows_change_nothing() -> None:
    limits = AdaptiveMaxTokens()
    planned = limits.apply(asks())
    assert limits.update(planned, [Completion("1. a\n2. b", "length")] * 10, range(10)) == []
    assert window(limits, [CUT] * 5 + [WHOLE] * 5) == (100, [])
    assert window(limits, [CUT] * 7) == (100, [])
    assert window(limits, [WHOLE] * 10) == (100, [])


def test_a_window_that_was_on_its_way_with_the_old_limit_raises_nothing_again() -> None:
    limits = AdaptiveMaxTokens()
    first, second = limits.apply(asks()), limits.apply(asks())
    assert limits.update(first, [CUT] * 10, [])
    assert limits.update(second, [CUT] * 10, []) == []
    assert window(limits, [WHOLE] * 10)[0] == 200


def test_a_limit_that_the_model_has_no_room_for_is_taken_back_for_good() -> None:
    limits = AdaptiveMaxTokens()
    window(limits, [CUT] * 10)
    used, (told,) = window(limits, [FAILED] * 10)
    assert (used, told) == (200, "labelled: most requests with max_tokens 200 failed: back to 100")
    assert window(limits, [CUT] * 10) == (100, [])


def test_asks_with_an_outgrown_limit_say_nothing_of_later_ones() -> None:
    limits = AdaptiveMaxTokens()
    planned = limits.apply(asks())
    assert limits.stale_requests(planned, [0]) == set()
    limits.update(planned, [WHOLE] + [CUT] * 9, [0])
    assert limits.stale_requests(planned, [0]) == set(range(1, 10))
    assert limits.stale_requests(limits.apply(asks()), []) == set()


def test_asks_without_a_model_have_no_limit() -> None:
    given = [GenerationRequest("existing", "", None, Sampling())]
    assert AdaptiveMaxTokens().apply(given) == given


def test_a_run_raises_its_limit_and_again_at_the_same_place(tmp_path: Path) -> None:
    (tmp_path / "short.py").write_text(
        "from textsynth.core.records import Completion\n"
        "def answer(request):\n"
        "    start = int(request.key[:8], 16)\n"
        "    text = f'text {start} about parcel {start % 97}'\n"
        "    return text if request.sampling.max_tokens >= 96 else Completion(text[:5], 'length')\n"
    )
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "one.jinja").write_text(
        "---\ndescription: One text.\nvariables: {label: l}\nsampling: {max_tokens: 48}\n---\n"
        '{% chat role="user" %}\nOne for {{ label }}\n{% endchat %}\n'
    )
    small_recipe(tmp_path, want="{label: 300}", more="filter: [exact_duplicate]")
    path = tmp_path / "small.yaml"
    lines = (
        path.read_text()
        .replace("source: seeds, per_request: 2", "source: seeds, per_request: 1, prompt: one")
        .splitlines()
    )
    served = "models: {generator: {scripted: {function: './short.py:answer'}}}"
    path.write_text("\n".join(served if line.startswith("models:") else line for line in lines))
    recipe = read_recipe(path)
    first = run(recipe, out=tmp_path / "out")
    assert first.exit_code == 0
    assert any("cut at max_tokens 48 with no text in them: asked with 96" in note for note in first.manifest["notes"])
    assert {drop["reason"] for drop in first.manifest["drops"]} == {"cut at max_tokens 48"}
    again = run(recipe, out=tmp_path / "out")
    assert again.manifest["requests"]["sent"] == 0
    assert again.manifest["drops"] == first.manifest["drops"]
