"""The page: whole in itself, and whatever a model wrote stays text."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.export.outcomes import HOSTILE, outcome, record
from tests.report import chromium, evaluations
from tests.report.folders import finished
from textsynth.core.records import DroppedRecord, Provenance, Record
from textsynth.export.run_result import QuotaStatus, RunResult
from textsynth.report.data import read_run_data
from textsynth.report.html import evaluation_page, names, run_page, short

VOID = {"meta", "br", "link", "img", "wbr"}


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


def page(folder: Path, told: RunResult, evaluation: dict[str, Any] | None = None) -> str:
    run = finished(folder, told)
    if evaluation is not None:
        (run / "evaluation.json").write_text(json.dumps(evaluation))
    return run_page(read_run_data(run))


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
    record = Record(HOSTILE, Provenance("labelled", request_key="key1"), ("refund",), {"source_text": HOSTILE})
    other = Record(HOSTILE + "2", Provenance("<b>item</b>", request_key="key2"), ("refund",))
    told = outcome(
        name="parcels <i>",
        task="paraphrase",
        labels={"refund": HOSTILE},
        selected=[record],
        dropped=[DroppedRecord(other, "filter", "length", HOSTILE)],
        surplus=(),
        sentence=HOSTILE,
        models=(HOSTILE,),
        recipe_text=HOSTILE,
    )
    reader = Reader(page(tmp_path, told))
    assert {"script", "i", "b"} & set(reader.tags) <= {"i", "b"}
    assert HOSTILE.split(" |")[0] in "".join(reader.said)
    assert "<b>item</b>" not in page(tmp_path, told)


def test_what_turns_the_reading_direction_is_written_out_and_long_texts_are_cut(tmp_path: Path) -> None:
    record = Record("abc \u202e cba", Provenance("labelled", request_key="key1"), ("refund",))
    html = page(tmp_path, outcome(selected=[record]))
    assert "\u202e" not in html
    assert r"abc \u202e cba" in html
    assert len(short("x" * 10_000)) == 600
    assert short("x" * 600) == "x" * 600


@pytest.mark.parametrize(
    "changes",
    [
        {"selected": (), "surplus": (), "dropped": (), "quota": ()},
        {"labels": {}, "task": "summarization", "quota": ()},
        {"multi_label": True},
        {"dropped": (), "surplus": ()},
    ],
)
def test_every_kind_of_run_has_a_page(changes: dict[str, object], tmp_path: Path) -> None:
    assert re.search("</html>\\s*$", page(tmp_path, outcome(**changes)))


def test_a_run_that_was_evaluated_has_the_verdict_on_top_and_its_sections_after_the_quota(tmp_path: Path) -> None:
    html = page(tmp_path, outcome(), evaluations.small())
    order = ["Helps", "30</b>selected", "real test texts", "From candidates", "The quota", "Labels and splits",
             "Scores on real test data</h2>", "What each check earned</h2>", "Change by class</h2>", "Leaks</h2>",
             "Texts that were selected", "How it was measured", "How it was made"]  # fmt: skip
    places = [html.index(told) for told in order]
    assert places == sorted(places)


def test_texts_that_wait_are_told_with_the_command_that_shows_them(tmp_path: Path) -> None:
    said = " ".join(" ".join(Reader(page(tmp_path, outcome())).said).split())
    assert "1 text waits for a person to decide: textsynth review " in said
    assert "textsynth review" not in page(tmp_path / "none", outcome(dropped=()))


def test_an_evaluation_alone_has_a_page() -> None:
    said = " ".join(" ".join(Reader(evaluation_page(evaluations.leak())).said).split())
    for told in ("⚠ Leak", "12 test texts lie among the selected texts", "32 synthetic texts selected", "the pairs",
                 "why was card 1 declined", "scikit-learn 1.7"):  # fmt: skip
        assert told in said
    assert "Change by class" not in evaluation_page(evaluations.bare())


def test_hostile_evaluations_stay_text_in_every_place() -> None:
    html = evaluation_page(evaluations.hostile())
    reader = Reader(html)
    assert {"script", "img", "iframe"}.isdisjoint(reader.tags)
    assert reader.tags.count("style") == 1
    assert not [name for name in reader.attributes if name.startswith("on") or name == "src"]
    assert "{{ 7 * 7 }}" in "".join(reader.said)
    assert not {"\x1b", "\u202e", "\x00"} & set(html)


def test_long_names_break_after_an_underscore_and_are_still_escaped() -> None:
    assert names("card_arrival, top_up") == "card_<wbr>arrival, top_<wbr>up"
    assert names("<b>_\x1b</b>") == r"&lt;b&gt;_<wbr>\x1b&lt;/b&gt;"


def test_many_parts_of_a_quota_that_are_met_are_folded_and_those_that_lack_texts_are_not(tmp_path: Path) -> None:
    lines = [QuotaStatus({"label": f"part {n}"}, 5, 5 if n else 3) for n in range(40)]
    html = page(tmp_path, outcome(quota=lines))
    assert "<summary>39 more parts are met</summary>" in html
    assert html.index("part 0<") < html.index("39 more parts") < html.index("part 1<")


def test_the_page_of_many_labels_and_texts_stays_small(tmp_path: Path) -> None:
    told = evaluations.huge()
    labels = told["data"]["labels"]
    selected = [record(n, labels[n % 300], request_key=f"key{n}") for n in range(2000)]
    costly = [
        Record(f"{n} <&'\"> " * 100, Provenance("labelled", request_key=f"long{n}"), (labels[n],)) for n in range(300)
    ]
    quota = [
        QuotaStatus({"label": name, "tone": tone}, 9, 9) for name in labels for tone in ("plain", "cross", "brief")
    ]
    run = outcome(labels=dict.fromkeys(labels, "means"), selected=[*costly, *selected], quota=quota, dropped=())
    assert len(page(tmp_path, run, told).encode()) < 3_000_000


SIGHTS = (Path(__file__).parent / "sights.js").read_text(encoding="utf-8")
LOUD = """<title>loud</title><img src="http://leak.invalid/x.png"><svg role="img"><title></title><desc></desc>
<text y="19">a</text><text y="19">b</text></svg><p style="width:900px;color:#ccc">wide</p>
<script>console.error("said"); document.title = "owned"</script>"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, chromium.Sight]:
    """Open every page in one Chromium: at the width of a telephone, light and dark, and at that of a desk."""
    if chromium.found() is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium), so no page can be opened")
    folder = tmp_path_factory.mktemp("pages")
    dropped = [
        DroppedRecord(record(200 + n), "filter", "length", text) for n, text in enumerate(evaluations.HOSTILE[:4])
    ]
    told = outcome(dropped=dropped, recipe_text="\n".join(evaluations.HOSTILE[:4]), sentence=evaluations.HOSTILE[1])
    pages = {
        "hostile": evaluation_page(evaluations.hostile()),
        "big": evaluation_page(evaluations.big()),
        "run": page(folder, told, evaluations.hostile()),
        "bare": evaluation_page(evaluations.bare()),
        "loud": LOUD,
    }
    for name, html in pages.items():
        (folder / f"{name}.html").write_text(html, encoding="utf-8")
    shown = ("hostile 390 light", "hostile 390 dark", "big 390 dark", "big 1200 light", "run 390 light",
             "run 1200 dark", "bare 390 light", "loud 390 light")  # fmt: skip
    views = []
    for name, width, scheme in map(str.split, shown):
        views.append(chromium.View(folder / f"{name}.html", int(width), scheme == "dark", SIGHTS))
    return dict(zip(shown, chromium.look(views), strict=True))


