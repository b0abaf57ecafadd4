"""`textsynth review` as a person uses it: the command, and its page in a real Chromium, with keys and mouse."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.run_cli import run_cli
from tests.export.outcomes import HOSTILE
from tests.report import chromium
from tests.report.evaluations import HOSTILE as HOSTILE_TEXTS
from tests.report.test_html import PAGE_CHECKS
from tests.review.runs import ROOT, pending_text, review_process, run_with_pending
from textsynth.store.decisions import FILE, read_decisions

HOSTILE_ENTRIES = [HOSTILE, *HOSTILE_TEXTS[:4]]
LABELS = {f"label_{number}": f"asks about thing {number}" for number in range(300)} | {
    "lost_card": "reports a card as lost",
    "refund": "wants money back",
    "delivery": HOSTILE,
}


FOCUS = """(() => { const button = document.querySelector("#keep"); button.focus();
  return [button.matches(":focus-visible"), getComputedStyle(button).outlineStyle] })()"""
UNNAMED_CONTROLS = """[...document.querySelectorAll("button, input")]
  .filter(control => !control.textContent && !control.labels?.length).length"""


def test_a_missing_run_and_an_empty_queue_are_one_sentence_each(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    missing = run_cli(capsys, "review", tmp_path / "none")
    assert (missing.code, missing.out) == (2, "")
    assert "no such folder" in missing.err
    empty = run_cli(capsys, "review", tmp_path)
    assert empty.code == 2
    assert "no finished run" in empty.err
    run = run_with_pending(tmp_path, [])
    no_texts = run_cli(capsys, "review", run)
    assert (no_texts.code, no_texts.err) == (0, "")
    assert no_texts.out == f"{run}: no text waits for a person; --selected shows the selected ones\n"
    assert json.loads(run_cli(capsys, "review", run, "--json").out)["left"] == 0


def test_an_invalid_name_and_a_damaged_file_are_one_sentence_each(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run = run_with_pending(tmp_path)
    assert "it must be the name of a person" in run_cli(capsys, "review", run, "--by", " ").err
    (run / FILE).write_text('{"id": "a", "decision": "kep"}\n', encoding="utf-8")
    damaged = run_cli(capsys, "review", run)
    assert damaged.code == 2
    assert damaged.err.startswith(f"{run / FILE}:1: ")
    assert damaged.err.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_review_with_a_summary(number: signal.Signals, tmp_path: Path) -> None:
    run = run_with_pending(tmp_path)
    with review_process(run, "--by", "ann", *(("--json",) if number == signal.SIGTERM else ())) as (address, process):
        assert address.startswith("http://127.0.0.1:")
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert err == ""
    if number == signal.SIGINT:
        assert out == "ann decided on 0 texts; 6 texts wait for a decision\n"
    else:
        summary = json.loads(out)
        assert (summary["by"], summary["decided"]) == ("ann", {"kept": 0, "dropped": 0, "relabelled": 0})


@pytest.mark.parametrize("args", [(), ("--no-browser",)])
def test_on_a_terminal_the_browser_of_the_user_is_started_unless_disabled(
    args: tuple[str, ...], tmp_path: Path
) -> None:
    run = run_with_pending(tmp_path)
    opened, script = tmp_path / "opened", tmp_path / "browser"
    script.write_text(f'#!/bin/sh\necho "$1" > {opened}.part && mv {opened}.part {opened}\nexec sleep 60\n')
    script.chmod(0o755)
    terminal, process_side = pty.openpty()
    env = {**os.environ, "PYTHONPATH": str(ROOT), "BROWSER": f"{script} %s"}
    command = [sys.executable, "-m", "textsynth", "review", str(run), *args]
    with subprocess.Popen(
        command, stdout=process_side, stderr=process_side, env=env, start_new_session=True
    ) as process:
        os.close(process_side)
        printed = b""
        while b"/\r\n" not in printed or b"http://" not in printed:
            printed += os.read(terminal, 1000)
        if not args:
            deadline = time.monotonic() + 60
            while not opened.exists():
                assert time.monotonic() < deadline
                time.sleep(0.01)
            one_time_address = opened.read_text().strip()
            assert one_time_address.encode() not in printed  # other users can see it in the list of processes
            with urllib.request.urlopen(one_time_address) as response:
                assert response.url.encode() in printed
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    os.close(terminal)
    assert opened.exists() == (not args)


@pytest.fixture(scope="module")
def browser() -> None:
    chromium.skip_without_chromium()


ServedRun = tuple[Path, str]


@pytest.fixture
def served_run(tmp_path: Path) -> Iterator[ServedRun]:
    """Serve a run of hostile texts with 303 labels; a model predicts another label for the first text."""
    drops = []
    for number, text in enumerate([*HOSTILE_ENTRIES, "the last text"]):
        predicted = "lost_card" if number == 0 else ""
        drops.append(
            pending_text(
                number, predicted=predicted, text=text, fields={"tone": HOSTILE_ENTRIES[-1], "source_text": text}
            )
        )
    run = run_with_pending(tmp_path, drops, labels=LABELS, selected=())
    with review_process(run, "--by", "ann") as (address, _):
        yield run, address


def saved_decisions(run: Path) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(line.text, line.decision, line.labels) for line in read_decisions(run).lines]


async def wait_for_position(page: chromium.Page, position: int) -> None:
    await page.wait_until(f"document.querySelector('#position').textContent.startsWith('{position} of')")
    await page.wait_until("!busy")


@pytest.mark.usefixtures("browser")
def test_one_key_takes_the_label_of_the_model(served_run: ServedRun) -> None:
    run, address = served_run

    async def work(page: chromium.Page) -> None:
        await wait_for_position(page, 1)
        await page.press("m")
        await wait_for_position(page, 2)
        assert await page.value("document.querySelector('#take-model').disabled")
        await page.press("m")
        await wait_for_position(page, 2)

    assert chromium.drive_page(address, work).messages == []
    assert saved_decisions(run) == [(HOSTILE_ENTRIES[0], "relabel", ("lost_card",))]


@pytest.mark.usefixtures("browser")
def test_keys_keep_drop_relabel_and_undo(served_run: ServedRun) -> None:
    run, address = served_run

    async def work(page: chromium.Page) -> None:
        await wait_for_position(page, 1)
        assert (await page.value("document.querySelector('#remaining').textContent")) == "6 left · ann"
        details = await page.value("document.querySelector('#details').innerText")
        for detail in (
            "refund: wants money back",
            "lost_card: reports a card as lost",
            "0.5 (0 to 1) for lost_card; at least 0.6 is needed",
        ):
            assert detail in details
        await page.press("k")
        await wait_for_position(page, 2)
        await page.press("d")
        await wait_for_position(page, 3)
        await page.press("r")
        await page.wait_until("document.querySelector('#picker').open")
        await page.write("d")  # typed into the search field; it must not drop the text
        await page.write("elivery")
        await page.wait_until("document.querySelectorAll('#labels li').length === 1")
        await page.press("Enter")
        await wait_for_position(page, 4)
        assert (await page.value("document.querySelector('#message').textContent")) == "relabelled as delivery; 3 left"
        await page.press("u")
        await wait_for_position(page, 3)
        await page.press("r")
        await page.wait_until("document.querySelector('#picker').open")
        await page.press("ArrowDown")
        await page.press("Enter")
        await wait_for_position(page, 4)
        await page.press("n")
        await wait_for_position(page, 5)
        await page.press("ArrowLeft")
        await wait_for_position(page, 4)
        await page.press("p")
        await wait_for_position(page, 3)
        assert "relabelled as label_1" in await page.value("document.querySelector('#decisions').textContent")

    observation = chromium.drive_page(address, work)
    assert observation.messages == []
    assert all(url.startswith(address) for url in observation.requests)
    assert saved_decisions(run) == [
        (HOSTILE_ENTRIES[0], "keep", ("refund",)),
        (HOSTILE_ENTRIES[1], "drop", ("refund",)),
        (HOSTILE_ENTRIES[2], "relabel", ("delivery",)),
        (HOSTILE_ENTRIES[2], "undo", ()),
        (HOSTILE_ENTRIES[2], "relabel", ("label_1",)),
    ]


@pytest.mark.usefixtures("browser")
def test_keys_typed_too_fast_decide_nothing(served_run: ServedRun) -> None:
    run, address = served_run

    async def work(page: chromium.Page) -> None:
        await wait_for_position(page, 1)
        # All keys arrive before the response to the first one: the letters go to the search field.
        send = "document.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true}))"
        await page.value(f"[...'kkrdeliv'].forEach(key => {send})")
        await page.wait_until("document.querySelector('#picker').open")
        assert (await page.value("document.querySelector('#filter').value")) == "deliv"
        await page.press("Enter")
        await wait_for_position(page, 3)

    assert chromium.drive_page(address, work).messages == []
    assert [(decision, labels) for _, decision, labels in saved_decisions(run)] == [
        ("keep", ("refund",)),
        ("relabel", ("delivery",)),
    ]


@pytest.mark.usefixtures("browser")
def test_the_predicted_label_comes_first_and_a_mouse_is_enough(served_run: ServedRun) -> None:
    run, address = served_run

    async def work(page: chromium.Page) -> None:
        await wait_for_position(page, 1)
        await page.click("#relabel")
        await page.wait_until("document.querySelector('#picker').open")
        first = await page.value("document.querySelector('#labels li').innerText")
        assert first == "lost_card reports a card as lost predicted by a model"
        assert (await page.value("document.querySelectorAll('#labels li').length")) == 100
        assert "203 more" in await page.value("document.querySelector('#picker-hint').textContent")
        await page.click("#cancel")
        await page.press("r")
        await page.press("Escape")
        await page.wait_until("!document.querySelector('#picker').open")
        await page.click("#relabel")
        await page.click("#labels li")
        await wait_for_position(page, 2)
        await page.click("#keep")
        await wait_for_position(page, 3)
        await page.click("#undo")
        await wait_for_position(page, 2)
        for button in ("#drop", "#next", "#previous"):
            await page.click(button)
            await page.wait_until("!busy")
        await wait_for_position(page, 3)

    assert chromium.drive_page(address, work, width=1100, dark=True).messages == []
    assert [decision for _, decision, _ in saved_decisions(run)] == ["relabel", "keep", "undo", "drop"]
    assert saved_decisions(run)[0][2] == ("lost_card",)


@pytest.mark.usefixtures("browser")
@pytest.mark.parametrize(("width", "dark"), [(390, False), (390, True), (1100, False), (1100, True)])
def test_hostile_texts_stay_text_and_the_page_fits_and_is_readable(
    width: int, dark: bool, served_run: ServedRun
) -> None:
    _, address = served_run

    async def work(page: chromium.Page) -> None:
        for position, text in enumerate(HOSTILE_ENTRIES, start=1):
            await wait_for_position(page, position)
            shown = await page.value("['#text', '#source'].map(id => document.querySelector(id).textContent)")
            assert shown == [text, text]
            assert (await page.value("document.querySelectorAll('#text *, #source *').length")) == 0
            await page.press("n")
        await wait_for_position(page, len(HOSTILE_ENTRIES) + 1)
        await page.press("r")
        await page.wait_until("document.querySelector('#picker').open")
        await page.write("alert")
        await page.wait_until("document.querySelectorAll('#labels li').length === 1")
        for _ in ("the picker", "the page below it"):
            seen: dict[str, Any] = await page.value(PAGE_CHECKS)
            assert (seen["width"], seen["dark"]) == (width, dark)
            assert seen["scrollWidth"] <= width
            assert seen["lowContrast"] == []
            assert seen["smallestFont"] >= 11
            assert seen["title"].endswith("left – parcels – TextSynth")
            assert {"img", "iframe", "object", "embed", "form"}.isdisjoint(seen["activeTags"])
            await page.press("Escape")
        focus = await page.value(FOCUS)
        assert focus == [True, "solid"]
        assert (await page.value(UNNAMED_CONTROLS)) == 0

    assert chromium.drive_page(address, work, width=width, dark=dark).messages == []


@pytest.mark.usefixtures("browser")
def test_a_text_may_get_several_labels(tmp_path: Path) -> None:
    run = run_with_pending(
        tmp_path, [pending_text(1, ("refund",), predicted="lost_card")], labels=LABELS, multi_label=True, selected=()
    )

    async def work(page: chromium.Page) -> None:
        await wait_for_position(page, 1)
        await page.press("r")
        await page.wait_until("document.querySelector('#picker').open")
        await page.press("Enter")
        await page.write("label_7")
        await page.press("Enter")
        head = await page.value("document.querySelector('#picker-head').textContent")
        assert head == "Labels: refund, lost_card, label_7"
        await page.press("Enter", ctrl=True)
        await page.wait_until("!document.querySelector('#end').hidden")
        assert "textsynth run recipe.yaml" in await page.value("document.querySelector('#end').innerText")
        await page.press("p")
        await wait_for_position(page, 1)

    with review_process(run, "--by", "ann") as (address, _):
        assert chromium.drive_page(address, work).messages == []
    assert saved_decisions(run) == [("doubtful text 1", "relabel", ("label_7", "lost_card", "refund"))]


@pytest.mark.usefixtures("browser")
def test_a_stopped_server_is_reported(tmp_path: Path) -> None:
    run = run_with_pending(tmp_path)
    with review_process(run, "--by", "ann") as (address, process):

        async def work(page: chromium.Page) -> None:
            await wait_for_position(page, 1)
            process.kill()
            process.wait()
            await page.press("k")
            await page.wait_until("!document.querySelector('#error').hidden")
            assert "still running" in await page.value("document.querySelector('#error').textContent")
            assert (await page.value("document.querySelector('#position').textContent")) == "1 of 6"

        chromium.drive_page(address, work)
    assert not (run / FILE).exists()
