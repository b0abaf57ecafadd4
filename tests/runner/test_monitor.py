"""Progress snapshots of a run."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.runner.recipes import digest, served_recipe, small_recipe
from tests.server import serving
from textsynth.core.progress import ProgressSnapshot
from textsynth.recipe import Recipe, read_recipe
from textsynth.runner import run
from textsynth.runner.monitor import RequestSpeed

SHORT_RUN = "filter: [exact_duplicate]\nselect: []\nbudget: {requests: 4}"


def test_the_last_snapshot_has_the_counts_of_the_whole_run(tmp_path: Path) -> None:
    snapshots: list[ProgressSnapshot] = []
    result = run(small_recipe(tmp_path, sections=SHORT_RUN), out=tmp_path / "run", watch=snapshots.append)
    last = snapshots[-1]
    counts = result.manifest["counts"]
    assert [(cell.name, cell.wanted) for cell in last.quota] == [("card", 4), ("transfer", 4)]
    assert (last.candidates, last.accepted) == (counts["candidates"], counts["accepted"])
    assert last.answered == 4
    assert last.seconds > 0
    assert sum(last.drops.values()) == counts["dropped"]


def test_every_snapshot_names_the_stage(tmp_path: Path) -> None:
    snapshots: list[ProgressSnapshot] = []
    run(small_recipe(tmp_path, sections=SHORT_RUN), out=tmp_path / "run", watch=snapshots.append)
    stages = [snapshot.stage for snapshot in snapshots]
    assert all(stages)
    assert list(dict.fromkeys(stages)) == ["generating", "selecting", "writing the data set", "done"]


@pytest.mark.parametrize(
    ("missing", "answers_per_text", "unchecked", "sent", "expected"),
    [
        (100, 1.0, 0, 50, 20.0),
        (100, 2.0, 0, 50, 40.0),
        (100, 1.0, 40, 50, 12.0),
        (100, 1.0, 100, 50, None),
        (0, 1.0, 0, 50, None),
        (100, 0.0, 0, 50, None),
        (100, 1.0, 0, 0, None),
    ],
)
def test_the_time_left_follows_from_the_speed_of_the_requests_that_were_sent(
    missing: int, answers_per_text: float, unchecked: int, sent: int, expected: float | None
) -> None:
    speed = RequestSpeed()
    speed.observe(0.0, sent=0, is_answering=True)
    speed.observe(10.0, sent=sent, is_answering=True)
    left = speed.seconds_left(missing=missing, answers_per_text=answers_per_text, unchecked=unchecked, seconds=10.0)
    assert left == expected


def test_the_time_left_counts_down_between_answers_that_come_together() -> None:
    """A model that answers 20 requests at once after 10 s, then 20 more 10 s later."""
    speed = RequestSpeed()
    for seconds, sent in ((0, 0), (5, 0), (10, 20), (15, 20), (20, 40)):
        speed.observe(float(seconds), sent=sent, is_answering=True)
    lefts = [
        speed.seconds_left(missing=60, answers_per_text=1.0, unchecked=0, seconds=seconds) for seconds in (20, 25, 29)
    ]
    assert lefts == [30.0, 25.0, 21.0]
    assert speed.seconds_left(missing=1, answers_per_text=1.0, unchecked=0, seconds=400.0) == 1.0


def test_the_time_before_the_first_request_is_in_flight_does_not_count() -> None:
    speed = RequestSpeed()
    speed.observe(0.0, sent=0, is_answering=False)
    speed.observe(60.0, sent=0, is_answering=True)  # reading the journal and loading the model took a minute
    speed.observe(70.0, sent=10, is_answering=True)
    assert speed.rate(500) == 50.0
    assert speed.seconds_left(missing=20, answers_per_text=1.0, unchecked=0, seconds=70.0) == 20.0
    between = RequestSpeed()  # the first answer came before a request was seen in flight
    between.observe(60.0, sent=0, is_answering=False)
    between.observe(60.5, sent=5, is_answering=False)
    assert between.rate(5) == 10.0


class Clock:
    """Seconds that pass only where a test says so."""

    def __init__(self) -> None:
        self.started = self.seconds = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.seconds

    def tick(self) -> None:
        """Let a second pass."""
        self.seconds += 1.0


GATED_MODEL = """
import asyncio
from textsynth.core.records import Completion
from textsynth.models import Model, ModelOptions

class Gated(ModelOptions):
    @property
    def identity(self):
        return "gated"

    def open(self, runtime):
        return Answering()

# Set by the test: may_answer(number) says whether answer `number`, from 0, may come now; before_answer is called then.
may_answer = lambda number: True
before_answer = lambda: None

class Answering(Model):
    in_flight = 1

    def __init__(self):
        self.answers, self.lock = 0, asyncio.Lock()

    async def complete(self, requests, on_completion):
        async with self.lock:
            for request in requests:
                while not may_answer(self.answers):
                    await asyncio.sleep(0.01)
                before_answer()
                self.answers += 1
                await on_completion(request, Completion(answer(request.key), "stop", 9, 30))

