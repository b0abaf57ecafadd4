"""Drops what a model says instead of the text, or around it: refusals, introductions, leftovers of prompt and format.

Refusals («I'm sorry, but I can't help with that», «As an AI»), introductions («Sure, here are three examples:»),
remarks («I hope this helps»), placeholders (`[insert name]`), the name of a label or form field in front («Intent: …»),
list marks, headings, code fences, special tokens of chat templates. The phrases are English; the format marks
hold for every language. A customer's «I'm sorry, but I lost my card» passes.

Does not catch: refusals in other languages or unusual words, and instructions of the prompt repeated in its own words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import ClassVar, NamedTuple

from pydantic import Field

from textsynth.core.options import Texts
from textsynth.core.protocols import Context, Filter, FilterScope, StatelessFilterSession
from textsynth.core.records import Record, Verdict


class RefusalPattern(NamedTuple):
    """One kind of trace: a literal that is always in it (a cheap first look), and the pattern that proves it."""

    literal: str
    pattern: re.Pattern[str]
    reason: str


def _signs(reason: str, pattern: str, *literals: str) -> tuple[RefusalPattern, ...]:
    return tuple(RefusalPattern(literal, re.compile(pattern, re.MULTILINE), reason) for literal in literals)


_MODEL = r"(?:ai|artificial intelligence|(?:large )?language model)\b"
_TASK = (
    r"(?:fulfil|comply|assist (?:you )?with (?:this|that|your)|help (?:you )?with (?:that|this|your request)"
    r"|answer (?:this|that)|(?:generate|create|produce|write|provide|continue) (?:this|that|such|any|content|text))"
)
_NOT_ABLE = (
    rf"(?:\bi(?: can(?:'t|not| not)|(?:'m| am) (?:not able|unable) to| won't)|\bsorry,? (?:but )?i.{{0,25}}?) {_TASK}"
)
_LET_ME_KNOW = (
    r"let me know if you(?:'d| would)? (?:like|need|want).{0,15}(?:me to (?:write|add|change|make|generate|create)"
    r"|(?:more|another|other|further) (?:example|version|variation|paraphrase|text|sentence|option))"
)
_HOPE = r"^i hope (?:this|these|that) helps?\b|[.!?:\n]\s*i hope (?:this|these) help"
_SLOT = (
    r"(?:insert|enter|your|my|the|customer|user|recipient|sender|company|bank|product|service|brand|person|first|last|full"
    r"|name|date|time|day|month|year|number|amount|place|city|country|location|address|email|phone|url|link|website|order"
    r"|account|card|event|topic|title|text|something|specific|relevant)"
)
_PLACEHOLDER = rf"[\[{{<]{{1,2}}\s?{_SLOT}(?![a-z])[^\]}}>\n]{{0,40}}[\]}}>]"
_TOKEN = r"<\||\|>|</?s>|</?think>|\[/?inst\]|<</?sys>>|<(?:start|end)_of_turn>"
_AS_MODEL = rf"\b(?:as an?|i(?:'m| am)(?: just| only)? an?) {_MODEL}"
PHRASES = (
    *_signs("refuses instead of answering", _NOT_ABLE, "can't", "won't", "cannot", "able to", "sorry"),
    *_signs("speaks as an AI model", _AS_MODEL, " ai", "language model"),
    *_signs("talks to the person who asked", _HOPE, "i hope th"),
    *_signs("talks to the person who asked", _LET_ME_KNOW, "let me know if"),
)
SYMBOLS = (
    *_signs("holds a placeholder that nobody filled in", _PLACEHOLDER, "[", "{", "<"),
    *_signs("holds special tokens of a chat template", _TOKEN, "|", "<", "["),
    *_signs("holds a code fence", "```", "```"),
    *_signs("holds bold or heading marks", r"\*\*\w[^*\n]*\w\*\*|^\s*#{1,6}\s", "**", "#"),
    *_signs("holds several items of a list", r"\n\s*(?:\(?\d{1,2}[.)]|[-*•])\s+\S", "\n"),
)
_ANY_SYMBOL = re.compile(r"[\[{<|`*#\n]")

_FORMS = (
    "label|class|category|intent|topic|emotion|sentiment|text|message|question|query|utterance|example|sentence"
    "|original|(?:paraphrased?|rewrit(?:e|ten)|rephrased)(?: text| sentence| version)?|summary|document|answer|output"
    "|input|response|result|customer|user|assistant|system|tone|style|note|explanation|option|variation|version|instruction|prompt"
)
_PRODUCT = (
    r"(?:examples?|paraphrases?|paraphrased|rewritten|rephrased|versions?|variations?|sentences?|texts?|summar(?:y|ies)"
    r"|quer(?:y|ies)|utterances?|alternatives?|messages?|questions?|tweets?|reviews?|list)\b"
)
_SURE = r"(?:sure|certainly|of course|absolutely|great|okay|ok|alright)\b[^.!?:\n]{0,20}[!,.:]\s*"
_OFFER = r"(?:i can|i'd be happy to|let me) (?:help|provide|give|write|create|generate)"
_HERE = r"(?:here(?:'s| is| are)|below (?:is|are)|the following (?:is|are)|these are)\b"
_OPENING = re.compile(
    r"[\s\"'*_(]*(?:"
    rf"(?P<intro>{_SURE}(?:{_HERE}|below\b|{_OFFER})"
    rf"|(?:{_SURE})?{_HERE}[^.!?:\n]{{0,40}}?\b{_PRODUCT}[^.!?:\n]{{0,60}}(?::(?!/)|[.!]?\s*(?:\n|$)))"
    rf"|(?P<form>(?:{_FORMS})\s?(?:\(?#?\d{{1,3}}\)?)?\s?[*_]{{0,2}}:(?!/))"
    r"|(?P<list>\(?\d{1,2}[.)](?:\s+|(?=[a-z]))(?=\S)|[-*•]\s+(?=\S))"
    r")"
)
_OPENINGS = {
    "intro": "introduces the text instead of being it",
    "form": "starts with the name of a form field",
    "list": "starts with a list mark",
}


class Refusal(Filter):
    """Keeps texts that hold nothing but the text that was asked for."""

    scope: ClassVar[FilterScope | None] = "text"

    allow: Texts = Field(default=(), description="reasons that do not count here, spelt as the report spells them")

    def start(self, context: Context) -> StatelessFilterSession:
        """Return the filter at work; the recipe's label names are traces, too."""
        names = LabelNames(context.labels)
        return StatelessFilterSession(lambda record: self._first(record, names))

    def check(self, record: Record) -> Verdict | None:
        """Return the first trace found: at the start of the text, then anywhere in it."""
        return self._first(record, LabelNames(()))

    def _first(self, record: Record, names: LabelNames) -> Verdict | None:
        for reason in label_names_in(record.text, names):
            if reason not in self.allow:
                return Verdict(reason)
        return None


