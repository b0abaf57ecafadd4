"""`textsynth review` as a person uses it: the command, and its page in a real Chromium, with keys and with a mouse."""

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
from tests.report.evaluations import HOSTILE as WORSE
from tests.report.test_html import SIGHTS
from tests.review.runs import ROOT, reviewed, served, waiting
from textsynth.store.decisions import FILE, read_decisions

EVIL = [HOSTILE, *WORSE[:4]]
LABELS = {f"label_{number}": f"asks about thing {number}" for number in range(300)} | {
    "lost_card": "reports a card as lost",
    "refund": "wants money back",
    "delivery": HOSTILE,
}


FOCUS = """(() => { const one = document.querySelector("#keep"); one.focus();
  return [one.matches(":focus-visible"), getComputedStyle(one).outlineStyle] })()"""
UNNAMED = """[...document.querySelectorAll("button, input")]
  .filter(one => !one.textContent && !one.labels?.length).length"""


def test_no_run_a_folder_without_one_and_nothing_that_waits_are_a_sentence_each(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    missing = run_cli(capsys, "review", tmp_path / "none")
    assert (missing.code, missing.out) == (2, "")
    assert "no such folder" in missing.err
    empty = run_cli(capsys, "review", tmp_path)
    assert empty.code == 2
    assert "no finished run" in empty.err
    done = reviewed(tmp_path, [])
    nothing = run_cli(capsys, "review", done)
    assert (nothing.code, nothing.err) == (0, "")
    assert nothing.out == f"{done}: no text waits for a person; --selected shows the selected ones\n"
    assert json.loads(run_cli(capsys, "review", done, "--json").out)["left"] == 0


def test_a_wrong_name_and_a_damaged_file_are_a_sentence_each(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run = reviewed(tmp_path)
    assert "it names a person" in run_cli(capsys, "review", run, "--by", " ").err
    (run / FILE).write_text('{"id": "a", "decision": "kep"}\n', encoding="utf-8")
    damaged = run_cli(capsys, "review", run)
    assert damaged.code == 2
    assert damaged.err.startswith(f"{run / FILE}:1: ")
    assert damaged.err.count("\n") == 1


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_it_with_what_was_decided(sign: signal.Signals, tmp_path: Path) -> None:
    run = reviewed(tmp_path)
    with served(run, "--by", "ann", *(("--json",) if sign == signal.SIGTERM else ())) as (address, process):
        assert address.startswith("http://127.0.0.1:")
        process.send_signal(sign)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert err == ""
    if sign == signal.SIGINT:
        assert out == "ann decided on 0 texts; 6 texts wait for a decision\n"
    else:
        told = json.loads(out)
        assert (told["by"], told["decided"]) == ("ann", {"kept": 0, "dropped": 0, "relabelled": 0})


@pytest.mark.parametrize("more", [(), ("--no-browser",)])
def test_on_a_terminal_the_users_browser_is_started_unless_not_wanted(more: tuple[str, ...], tmp_path: Path) -> None:
    run = reviewed(tmp_path)
    opened, script = tmp_path / "opened", tmp_path / "browser"
    script.write_text(f'#!/bin/sh\necho "$1" > {opened}.part && mv {opened}.part {opened}\nexec sleep 60\n')
    script.chmod(0o755)
    ours, theirs = pty.openpty()
    env = {**os.environ, "PYTHONPATH": str(ROOT), "BROWSER": f"{script} %s"}
    command = [sys.executable, "-m", "textsynth", "review", str(run), *more]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=env, start_new_session=True) as process:
        os.close(theirs)
        said = b""
        while b"/\r\n" not in said or b"http://" not in said:
            said += os.read(ours, 1000)
        if not more:
            deadline = time.monotonic() + 20
            while not opened.exists():
                assert time.monotonic() < deadline
                time.sleep(0.01)
            once = opened.read_text().strip()
            assert once.encode() not in said  # what others see in the list of processes is not what was printed
            with urllib.request.urlopen(once) as answer:
                assert answer.url.encode() in said
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    os.close(ours)
    assert opened.exists() == (not more)


@pytest.fixture(scope="module")
def browser() -> None:
    if chromium.found() is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium), so no page can be opened")


