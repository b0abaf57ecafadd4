"""The page: whole in itself, and whatever a model wrote stays text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.export.outcomes import HOSTILE, outcome
from tests.report.folders import finished
from textsynth.export.outcome import Outcome
from textsynth.records import Drop, Origin, Record
from textsynth.report.account import read_account
from textsynth.report.page import as_page, short

VOID = {"meta", "br", "link", "img"}


class Reader(HTMLParser):
    """Collects tags and text, and checks that every tag is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.said: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def page(folder: Path, told: Outcome) -> str:
    return as_page(read_account(finished(folder, told)))


def test_the_page_has_funnel_quota_labels_texts_and_settings(tmp_path: Path) -> None:
    said = " ".join(" ".join(Reader(page(tmp_path, outcome())).said).split())
    for told in (
        "the yield has run dry",
        "filter length: too few words",
        "delivery 20 15 5 3 × length: too few words",
        "refund 12 3 15",
        "text 101",
        "0.8",
        "select diverse: not picked",
        "SmolLM2@abc",
        "pyarrow 26",
        "version: 1 name: parcels",
    ):
        assert told in said


def test_the_page_loads_nothing_and_runs_nothing(tmp_path: Path) -> None:
    html = page(tmp_path, outcome())
    reader = Reader(html)
    assert {"script", "link", "img", "iframe", "object", "form"}.isdisjoint(reader.tags)
    assert not [name for name in reader.attributes if name.startswith("on") or name in {"src", "href"}]
    assert "url(" not in html
    assert "@import" not in html
    assert "prefers-color-scheme: dark" in html
    assert 'name="viewport"' in html


def test_hostile_texts_stay_text(tmp_path: Path) -> None:
    record = Record(HOSTILE, Origin("labelled", request="key1"), ("refund",), {"source_text": HOSTILE})
    other = Record(HOSTILE + "2", Origin("<b>item</b>", request="key2"), ("refund",))
    told = outcome(
        name="parcels <i>",
        task="paraphrase",
        labels={"refund": HOSTILE},
        selected=[record],
        dropped=[Drop(other, "filter", "length", HOSTILE)],
        spare=(),
        sentence=HOSTILE,
        models=(HOSTILE,),
        recipe_text=HOSTILE,
    )
    reader = Reader(page(tmp_path, told))
    assert {"script", "i", "b"} & set(reader.tags) <= {"i", "b"}
    assert HOSTILE.split(" |")[0] in "".join(reader.said)
    assert "<b>item</b>" not in page(tmp_path, told)


def test_what_turns_the_reading_direction_is_written_out_and_long_texts_are_cut(tmp_path: Path) -> None:
    record = Record("abc \u202e cba", Origin("labelled", request="key1"), ("refund",))
    html = page(tmp_path, outcome(selected=[record]))
    assert "\u202e" not in html
    assert r"abc \u202e cba" in html
    assert len(short("x" * 10_000)) == 600
    assert short("x" * 600) == "x" * 600


@pytest.mark.parametrize(
    "changes",
    [
        {"selected": (), "spare": (), "dropped": (), "quota": ()},
        {"labels": {}, "task": "summarization", "quota": ()},
        {"many": True},
        {"dropped": (), "spare": ()},
    ],
)
def test_every_kind_of_run_has_a_page(changes: dict[str, object], tmp_path: Path) -> None:
    assert re.search("</html>\\s*$", page(tmp_path, outcome(**changes)))