def honest(seen: dict[str, chromium.Sight]) -> dict[str, chromium.Sight]:
    return {name: sight for name, sight in seen.items() if not name.startswith("loud")}


def test_a_browser_loads_nothing_and_has_nothing_to_complain_of(seen: dict[str, chromium.Sight]) -> None:
    for name, sight in honest(seen).items():
        assert (sight.asked, sight.said) == ([], []), name
        assert (sight.answer["tags"], sight.answer["handlers"], sight.answer["links"]) == ([], [], 0), name


def test_a_browser_shows_hostile_texts_as_text(seen: dict[str, chromium.Sight]) -> None:
    for name, sight in honest(seen).items():
        assert sight.answer["title"] != "owned", name
    for text in evaluations.HOSTILE[:4]:
        assert text in seen["hostile 390 light"].answer["text"]
        assert text in seen["run 390 light"].answer["text"]


def test_a_page_fits_a_telephone_and_a_desk_in_light_and_dark(seen: dict[str, chromium.Sight]) -> None:
    for name, sight in honest(seen).items():
        _, width, scheme = name.split()
        assert (sight.answer["width"], sight.answer["dark"]) == (int(width), scheme == "dark")
        assert sight.answer["wide"] <= int(width), name


def test_every_plot_can_be_read_and_has_its_numbers_beside_it(seen: dict[str, chromium.Sight]) -> None:
    for name, sight in honest(seen).items():
        found = sight.answer
        assert found["plots"] >= 1, name
        assert (found["silent"], found["untold"], found["ids"]) == (0, 0, []), name
        assert found["small"] >= 11, name
        assert (found["faint"], found["overlaps"], found["outside"]) == ([], [], []), name


def test_a_page_that_breaks_every_promise_is_seen_through(seen: dict[str, chromium.Sight]) -> None:
    sight = seen["loud 390 light"]
    assert sight.asked == ["http://leak.invalid/x.png"]
    assert any("said" in one for one in sight.said)
    assert (sight.answer["title"], sight.answer["tags"]) == ("owned", ["script", "img"])
    assert sight.answer["wide"] > 390
    assert (sight.answer["plots"], sight.answer["silent"], sight.answer["untold"]) == (1, 1, 1)
    assert sight.answer["faint"]
    assert sight.answer["overlaps"] == ["a | b"]
