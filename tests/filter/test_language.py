from __future__ import annotations

import dataclasses

import pytest

from tests.contexts import context
from tests.filter.filtering import read_rows, real_data, reason_for, record, verdict_on
from textsynth.core.errors import RecipeError
from textsynth.filter.language import Language, clearly_english

FOREIGN = """Wo bleibt mein Paket?|Ich will mein Geld zurück|¿Dónde está mi tarjeta nueva?|No puedo pagar con mi tarjeta
Où est ma nouvelle carte ?|J'ai perdu ma carte hier|Dove si trova la mia carta?|Quero cancelar a transferência
Waar is mijn nieuwe kaart?|Var är mitt nya kort?|Jeg vil have mine penge tilbage|Gdzie jest moja karta?
Kde je moje karta?|Где моя новая карта?|我的新卡在哪里|返金してほしいです|บัตรใหม่ของฉันอยู่ที่ไหน|أين بطاقتي الجديدة؟
मेरा नया कार्ड कहाँ है?|Πού είναι η νέα μου κάρτα;|Yeni kartım nerede?|Thẻ mới của tôi ở đâu?|Di mana kartu baru saya?"""
TEXTS = [text for line in FOREIGN.splitlines() for text in line.split("|")]


@pytest.mark.parametrize("text", TEXTS)
def test_a_short_sentence_in_another_language_is_dropped(text: str) -> None:
    assert not clearly_english(text)
    verdict = verdict_on(Language(), record(text))
    assert verdict is not None
    assert verdict.score is not None
    assert verdict.score < 0.01 == verdict.limit


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("de", "Wo bleibt mein Paket, ich warte schon?"),
        ("de-AT", "Ich will mein Geld zurück"),
        ("zh", "我的新卡在哪里"),
        ("no", "Jeg vil have mine penge tilbage"),
        ("sk", "Kde je moje karta?"),
        ("tlh", "a language that no model knows is not verdict_on"),
    ],
)
def test_the_recipe_or_the_option_sets_the_language(code: str, text: str) -> None:
    assert reason_for(Language(language=code), record(text)) is None
    assert reason_for(Language(), record(text), dataclasses.replace(context(), language=code)) is None


def test_a_text_that_is_too_short_to_identify_is_kept() -> None:
    assert reason_for(Language(), record("ja genau")) is None
    assert reason_for(Language(min_bytes=0), record("ja genau, danke")) is not None


def test_the_reason_names_the_language() -> None:
    reason = reason_for(Language(language="de"), record("Where is the card that I ordered a week ago?"))
    assert reason == "is in another language: en"


@real_data
def test_real_english_is_kept() -> None:
    texts = [record(row["text"]) for row in [*read_rows("banking77/train.csv")[::5], *read_rows("trec/train.csv")[::5]]]
    assert not any(Language().start(context()).evaluate_batch(texts))


HINGLISH = "mera parcel abhi tak nahi aaya, kab tak milega bhai"
ARABIZI = "3ayez a3raf el talab beta3y feen delwa2ty"


@pytest.mark.parametrize(("code", "text"), [("hi", HINGLISH), ("ar", ARABIZI)])
def test_a_language_in_latin_letters_is_named_by_its_code_or_the_script(code: str, text: str) -> None:
    assert reason_for(Language(language=code), record(text)) is not None
    assert reason_for(Language(language=f"{code}-Latn"), record(text)) is None
    assert reason_for(Language(script="Latn"), record(text), dataclasses.replace(context(), language=code)) is None
    verdict = verdict_on(Language(language=f"{code}-Latn"), record("मेरा नया कार्ड कहाँ है? where"))
    assert verdict is not None
    assert (verdict.reason, verdict.limit) == ("is in another script than Latn", 0.5)


def test_the_usual_script_of_a_language_leaves_the_identification_on() -> None:
    assert reason_for(Language(language="en-Latn"), record("Wo bleibt mein Paket, ich warte schon?")) is not None
    assert reason_for(Language(language="hi-Deva"), record(HINGLISH)) is not None
    assert reason_for(Language(language="zh-Hant"), record("我的新卡在哪里")) is None


def test_a_script_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(RecipeError, match="there is no script 'Latin'; did you mean 'Latn'"):
        Language(script="Latin")