def answer(key):
    texts = [" ".join(key[at : at + 4] for at in range(start, start + 20, 4)) for start in (0, 20, 40)]
    return "\\n".join(f"{n}. {text}" for n, text in enumerate(texts, 1))
"""
GATED = """
version: 1
name: gated
models: {generator: {./gated.py: {}}}
labels: {card: asks about a card, transfer: asks about a transfer}
generate: [labelled: {per_request: 3}]
filter: FILTERS
select: []
want: {label: WANT}
"""


def gated_recipe(folder: Path, *, want: int = 24, filters: str = "[exact_duplicate]") -> tuple[Recipe, ModuleType]:
    """Return a recipe whose model asks the test before each answer, and the model's module."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "gated.py").write_text(GATED_MODEL)
    (folder / "gated.yaml").write_text(GATED.replace("WANT", str(want)).replace("FILTERS", filters))
    recipe = read_recipe(folder / "gated.yaml")
    return recipe, sys.modules[type(recipe.models["generator"]).__module__]


def test_texts_show_while_their_window_still_waits_for_answers(tmp_path: Path) -> None:
    """The model answers seven of the requests of the first window, and the others when the display has these."""
    recipe, model = gated_recipe(tmp_path)
    snapshots: list[ProgressSnapshot] = []
    model.may_answer = lambda number: number < 7 or any(snapshot.undecided == 21 for snapshot in snapshots)
    result = run(recipe, out=tmp_path / "run", watch=snapshots.append)
    assert result.stopped == "met"
    early = next(snapshot for snapshot in snapshots if snapshot.undecided == 21)
    assert (early.answered, early.candidates, early.accepted) == (7, 21, 0)
    assert len(early.latest_text.split()) == 5
    assert snapshots[-1].undecided == 0
    assert snapshots[-1].candidates == result.manifest["counts"]["candidates"]
    assert snapshots[-1].latest_text
    unwatched, _ = gated_recipe(tmp_path / "again")
    run(unwatched, out=tmp_path / "again" / "run")
    assert digest(tmp_path / "run") == digest(tmp_path / "again" / "run")


def test_only_quick_filters_are_asked_about_texts_of_an_open_window(tmp_path: Path) -> None:
    """A filter of the user sees each text once; a text that only it drops is undecided until then."""
    (tmp_path / "seen.py").write_text(
        "from textsynth.core.protocols import Filter\nfrom textsynth.core.records import Verdict\nTEXTS = []\n"
        "class Seen(Filter):\n    def check(self, record):\n        TEXTS.append(record.text)\n"
        "        return Verdict('even') if len(TEXTS) % 2 else None\n"
    )
    recipe, model = gated_recipe(tmp_path, filters="[exact_duplicate, ./seen.py]")
    undecided: list[int] = []
    model.may_answer = lambda number: number < 7 or 21 in undecided
    result = run(recipe, out=tmp_path / "run", watch=lambda snapshot: undecided.append(snapshot.undecided))
    seen = sys.modules[type(recipe.filter[1].step).__module__].TEXTS
    assert max(undecided) == 21
    assert len(seen) == result.manifest["counts"]["candidates"]


def test_the_time_left_is_that_of_the_model_also_after_a_resume(tmp_path: Path) -> None:
    """Each answer takes a second. The second run finds most answers in the journal, whose replay takes no time."""
    for want, answers in ((60, 40), (120, 40)):
        clock = Clock()
        snapshots: list[ProgressSnapshot] = []
        recipe, model = gated_recipe(tmp_path, want=want)
        model.before_answer = clock.tick
        # The display shows a snapshot after every eighth answer.
        model.may_answer = lambda number, shown=snapshots, clock=clock: (
            number % 8 > 0 or (shown and shown[-1].seconds == clock.seconds - clock.started)
        )
        result = run(recipe, out=tmp_path / "run", watch=snapshots.append, clock=clock)
        end = clock.seconds - clock.started
        assert end == result.manifest["requests"]["sent"] >= answers
        estimates = [(each.seconds, each.seconds_left) for each in snapshots if each.seconds_left is not None]
        assert len(estimates) >= 2
        for seconds, left in estimates:
            assert abs(seconds + left - end) <= 0.4 * end
        assert snapshots[-1].tokens_per_second == pytest.approx(30, rel=0.2)


def test_answers_that_are_not_checked_yet_are_counted(tmp_path: Path) -> None:
    snapshots: list[ProgressSnapshot] = []
    with serving(latency=0.1, varies=True) as server:
        path = served_recipe(tmp_path, base_url=server.url, concurrency=2, batch_n=False)
        run(read_recipe(path, ["want.label=100"]), out=tmp_path / "run", watch=snapshots.append)
    generating = [each for each in snapshots if each.stage == "generating"]
    assert max(each.unchecked for each in generating) > 0
    assert generating[-1].unchecked == 0
    first = next(each for each in generating if each.accepted)
    assert first.answered <= generating[-1].answered * 0.6
