from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.contexts import LABELS, context
from tests.recipe.recipes import assert_has_issue
from textsynth.core.sessions import QuotaDeficit
from textsynth.generate.labelled import Labelled
from textsynth.recipe import read_recipe
from textsynth.runner import run

CASES = {"two orders at once": 2, "no verb": {"want": 3, "label": "praise"}}
RECIPE = """\
name: shop
labels:
  delivery: asks where a parcel is
  refund: asks for money back
models: {generator: {scripted: {function: "./answers.py:answer"}}}
generate:
  - labelled:
      attributes: {tone: {polite: 3, angry: 1}}
      cases:
        two orders at once: 4
        no verb: {want: 3, label: refund}
filter: [exact_duplicate]
select: []
want: {label: 10}
"""
ANSWERS = """\
def answer(request):
    return "\\n".join(f"{n}. text {request.key[:12]} number {n}" for n in range(1, 6))
"""


def write(folder: Path, text: str = RECIPE) -> Path:
    (folder / "answers.py").write_text(ANSWERS, encoding="utf-8")
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_case_is_in_the_prompt_and_a_field_and_has_its_label() -> None:
    session = Labelled(cases=CASES, per_request=1, shots=0).start(context(), "labelled")
    first, second = ({"case": name} for name in CASES)
    requests = session.plan_requests([QuotaDeficit(first, 6), QuotaDeficit(second, 2), QuotaDeficit({}, 3)], 20)
    cases = Counter((request.fields.get("case"), request.labels[0]) for request in requests)
    assert sum(number for (case, _), number in cases.items() if case == "two orders at once") == 6
    assert cases["no verb", "praise"] == 2
    assert sum(number for (case, _), number in cases.items() if case is None) == 3
    assert {label for case, label in cases if case == "two orders at once"} == set(LABELS)
    for request in requests:
        prompt = "\n".join(message.content for message in request.prompt.messages)  # type: ignore[union-attr]
        assert ("- case: " in prompt) == ("case" in request.fields)


def test_a_case_of_another_generator_is_not_requested() -> None:
    session = Labelled(cases=CASES).start(context(), "labelled")
    assert session.plan_requests([QuotaDeficit({"case": "of another generator"}, 5)], 20) == []
    assert session.plan_requests([QuotaDeficit({"case": "no verb", "label": "refund"}, 5)], 20) == []


def test_a_run_selects_the_texts_of_each_case_and_the_report_shows_them(tmp_path: Path) -> None:
    summary = run(read_recipe(write(tmp_path)), out=tmp_path / "out")
    assert summary.exit_code == 0
    rows = {tuple(row["cell"].values()): (row["wanted"], row["selected"]) for row in summary.quota}
    assert rows["two orders at once",] == (4, 4)
    assert rows["refund", "no verb"] == (3, 3)
    provenance = pq.read_table(tmp_path / "out" / "dataset" / "provenance").to_pylist()
    cases = Counter(json.loads(row["attributes"]).get("case") for row in provenance)
    assert (cases["two orders at once"], cases["no verb"]) == (4, 3)
    assert sum(cases.values()) == 20
    assert "two orders at once" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "line", "sentence"),
    [
        ("once: 4", "once: 0", 10, "cases.two orders at once takes a whole number such as 300"),
        ("once: 4", "once: many", 10, "found 'many'"),
        (
            "label: refund}",
            "label: refnd}",
            11,
            "cases.no verb.label is 'refnd', which `labels` does not list; did you",
        ),
        ("{tone:", "{case:", 8, "attributes.case has the name of the field that `cases` gives"),
        ("no verb:", '" ":', 11, "a case without words"),
        ("want: {label: 10}", "want: 6", 14, "the total is 6, but the cases of generate want 7 texts"),
    ],
)
def test_every_mistake_in_cases_has_a_sentence_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, sentence: str
) -> None:
    assert old in RECIPE
    assert_has_issue(write(tmp_path, RECIPE.replace(old, new, 1)), line, sentence)
