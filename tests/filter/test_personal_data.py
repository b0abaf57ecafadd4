from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contexts import context
from tests.filter.benches import judged, real_data, reason, record, rows
from tests.text.pii.examples import EMAILS, IPS, NO_EMAILS, NO_IPS, NO_PHONES, NO_SSNS, PHONES, SSNS
from textsynth.core.errors import RecipeError
from textsynth.core.protocols import Context
from textsynth.filter.personal_data import REASONS, PersonalData

HELD = {
    "email": EMAILS[0],
    "phone": PHONES["en"][0],
    "card": "my card 4929 1234 5678 9014 was declined",
    "iban": "please send it to DE02 1203 0000 0000 2020 51",
    "ip": IPS[0],
    "ssn": SSNS[0],
    "national_id": "il mio codice fiscale è VRDLGI75C15F205{}",
}
GERMAN = replace(context(), language="de")


def held(kind: str) -> str:
    """Return a text that holds a datum of the kind, its check letters and digits worked out."""
    from textsynth.text.pii import card, national_id

    if kind == "card":
        return next(one for last in "0123456789" if any(card.find(one := HELD[kind].replace("9014", f"901{last}"))))
    if kind == "national_id":
        return next(one for code in range(65, 91) if any(national_id.find(one := HELD[kind].format(chr(code)))))
    return HELD[kind]


@pytest.mark.parametrize("kind", list(REASONS))
def test_the_reason_names_the_kind_and_never_the_datum(kind: str) -> None:
    verdict = judged(PersonalData(), record(held(kind)))
    assert verdict is not None
    assert verdict.reason == REASONS[kind]  # type: ignore[index]
    assert verdict.score is None
    assert not any(char.isdigit() or char == "@" for char in verdict.reason or "")


@pytest.mark.parametrize("kind", list(REASONS))
def test_only_the_kinds_asked_for_are_found(kind: str) -> None:
    only = PersonalData(kinds=[kind])  # type: ignore[list-item]
    assert reason(only, record(held(kind))) == REASONS[kind]  # type: ignore[index]
    others = PersonalData(kinds=[one for one in REASONS if one != kind])
    assert reason(others, record(held(kind))) is None


@pytest.mark.parametrize("text", [*NO_EMAILS, *NO_IPS, *NO_PHONES, *NO_SSNS])
def test_ordinary_texts_pass(text: str) -> None:
    assert reason(PersonalData(), record(text)) is None


def test_what_is_allowed_passes_however_it_is_written_and_nothing_else_does() -> None:
    step = PersonalData(
        allow=["acme-xyz.com", "anna@firma-xyz.de", "(0161) 234 5001", "91.198.174.192", "536-22-8145", "4155552671"]
    )
    for text in (
        "write to Help@ACME-xyz.com or shop@mail.acme-xyz.com",
        "Anna@firma-xyz.de",
        "call 01612345001 or +44 161 234 5001",
        "ping 91.198.174.192",
        "SSN 536 22 8145",
        "call 415-555-2671",
    ):
        assert reason(step, record(text)) is None, text
    assert reason(step, record("help@acme-xyz.com or ben@firma-xyz.de")) == REASONS["email"]
    assert reason(step, record("anna@notacme-xyz.com")) == REASONS["email"]
    assert reason(step, record("0161 234 5001 or 0161 234 5002")) == REASONS["phone"]


def test_numbers_are_read_as_the_language_s_countries_write_them() -> None:
    text = "ruf mich an: 0171 2345671"
    assert reason(PersonalData(), record(text), GERMAN) == REASONS["phone"]
    assert reason(PersonalData(countries=["FR"]), record("0171 2345671 geht"), GERMAN) is None
    assert reason(PersonalData(countries=[]), record(text), GERMAN) is None
    assert reason(PersonalData(countries=[]), record("+49 171 2345671"), GERMAN) == REASONS["phone"]


@pytest.mark.parametrize(
    ("task", "field", "told"),
    [("paraphrase", "source_text", "the text it rewrites"), ("summarization", "document", "its document")],
)
def test_what_is_published_beside_the_text_is_looked_at(task: str, field: str, told: str) -> None:
    one = record("please answer soon", **{field: HELD["email"]})
    assert reason(PersonalData(), one, of_task(task)) == f"{told} holds an e-mail address"
    assert reason(PersonalData(), one, of_task("classification")) is None
    assert reason(PersonalData(), record("please answer soon"), of_task(task)) is None


def of_task(task: str) -> Context:
    return replace(context(), task=task)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"kinds": ["emial"]}, "'kinds.0' must be 'email', 'phone'"),
        ({"kinds": []}, "nothing would be looked for"),
        ({"countries": ["UK"]}, "did you mean 'GB'?"),
        ({"countries": ["de"]}, "did you mean 'DE'?"),
        ({"countries": ["XX"]}, "such as US or DE"),
        ({"alow": ["a.org"]}, "did you mean 'allow'?"),
    ],
)
def test_a_wrong_option_is_answered_with_what_would_be_right(wrong: dict[str, list[str]], told: str) -> None:
    with pytest.raises(RecipeError) as caught:
        PersonalData(**wrong)  # type: ignore[arg-type]
    assert told in str(caught.value)


@given(st.text().filter(lambda text: "@" not in text and not any(char.isdecimal() for char in text)))
def test_a_text_without_digits_and_at_is_never_dropped(text: str) -> None:
    assert reason(PersonalData(), record(text)) is None


@given(st.text(alphabet="0123456789@.:-+() abcdefAZ", max_size=60))
def test_any_text_can_be_judged_and_always_the_same(text: str) -> None:
    assert judged(PersonalData(), record(text)) == judged(PersonalData(), record(text))


def test_nothing_is_loaded_before_the_first_text() -> None:
    code = (
        "import sys; from tests.contexts import context; from textsynth.filter.personal_data import PersonalData\n"
        "judge = PersonalData().start(context())\n"
        "print('phonenumbers' in sys.modules, 'textsynth.text.pii.phone' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"


@real_data
@pytest.mark.parametrize(
    ("path", "least", "most"),
    [
        ("banking77/train.csv", 0, 0),
        ("trec/train.csv", 0, 0),
        ("ag_news/train.csv", 1, 1),
        ("parrot_crowdflower/train.csv", 3, 3),
        ("sms_spam/test.csv", 60, 100),
    ],
)
def test_of_real_texts_only_those_that_hold_some_are_dropped(path: str, least: int, most: int) -> None:
    judge = PersonalData().start(context())
    verdicts = judge.evaluate_batch([record(row["text"]) for row in rows(path)])
    assert least <= sum(verdict is not None for verdict in verdicts) <= most
