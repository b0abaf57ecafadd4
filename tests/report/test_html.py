"""The page: it is self-contained, and texts of a model stay text."""

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
from textsynth.report.html import breakable, evaluation_page, run_page, shorten

VOID_TAGS = {"input", "meta", "br", "link", "img", "wbr"}


class ParsedPage(HTMLParser):
    """The tags, attribute names and text of a page, in which every tag must be closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert not self._open

    @property
    def text(self) -> str:
        """All text with single spaces."""
        return " ".join(" ".join(self.texts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        if tag not in VOID_TAGS:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def page_of(folder: Path, result: RunResult, evaluation: dict[str, Any] | None = None) -> str:
    """Return the page of a finished run with this result."""
    run = finished(folder, result)
    if evaluation is not None:
        (run / "evaluation.json").write_text(json.dumps(evaluation))
    return run_page(read_run_data(run))


def test_the_page_has_funnel_quota_labels_texts_and_settings(tmp_path: Path) -> None:
    text = ParsedPage(page_of(tmp_path, outcome())).text
    for part in (
        "no further texts were accepted",
        "The quota is not met: 30 selected of 35 wanted, 5 missing (delivery 5); no further texts were accepted",
        "30 selected of 35 wanted",
        "filter length 36 1 3 % 35 1 × too few words",
        "delivery 20 15 5 3 × length: too few words",
        "refund 21 17 81 % 12 3 15",
        "text 101",
        "0.8",
        "2 surplus",
        "1 waiting for review",
        "select selection 32 2 6 % 30 2 × accepted, but not needed for the quota",
        "1 × in review: too few votes for the chosen label",
        "SmolLM2@abc",
        "pyarrow 26",
        "version: 1 name: parcels",
    ):
        assert part in text


def test_the_page_loads_nothing_and_runs_nothing(tmp_path: Path) -> None:
    html = page_of(tmp_path, outcome())
    page = ParsedPage(html)
    assert {"script", "link", "img", "iframe", "object", "form"}.isdisjoint(page.tags)
    assert not [name for name in page.attributes if name.startswith("on") or name == "src"]
    assert all(link.startswith("#") for link in re.findall(r'href="([^"]*)"', html))
    assert "url(" not in html
    assert "@import" not in html
    assert "prefers-color-scheme: dark" in html
    assert 'name="viewport"' in html


def test_hostile_texts_stay_text(tmp_path: Path) -> None:
    selected = Record(HOSTILE, Provenance("labelled", request_key="key1"), ("refund",), {"source_text": HOSTILE})
    dropped = Record(HOSTILE + "2", Provenance("<b>item</b>", request_key="key2"), ("refund",))
    result = outcome(
        name="parcels <i>",
        task="paraphrasing",
        labels={"refund": HOSTILE},
        selected=[selected],
        dropped=[DroppedRecord(dropped, "filter", "length", HOSTILE)],
        surplus=(),
        sentence=HOSTILE,
        models=(HOSTILE,),
        recipe_text=HOSTILE,
    )
    page = ParsedPage(page_of(tmp_path, result))
    assert {"script", "i", "b"} & set(page.tags) <= {"i", "b"}
    assert HOSTILE.split(" |")[0] in "".join(page.texts)
    assert "<b>item</b>" not in page_of(tmp_path, result)


def test_marks_of_the_reading_direction_are_escaped_and_long_texts_are_shortened(tmp_path: Path) -> None:
    selected = Record("abc \u202e cba", Provenance("labelled", request_key="key1"), ("refund",))
    html = page_of(tmp_path, outcome(selected=[selected]))
    assert "\u202e" not in html
    assert r"abc \u202e cba" in html
    assert len(shorten("x" * 10_000)) == 600
    assert shorten("x" * 600) == "x" * 600


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
    assert re.search("</html>\\s*$", page_of(tmp_path, outcome(**changes)))


def test_the_page_of_an_evaluated_run_has_the_verdict_at_the_top_and_the_sections_after_the_quota(
    tmp_path: Path,
) -> None:
    html = page_of(tmp_path, outcome(), evaluations.small())
    order = ["Helps", "30</b>selected", "real test texts", "From candidates", "Quota</h2>", "Labels and splits",
             "Scores on real test data</h2>", "Gain of each check (ablation)</h2>", "Change by class</h2>",
             "Contamination</h2>", "Selected texts</h2>", "How it was evaluated", "How it was made"]  # fmt: skip
    positions = [html.index(part) for part in order]
    assert positions == sorted(positions)


def test_texts_that_wait_for_review_are_counted_with_the_command_that_shows_them(tmp_path: Path) -> None:
    text = ParsedPage(page_of(tmp_path, outcome())).text
    assert "1 text waits for a person to decide: textsynth review " in text
    assert "textsynth review" not in page_of(tmp_path / "none", outcome(dropped=()))


def test_a_dropped_text_has_what_the_check_found_and_a_duplicate_the_text_it_repeats(tmp_path: Path) -> None:
    original = outcome().selected[0]
    drops = [
        DroppedRecord(
            record(100), "filter", "agreement", "the classifier puts another label first: delivery", 0.1, 0.8
        ),
        DroppedRecord(record(101), "filter", "near_duplicate", "like a text that was kept", 0.8, 0.7, original.id),
        DroppedRecord(record(102), "filter", "leak", "copies a row", 0.8, 0.7, "0123456789abcdef"),
    ]
    html = page_of(tmp_path, outcome(dropped=drops))
    assert '<p class="muted">the classifier puts another label first: delivery</p>' in html
    assert f'<a href="#t-{original.id}">text 0</a>' in html
    assert f'<li id="t-{original.id}"' in html
    assert "<code>0123456789abcdef</code>" in html


def test_a_check_that_drops_much_names_the_setting_and_a_collapsed_label_is_marked(tmp_path: Path) -> None:
    cut = [DroppedRecord(record(200 + n), "parse", "labelled", "cut at max_tokens 56") for n in range(6)]
    others = [DroppedRecord(record(300 + n, "delivery"), "filter", "agreement", "another label") for n in range(60)]
    text = ParsedPage(page_of(tmp_path, outcome(dropped=[*cut, *others]))).text
    assert "⚠ parse labelled dropped 8 % of its texts" not in text
    assert "⚠ filter agreement dropped 65 % of its texts: describe the labels more clearly, or raise `top_k`" in text
    assert "delivery ⚠ collapsed 75 15 20 %" in text
    assert "⚠ Collapsed: of delivery far fewer texts are kept" in text
    text = ParsedPage(page_of(tmp_path / "cut", outcome(dropped=cut))).text
    assert "⚠ parse labelled dropped 16 % of its texts: raise `sampling.max_tokens` of labelled above 56" in text


def test_every_text_is_on_the_page_with_its_provenance_and_can_be_sorted_without_a_script(tmp_path: Path) -> None:
    html = page_of(tmp_path, outcome())
    text = ParsedPage(html).text
    assert "All 30 texts." in text
    for selected in outcome().selected:
        assert html.index(f">{selected.text}</p>") < html.index(f"<summary><code>{selected.id}</code></summary>")
    assert "generator: labelled; prompt: labelled; model: SmolLM2@abc" in text
    assert "confidence 0.75" in text
    for order in ("by-label", "by-confidence", "by-shortest", "by-longest"):
        assert f'<input type="radio" name="order" id="{order}"' in html
        assert order == "by-label" or f":has(#{order}:checked)" in html


def test_wide_tables_have_a_sign_that_they_scroll(tmp_path: Path) -> None:
    html = page_of(tmp_path, outcome())
    style = html[html.index("<style>") : html.index("</style>")]
    assert "no-repeat local" in style.split(".scroll {")[1].split("}")[0]
    body = html[html.index("<body>") :]
    assert body.count("<table") == body.count('<div class="scroll"><table')


def test_an_evaluation_has_a_page_of_its_own() -> None:
    text = ParsedPage(evaluation_page(evaluations.leaking())).text
    for part in ("⚠ Leak", "12 test texts are among the selected texts", "32 synthetic texts selected", "the pairs",
                 "why was card 1 declined", "scikit-learn 1.7"):  # fmt: skip
        assert part in text
    assert "Change by class" not in evaluation_page(evaluations.scores_only())


def test_hostile_evaluations_stay_text_everywhere() -> None:
    html = evaluation_page(evaluations.hostile())
    page = ParsedPage(html)
    assert {"script", "img", "iframe"}.isdisjoint(page.tags)
    assert page.tags.count("style") == 1
    assert not [name for name in page.attributes if name.startswith("on") or name == "src"]
    assert "{{ 7 * 7 }}" in "".join(page.texts)
    assert not {"\x1b", "\u202e", "\x00"} & set(html)


def test_long_names_may_break_after_an_underscore_and_are_escaped() -> None:
    assert breakable("card_arrival, top_up") == "card_<wbr>arrival, top_<wbr>up"
    assert breakable("<b>_\x1b</b>") == r"&lt;b&gt;_<wbr>\x1b&lt;/b&gt;"


def test_many_met_quota_cells_are_folded_and_cells_that_miss_texts_are_not(tmp_path: Path) -> None:
    quota = [QuotaStatus({"label": f"label {n}"}, 5, 5 if n else 3) for n in range(40)]
    html = page_of(tmp_path, outcome(quota=quota))
    assert "<summary>39 more cells are met</summary>" in html
    assert html.index("label 0<") < html.index("39 more cells") < html.index("label 1<")


def test_the_page_of_many_labels_and_texts_is_not_too_large(tmp_path: Path) -> None:
    evaluation = evaluations.huge()
    labels = evaluation["data"]["labels"]
    selected = [record(n, labels[n % 300], request_key=f"key{n}") for n in range(2000)]
    long = [
        Record(f"{n} <&'\"> " * 100, Provenance("labelled", request_key=f"long{n}"), (labels[n],)) for n in range(300)
    ]
    quota = [
        QuotaStatus({"label": name, "tone": tone}, 9, 9) for name in labels for tone in ("plain", "cross", "brief")
    ]
    result = outcome(labels=dict.fromkeys(labels, "means"), selected=[*long, *selected], quota=quota, dropped=())
    assert len(page_of(tmp_path, result, evaluation).encode()) < 3_000_000


PAGE_CHECKS = (Path(__file__).parent / "page_checks.js").read_text(encoding="utf-8")
# a page with every problem that the checks must find
BROKEN_PAGE = """<title>broken</title><img src="http://leak.invalid/x.png"><svg role="img"><title></title><desc></desc>
<text y="19">a</text><text y="19">b</text></svg><p style="width:900px;color:#ccc">wide</p>
<script>console.error("logged"); document.title = "owned"</script>"""


@pytest.fixture(scope="module")
def observations(tmp_path_factory: pytest.TempPathFactory) -> dict[str, chromium.Observation]:
    """Open every page in one Chromium: light and dark, as narrow as a telephone and as wide as a desktop."""
    chromium.skip_without_chromium()
    folder = tmp_path_factory.mktemp("pages")
    dropped = [
        DroppedRecord(record(200 + n), "filter", "length", text) for n, text in enumerate(evaluations.HOSTILE[:4])
    ]
    result = outcome(dropped=dropped, recipe_text="\n".join(evaluations.HOSTILE[:4]), sentence=evaluations.HOSTILE[1])
    pages = {
        "hostile": evaluation_page(evaluations.hostile()),
        "big": evaluation_page(evaluations.big()),
        "run": page_of(folder, result, evaluations.hostile()),
        "scores": evaluation_page(evaluations.scores_only()),
        "broken": BROKEN_PAGE,
    }
    for name, html in pages.items():
        (folder / f"{name}.html").write_text(html, encoding="utf-8")
    settings = ("hostile 390 light", "hostile 390 dark", "big 390 dark", "big 1200 light", "run 390 light",
                "run 1200 dark", "scores 390 light", "broken 390 light")  # fmt: skip
    views = []
    for name, width, scheme in map(str.split, settings):
        views.append(chromium.View(folder / f"{name}.html", int(width), scheme == "dark", PAGE_CHECKS))
    return dict(zip(settings, chromium.open_views(views), strict=True))


def of_reports(observations: dict[str, chromium.Observation]) -> dict[str, chromium.Observation]:
    """Return the observations of all pages but the broken one."""
    return {name: observation for name, observation in observations.items() if not name.startswith("broken")}


def test_a_page_requests_nothing_and_logs_no_messages(observations: dict[str, chromium.Observation]) -> None:
    for name, observation in of_reports(observations).items():
        assert (observation.requests, observation.messages) == ([], []), name
        checks = observation.value
        assert (checks["activeTags"], checks["activeAttributes"], checks["brokenLinks"]) == ([], [], 0), name


def test_a_browser_shows_hostile_texts_as_text(observations: dict[str, chromium.Observation]) -> None:
    for name, observation in of_reports(observations).items():
        assert observation.value["title"] != "owned", name
    for text in evaluations.HOSTILE[:4]:
        assert text in observations["hostile 390 light"].value["text"]
        assert text in observations["run 390 light"].value["text"]


def test_a_page_fits_narrow_and_wide_screens_in_light_and_dark(
    observations: dict[str, chromium.Observation],
) -> None:
    for name, observation in of_reports(observations).items():
        _, width, scheme = name.split()
        assert (observation.value["width"], observation.value["dark"]) == (int(width), scheme == "dark")
        assert observation.value["scrollWidth"] <= int(width), name


def test_every_plot_is_legible_and_has_a_description_and_a_table(
    observations: dict[str, chromium.Observation],
) -> None:
    for name, observation in of_reports(observations).items():
        checks = observation.value
        assert checks["plots"] >= 1, name
        assert (checks["plotsWithoutDescription"], checks["plotsWithoutTable"], checks["duplicateIds"]) == (0, 0, [])
        assert checks["smallestFont"] >= 11, name
        assert (checks["lowContrast"], checks["overlaps"], checks["outside"]) == ([], [], []), name


def test_the_checks_find_every_problem_of_a_broken_page(observations: dict[str, chromium.Observation]) -> None:
    observation = observations["broken 390 light"]
    checks = observation.value
    assert observation.requests == ["http://leak.invalid/x.png"]
    assert any("logged" in message for message in observation.messages)
    assert (checks["title"], checks["activeTags"]) == ("owned", ["script", "img"])
    assert checks["scrollWidth"] > 390
    assert (checks["plots"], checks["plotsWithoutDescription"], checks["plotsWithoutTable"]) == (1, 1, 1)
    assert checks["lowContrast"]
    assert checks["overlaps"] == ["a | b"]
