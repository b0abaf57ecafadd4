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
FAILED = Completion("", failure="the prompt is too long")
COMPLETE = Completion("1. a text")


def requests(count: int = 10, step: str = "labelled") -> list[GenerationRequest]:
    return [GenerationRequest(step, "m", PROMPT, Sampling(max_tokens=100))] * count


def commit_window(
    limits: AdaptiveMaxTokens, completions: Sequence[Completion], step: str = "labelled"
) -> tuple[int, list[str]]:
    """Plan and commit a window; return its max_tokens and the notes."""
    planned = limits.apply(requests(len(completions), step))
    with_texts = [index for index, completion in enumerate(completions) if completion is COMPLETE]
    return planned[0].sampling.max_tokens, limits.update(planned, completions, with_texts)


def test_the_limit_is_raised_up_to_four_times_while_most_answers_are_cut_off() -> None:
    limits = AdaptiveMaxTokens()
    mostly_cut = [CUT] * 6 + [COMPLETE] * 4
    assert [commit_window(limits, mostly_cut)[0] for _ in range(4)] == [100, 200, 400, 400]
    assert commit_window(limits, [COMPLETE] * 10) == (400, [])
    assert commit_window(limits, [COMPLETE] * 10, "paraphrase") == (100, [])


def test_a_note_says_what_changes_and_which_option_to_set() -> None:
    _, (note,) = commit_window(AdaptiveMaxTokens(), [CUT] * 9)
    assert note == (
        "labelled: 9 of 9 answers were cut at max_tokens 100 with no text in them; max_tokens is 200 from now on: set "
        "sampling.max_tokens to save these tokens"
    )


def test_cut_answers_with_texts_few_cuts_and_small_windows_change_nothing() -> None:
    limits = AdaptiveMaxTokens()
    planned = limits.apply(requests())
    assert limits.update(planned, [Completion("1. a\n2. b", "length")] * 10, range(10)) == []
    assert commit_window(limits, [CUT] * 5 + [COMPLETE] * 5) == (100, [])
    assert commit_window(limits, [CUT] * 7) == (100, [])
    assert commit_window(limits, [COMPLETE] * 10) == (100, [])


def test_a_window_that_was_in_flight_with_the_earlier_limit_does_not_raise_it_again() -> None:
    limits = AdaptiveMaxTokens()
    first, second = limits.apply(requests()), limits.apply(requests())
    assert limits.update(first, [CUT] * 10, [])
    assert limits.update(second, [CUT] * 10, []) == []
    assert commit_window(limits, [COMPLETE] * 10)[0] == 200


def test_a_limit_with_which_most_requests_fail_is_lowered_for_good() -> None:
    limits = AdaptiveMaxTokens()
    commit_window(limits, [CUT] * 10)
    max_tokens, (note,) = commit_window(limits, [FAILED] * 10)
    assert (max_tokens, note) == (200, "labelled: most requests with max_tokens 200 failed: back to 100")
    assert commit_window(limits, [CUT] * 10) == (100, [])


def test_requests_without_a_text_are_stale_once_their_limit_has_changed() -> None:
    limits = AdaptiveMaxTokens()
    planned = limits.apply(requests())
    assert limits.stale_requests(planned, [0]) == set()
    limits.update(planned, [COMPLETE] + [CUT] * 9, [0])
    assert limits.stale_requests(planned, [0]) == set(range(1, 10))
    assert limits.stale_requests(limits.apply(requests()), []) == set()


def test_requests_without_a_model_have_no_limit() -> None:
    existing = [GenerationRequest("existing", "", None, Sampling())]
    assert AdaptiveMaxTokens().apply(existing) == existing


SHORT_ANSWERS = """\
from textsynth.core.records import Completion


def answer(request):
    start = int(request.key[:8], 16)
    text = f"text {start} about parcel {start % 97}"
    return text if request.sampling.max_tokens >= 96 else Completion(text[:5], "length")
"""
PROMPT_FILE = """\
---
description: One text.
variables: {label: l}
sampling: {max_tokens: 48}
---
{% chat role="user" %}
One for {{ label }}
{% endchat %}
"""


def test_a_run_raises_its_limit_and_at_the_same_place_when_it_is_repeated(tmp_path: Path) -> None:
    (tmp_path / "short.py").write_text(SHORT_ANSWERS)
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "one.jinja").write_text(PROMPT_FILE)
    path = small_recipe(tmp_path, want="{label: 300}", sections="filter: [exact_duplicate]").path
    text = path.read_text().replace("per_request: 2", "per_request: 1, prompt: one")
    models = "models: {generator: {scripted: {function: './short.py:answer'}}}"
    path.write_text("\n".join(models if line.startswith("models:") else line for line in text.splitlines()))
    recipe = read_recipe(path)
    first = run(recipe, out=tmp_path / "out")
    assert first.exit_code == 0
    notes = first.manifest["notes"]
    assert any("cut at max_tokens 48 with no text in them; max_tokens is 96 from now on" in note for note in notes)
    assert {drop["reason"] for drop in first.manifest["drops"]} == {"cut at max_tokens 48"}
    again = run(recipe, out=tmp_path / "out")
    assert again.manifest["requests"]["sent"] == 0
    assert again.manifest["drops"] == first.manifest["drops"]