Doubtful = tuple[Path, str]


@pytest.fixture
def doubtful(tmp_path: Path) -> Iterator[Doubtful]:
    """Serve a run of hostile texts with 303 labels, the first of which a model would label otherwise."""
    drops = []
    for number, text in enumerate([*EVIL, "the last text"]):
        chosen = "lost_card" if number == 0 else ""
        drops.append(waiting(number, chosen=chosen, text=text, fields={"tone": EVIL[-1], "source_text": text}))
    run = reviewed(tmp_path, drops, labels=LABELS, selected=())
    with served(run, "--by", "ann") as (address, _):
        yield run, address


def told(run: Path) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(one.text, one.decision, one.labels) for one in read_decisions(run).lines]


async def showing(page: chromium.Page, place: int) -> None:
    await page.until(f"document.querySelector('#place').textContent.startsWith('{place} of')")
    await page.until("!busy")


@pytest.mark.usefixtures("browser")
def test_keys_alone_keep_drop_relabel_and_undo(doubtful: Doubtful) -> None:
    run, address = doubtful

    async def work(page: chromium.Page) -> None:
        await showing(page, 1)
        assert (await page.value("document.querySelector('#left').textContent")) == "6 left · ann"
        facts = await page.value("document.querySelector('#facts').innerText")
        for one in ("refund: wants money back", "lost_card: reports a card as lost", "0.5, limit 0.6"):
            assert one in facts
        await page.press("k")
        await showing(page, 2)
        await page.press("d")
        await showing(page, 3)
        await page.press("r")
        await page.until("document.querySelector('#picker').open")
        await page.write("d")  # typed into the search, and drops nothing
        await page.write("elivery")
        await page.until("document.querySelectorAll('#labels li').length === 1")
        await page.press("Enter")
        await showing(page, 4)
        assert (await page.value("document.querySelector('#said').textContent")) == "relabelled as delivery; 3 left"
        await page.press("u")
        await showing(page, 3)
        await page.press("r")
        await page.until("document.querySelector('#picker').open")
        await page.press("ArrowDown")
        await page.press("Enter")
        await showing(page, 4)
        await page.press("n")
        await showing(page, 5)
        await page.press("ArrowLeft")
        await showing(page, 4)
        await page.press("p")
        await showing(page, 3)
        assert "relabelled as label_1" in await page.value("document.querySelector('#verdict').textContent")

    sight = chromium.drive(address, work)
    assert sight.said == []
    assert all(one.startswith(address) for one in sight.asked)
    assert told(run) == [
        (EVIL[0], "keep", ("refund",)),
        (EVIL[1], "drop", ("refund",)),
        (EVIL[2], "relabel", ("delivery",)),
        (EVIL[2], "undo", ()),
        (EVIL[2], "relabel", ("label_1",)),
    ]


@pytest.mark.usefixtures("browser")
def test_what_is_typed_too_fast_drops_nothing(doubtful: Doubtful) -> None:
    run, address = doubtful

    async def work(page: chromium.Page) -> None:
        await showing(page, 1)
        # all keys come before the answer to the first: the search has the letters, and no text the decisions
        send = "document.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true}))"
        await page.value(f"[...'kkrdeliv'].forEach(key => {send})")
        await page.until("document.querySelector('#picker').open")
        assert (await page.value("document.querySelector('#filter').value")) == "deliv"
        await page.press("Enter")
        await showing(page, 3)

    assert chromium.drive(address, work).said == []
    assert [(decision, labels) for _, decision, labels in told(run)] == [
        ("keep", ("refund",)),
        ("relabel", ("delivery",)),
    ]