class LabelNames:
    """Finds a label's name in front of a colon («Card arrival: …»), or as only a recipe writes it (`card_arrival`)."""

    def __init__(self, labels: Iterable[str]) -> None:
        names = [label.lower() for label in labels if re.search(r"\w", label)]
        spelt = [r"[\W_]+".join(map(re.escape, filter(None, re.split(r"[\W_]+", name)))) for name in names]
        raw = [re.escape(name) for name in names if "_" in name]
        self._front = re.compile(rf"[\s\"'*_(]*(?:{_any(spelt)})[\s*_]*:") if spelt else None
        self._inside = re.compile(rf"\b(?:{_any(raw)})\b") if raw else None

    def trace(self, low: str) -> str | None:
        """Return the reason, or None; `low` is a text in lower case."""
        if self._front is not None and ":" in low and self._front.match(low) is not None:
            return "starts with a label's name"
        if self._inside is not None and "_" in low and self._inside.search(low) is not None:
            return "holds a label's name as the recipe writes it"
        return None


def label_names_in(text: str, names: LabelNames) -> Iterator[str]:
    """Yield the reason of every trace of the model's talk or format in the text."""
    low = text.lower()
    if "’" in low:
        low = low.replace("’", "'")
    opening = _OPENING.match(low)
    if opening is not None and opening.lastgroup is not None:
        yield _OPENINGS[opening.lastgroup]
    named = names.trace(low)
    if named is not None:
        yield named
    for literal, pattern, reason in PHRASES if _ANY_SYMBOL.search(low) is None else (*PHRASES, *SYMBOLS):
        if literal in low and pattern.search(low) is not None:
            yield reason


def _any(patterns: Iterable[str]) -> str:
    return "|".join(sorted(patterns, key=lambda pattern: (-len(pattern), pattern)))
