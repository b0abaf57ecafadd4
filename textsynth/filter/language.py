"""Drops a text that is not in the recipe's language, as py3langid identifies it (139 languages, byte n-grams).

A text is dropped if the probability of the recipe's language is below `min_confidence`. The default 0.01 keeps all but
45 of 42,700 English questions, messages, tweets and news texts (about 30 of the 45 are in other languages, the others
have hardly any words), and passes one of 46 sentences of three to six words in 25 other languages. (A limit on the
confidence in the *other* language passed half of them.) A text with several very common English words is taken as
English without py3langid, which takes 5 µs instead of 120 µs.

A language in a script that it is not usually written in (`language: hi-Latn`, `ar-Latn`: Hindi or Arabic in Latin
letters), and the option `script`, turn the identification off, as py3langid knows no such texts: a text is dropped
where fewer than half of its letters are in the script. Of longer texts the first 100,000 characters are checked.

Does not catch: other languages in the same script where a script is set; texts of fewer than `min_bytes` bytes ("ja",
names), a phrase in another language inside of a text, similar languages that are confused (Danish and Norwegian, Czech
and Slovak). A language that py3langid does not know turns the check off.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, ClassVar

from pydantic import Field, field_validator

from textsynth.core.errors import did_you_mean
from textsynth.core.protocols import Context, Filter, TextScope
from textsynth.core.records import Record, Verdict
from textsynth.text.normalize import without_long_runs, words_of

SIMILAR_LANGUAGES = (
    {"nb", "no", "nn", "da"},
    {"hr", "bs", "sr", "sl"},
    {"id", "ms"},
    {"gl", "pt"},
    {"cs", "sk"},
)
"""Groups of languages that are too similar to distinguish: a text in one of them passes for each."""
MAX_CHARACTERS = 100_000
SCRIPTS = {
    "Latn": "LATIN", "Cyrl": "CYRILLIC", "Arab": "ARABIC", "Deva": "DEVANAGARI", "Grek": "GREEK", "Hebr": "HEBREW",
    "Beng": "BENGALI", "Taml": "TAMIL", "Telu": "TELUGU", "Gujr": "GUJARATI", "Guru": "GURMUKHI", "Knda": "KANNADA",
    "Mlym": "MALAYALAM", "Thai": "THAI", "Geor": "GEORGIAN", "Armn": "ARMENIAN", "Ethi": "ETHIOPIC", "Hang": "HANGUL",
    "Hani": "CJK", "Hans": "CJK", "Hant": "CJK", "Hira": "HIRAGANA", "Kana": "KATAKANA",
}  # fmt: skip
"""Codes of scripts (ISO 15924), with the word that the Unicode names of their letters begin with."""
_NOT_LATIN = """am ar as be bg bn ckb dv dz el fa gu he hi hy ja ka km kn ko ks ku lo mk ml mr my ne or pa ps ru sa sd
si ta te th ti ug uk ur yi zh"""
_OTHER_SCRIPT_LANGUAGES = frozenset(_NOT_LATIN.split())
"""Languages that are usually not written in Latin letters."""
_COMMON_WORDS = """the and are my your you that this these what how why with where which when who from not can could
would should dont im its has been they their there then our she his him were because about just know like out up only
very please"""
COMMON_ENGLISH_WORDS = frozenset(_COMMON_WORDS.split())
"""Words that most English texts have and that hardly any other language has."""


class Language(Filter):
    """Keeps texts in the recipe's language, and texts that are too short to identify."""

    compares_accepted: ClassVar[bool | None] = False
    scope: ClassVar[TextScope | None] = "text"

    language: str | None = Field(
        default=None, description="code of the language to keep (en, pt-BR); default: the recipe's language"
    )
    script: str | None = Field(
        default=None,
        description="code of a script (Latn, Cyrl, Deva, Arab): keep texts in it, whatever their language, for Hindi "
        "or Arabic in Latin letters; default: the script in the language's code, as in hi-Latn",
    )
    min_confidence: float = Field(
        default=0.01, gt=0, le=1, description="minimum probability of the language to keep, 0 to 1"
    )
    min_bytes: int = Field(
        default=18,
        ge=0,
        description="minimum length in UTF-8 bytes; shorter texts are kept unchecked. A Chinese character has three",
    )

    @field_validator("script")
    @classmethod
    def _check_script(cls, script: str | None) -> str | None:
        if script is not None and script.title() not in SCRIPTS:
            raise ValueError(f"there is no script {script!r}{did_you_mean(script, SCRIPTS)}")
        return None if script is None else script.title()

    def start(self, context: Context) -> LanguageSession:
        """Return the filter's session. The language model is loaded when a text first needs it."""
        return LanguageSession(self, self.language or context.language)


class LanguageSession:
    """Checks each text by itself."""

    def __init__(self, step: Language, language: str) -> None:
        self._step = step
        base = language.split("-")[0].lower()
        self._allowed = {base}.union(*(group for group in SIMILAR_LANGUAGES if base in group))
        self._english = "en" in self._allowed
        self._script = step.script or _unusual_script(language)
        self._identifier: Any = None

    def evaluate_batch(self, records: Sequence[Record]) -> list[Verdict | None]:
        """Return verdicts whose score is the probability of the language to keep."""
        return [self._check(record.text) for record in records]

    def commit(self, records: Sequence[Record]) -> None:
        """Remember nothing."""

    def _check(self, text: str) -> Verdict | None:
        if len(text.encode("utf-8", "replace")) < self._step.min_bytes or (
            self._english and self._script is None and clearly_english(text)
        ):
            return None
        if self._script is not None:
            return _check_script(text, self._script)
        if self._identifier is None:
            from py3langid.langid import MODEL_FILE, LanguageIdentifier

            self._identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        text = without_long_runs(text[:MAX_CHARACTERS])
        language, _ = self._identifier.classify(text)
        if language in self._allowed:
            return None
        probabilities = dict(self._identifier.rank(text))
        if self._allowed.isdisjoint(probabilities):
            return None
        probability = sum(float(probabilities.get(code, 0)) for code in self._allowed)
        if probability >= self._step.min_confidence:
            return None
        return Verdict(f"is in another language: {language}", round(probability, 4), self._step.min_confidence)


def _unusual_script(language: str) -> str | None:
    """Return the script in the code of a language (`hi-Latn`) where the language is usually written in another one."""
    base, *subtags = language.split("-")
    script = next((subtag.title() for subtag in subtags if len(subtag) == 4 and subtag.title() in SCRIPTS), None)
    if script is None or SCRIPTS[script] == "CJK":
        return None
    is_latin_language = base.lower() not in _OTHER_SCRIPT_LANGUAGES
    return script if (script == "Latn") != is_latin_language else None


def _check_script(text: str, script: str) -> Verdict | None:
    """Return a verdict where fewer than half of the letters are in the script; the score is their share."""
    text = text[:MAX_CHARACTERS]
    word = SCRIPTS[script]
    letters = [char for char in text if char.isalpha()]
    inside = sum(_is_in_script(char, word) for char in letters)
    if 2 * inside >= len(letters):
        return None
    return Verdict(f"is in another script than {script}", round(inside / len(letters), 4), 0.5)


@lru_cache(maxsize=65_536)
def _is_in_script(char: str, word: str) -> bool:
    return unicodedata.name(char, "").startswith(word)


def clearly_english(text: str) -> bool:
    """Return whether a text has two different common English words, and these are at least an eighth of its words."""
    words = words_of(text)
    common = [word for word in words if word in COMMON_ENGLISH_WORDS]
    return len(set(common)) >= 2 and 8 * len(common) >= len(words)