@pytest.mark.usefixtures("browser")
def test_the_label_that_a_model_chose_is_the_first_and_a_mouse_does_it_all(doubtful: Doubtful) -> None:
    run, address = doubtful

    async def work(page: chromium.Page) -> None:
        await showing(page, 1)
        await page.click("#relabel")
        await page.until("document.querySelector('#picker').open")
        first = await page.value("document.querySelector('#labels li').innerText")
        assert first == "lost_card reports a card as lost the model chose it"
        assert (await page.value("document.querySelectorAll('#labels li').length")) == 100
        assert "203 more" in await page.value("document.querySelector('#more').textContent")
        await page.click("#cancel")
        await page.press("r")
        await page.press("Escape")
        await page.until("!document.querySelector('#picker').open")
        await page.click("#relabel")
        await page.click("#labels li")
        await showing(page, 2)
        await page.click("#keep")
        await showing(page, 3)
        await page.click("#undo")
        await showing(page, 2)
        for button in ("#drop", "#next", "#previous"):
            await page.click(button)
            await page.until("!busy")
        await showing(page, 3)

    assert chromium.drive(address, work, width=1100, dark=True).said == []
    assert [decision for _, decision, _ in told(run)] == ["relabel", "keep", "undo", "drop"]
    assert told(run)[0][2] == ("lost_card",)


@pytest.mark.usefixtures("browser")
@pytest.mark.parametrize(("width", "dark"), [(390, False), (390, True), (1100, False), (1100, True)])
def test_hostile_texts_stay_text_and_the_page_fits_and_can_be_read(width: int, dark: bool, doubtful: Doubtful) -> None:
    _, address = doubtful

    async def work(page: chromium.Page) -> None:
        for place, text in enumerate(EVIL, start=1):
            await showing(page, place)
            shown = await page.value("['#text', '#source'].map(one => document.querySelector(one).textContent)")
            assert shown == [text, text]
            assert (await page.value("document.querySelectorAll('#text *, #source *').length")) == 0
            await page.press("n")
        await showing(page, len(EVIL) + 1)
        await page.press("r")
        await page.until("document.querySelector('#picker').open")
        await page.write("alert")
        await page.until("document.querySelectorAll('#labels li').length === 1")
        for _ in ("the picker", "the page under it"):
            seen: dict[str, Any] = await page.value(SIGHTS)
            assert (seen["width"], seen["dark"]) == (width, dark)
            assert seen["wide"] <= width
            assert seen["faint"] == []
            assert seen["small"] >= 11
            assert seen["title"].endswith("left – parcels – TextSynth")
            assert {"img", "iframe", "object", "embed", "form"}.isdisjoint(seen["tags"])
            await page.press("Escape")
        focus = await page.value(FOCUS)
        assert focus == [True, "solid"]
        assert (await page.value(UNNAMED)) == 0

    assert chromium.drive(address, work, width=width, dark=dark).said == []


@pytest.mark.usefixtures("browser")
def test_texts_with_several_labels_get_several(tmp_path: Path) -> None:
    run = reviewed(
        tmp_path, [waiting(1, ("refund",), chosen="lost_card")], labels=LABELS, multi_label=True, selected=()
    )

    async def work(page: chromium.Page) -> None:
        await showing(page, 1)
        await page.press("r")
        await page.until("document.querySelector('#picker').open")
        await page.press("Enter")
        await page.write("label_7")
        await page.press("Enter")
        head = await page.value("document.querySelector('#picker-head').textContent")
        assert head == "Its labels: refund, lost_card, label_7"
        await page.press("Enter", ctrl=True)
        await page.until("!document.querySelector('#end').hidden")
        assert "textsynth run recipe.yaml" in await page.value("document.querySelector('#end').innerText")
        await page.press("p")
        await showing(page, 1)

    with served(run, "--by", "ann") as (address, _):
        assert chromium.drive(address, work).said == []
    assert told(run) == [("doubtful text 1", "relabel", ("label_7", "lost_card", "refund"))]


@pytest.mark.usefixtures("browser")
def test_a_server_that_is_gone_is_said(tmp_path: Path) -> None:
    run = reviewed(tmp_path)
    with served(run, "--by", "ann") as (address, process):

        async def work(page: chromium.Page) -> None:
            await showing(page, 1)
            process.kill()
            process.wait()
            await page.press("k")
            await page.until("!document.querySelector('#fault').hidden")
            assert "still at work" in await page.value("document.querySelector('#fault').textContent")
            assert (await page.value("document.querySelector('#place').textContent")) == "1 of 6"

        chromium.drive(address, work)
    assert not (run / FILE).exists()
