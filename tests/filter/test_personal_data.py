from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contexts import context
from tests.filter.filtering import read_rows, real_data, reason_for, record, verdict_on
from tests.text.pii.examples import EMAILS, IPS, NO_EMAILS, NO_IPS, NO_PHONES, NO_SSNS, PHONES, SSNS
from textsynth.core.errors import RecipeError
from textsynth.core.task import Task
from textsynth.filter.personal_data import REASONS, PersonalData
from textsynth.task import Classification, Paraphrasing, Summarization

TEXTS = {
    "email": EMAILS[0],
    "phone": PHONES["en"][0],
    "card": "my card 4929 1234 5678 9014 was declined",
    "iban": "please send it to DE02 1203 0000 0000 2020 51",
    "ip": IPS[0],
    "ssn": SSNS[0],
    "national_id": "il mio codice fiscale è VRDLGI75C15F205{}",
}
GERMAN = replace(context(), language="de")


def text_with(kind: str) -> str:
    """Return a text with a datum of the kind, with valid check letters and digits."""
    from textsynth.text.pii import card, national_id

    if kind == "card":
        return next(text for last in "0123456789" if any(card.find(text := TEXTS[kind].replace("9014", f"901{last}"))))
    if kind == "national_id":
        return next(text for code in range(65, 91) if any(national_id.find(text := TEXTS[kind].format(chr(code)))))
    return TEXTS[kind]


@pytest.mark.parametrize("kind", list(REASONS))
def test_the_reason_names_the_kind_and_never_the_data(kind: str) -> None:
    verdict = verdict_on(PersonalData(), record(text_with(kind)))
    assert verdict is not None
    assert verdict.reason == REASONS[kind]  # type: ignore[index]
    assert verdict.score is None
    assert not any(char.isdigit() or char == "@" for char in verdict.reason or "")


@pytest.mark.parametrize("kind", list(REASONS))
def test_only_the_selected_kinds_are_found(kind: str) -> None:
    only = PersonalData(kinds=[kind])  # type: ignore[list-item]
    assert reason_for(only, record(text_with(kind))) == REASONS[kind]  # type: ignore[index]
    without_kind = PersonalData(kinds=[name for name in REASONS if name != kind])
    assert reason_for(without_kind, record(text_with(kind))) is None


@pytest.mark.parametrize("text", [*NO_EMAILS, *NO_IPS, *NO_PHONES, *NO_SSNS])
def test_texts_without_personal_data_are_kept(text: str) -> None:
    assert reason_for(PersonalData(), record(text)) is None


def test_allowed_data_are_kept_in_any_format() -> None:
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
        assert reason_for(step, record(text)) is None, text
    assert reason_for(step, record("help@acme-xyz.com or ben@firma-xyz.de")) == REASONS["email"]
    assert reason_for(step, record("anna@notacme-xyz.com")) == REASONS["email"]
    assert reason_for(step, record("0161 234 5001 or 0161 234 5002")) == REASONS["phone"]


def test_phone_numbers_are_found_in_the_formats_of_the_countries_of_the_language() -> None:
    text = "ruf mich an: 0171 2345671"
    assert reason_for(PersonalData(), record(text), GERMAN) == REASONS["phone"]
    assert reason_for(PersonalData(countries=["FR"]), record("0171 2345671 geht"), GERMAN) is None
    assert reason_for(PersonalData(countries=[]), record(text), GERMAN) is None
    assert reason_for(PersonalData(countries=[]), record("+49 171 2345671"), GERMAN) == REASONS["phone"]


@pytest.mark.parametrize(
    ("task", "field", "name"),
    [(Paraphrasing(), "source_text", "original"), (Summarization(), "document", "document")],
)
def test_the_texts_that_a_record_is_published_with_are_checked(task: Task, field: str, name: str) -> None:
    text = record("please answer soon", **{field: TEXTS["email"]})
    assert reason_for(PersonalData(), text, context(task=task)) == f"its {name} contains an e-mail address"
    assert reason_for(PersonalData(), text, context(task=Classification())) is None
    assert reason_for(PersonalData(), record("please answer soon"), context(task=task)) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kinds": ["emial"]}, "found 'emial'; did you mean 'email'?"),
        ({"kinds": []}, "nothing would be looked for"),
        ({"countries": ["UK"]}, "did you mean 'GB'?"),
        ({"countries": ["de"]}, "did you mean 'DE'?"),
        ({"countries": ["XX"]}, "such as US or DE"),
        ({"alow": ["a.org"]}, "did you mean 'allow'?"),
    ],
)
def test_a_wrong_option_is_an_error_with_a_suggestion(options: dict[str, list[str]], message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        PersonalData(**options)  # type: ignore[arg-type]
    assert message in str(caught.value)


@given(st.text().filter(lambda text: "@" not in text and not any(char.isdecimal() for char in text)))
def test_a_text_without_digits_and_at_signs_is_never_dropped(text: str) -> None:
    assert reason_for(PersonalData(), record(text)) is None


@given(st.text(alphabet="0123456789@.:-+() abcdefAZ", max_size=60))
def test_every_text_can_be_checked_and_always_with_the_same_result(text: str) -> None:
    assert verdict_on(PersonalData(), record(text)) == verdict_on(PersonalData(), record(text))


def test_nothing_is_loaded_before_the_first_text() -> None:
    code = (
        "import sys; from tests.contexts import context; from textsynth.filter.personal_data import PersonalData\n"
        "session = PersonalData().start(context())\n"
        "print('phonenumbers' in sys.modules, 'textsynth.text.pii.phone' in sys.modules)"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout == "False False\n"


@real_data
@pytest.mark.parametrize(
    ("path", "minimum", "maximum"),
    [
        ("banking77/train.csv", 0, 0),
        ("trec/train.csv", 0, 0),
        ("ag_news/train.csv", 1, 1),
        ("parrot_crowdflower/train.csv", 3, 3),
        ("sms_spam/test.csv", 60, 100),
    ],
)
def test_of_real_texts_only_those_with_personal_data_are_dropped(path: str, minimum: int, maximum: int) -> None:
    session = PersonalData().start(context())
    verdicts = session.evaluate_batch([record(row["text"]) for row in read_rows(path)])
    assert minimum <= sum(verdict is not None for verdict in verdicts) <= maximum
