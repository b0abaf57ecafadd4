"""Drops a text that is not only the requested text: refusals, introductions, remarks, leftovers of prompt or format.

Found are refusals ("I'm sorry, but I can't help with that", "As an AI"), introductions ("Sure, here are three
examples:"), remarks to the user ("I hope this helps"), unfilled placeholders (`[insert name]`), the name of a label or
form field before the text ("Intent: …"), a label's name in brackets or behind a separator, list markers, headings,
code fences, and special tokens of chat templates. A customer's "I'm sorry, but I lost my card" is kept. The phrases are
English; the format patterns apply to every language.

Does not catch: refusals in other languages or in unusual words, and instructions of the prompt that are repeated in
other words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import ClassVar, NamedTuple

from pydantic import Field, field_validator

from textsynth.core.errors import did_you_mean
from textsynth.core.options import Texts
from textsynth.core.protocols import Context, Filter, StatelessFilterSession, TextScope
from textsynth.core.records import Record, Verdict


class RefusalPattern(NamedTuple):
    """A pattern with the reason of its verdict. Every match contains `literal`, which is faster to search for."""

    literal: str
    pattern: re.Pattern[str]
    reason: str


def _patterns(reason: str, pattern: str, *literals: str) -> tuple[RefusalPattern, ...]:
    """Return a pattern once for each literal; every match contains one of them."""
    return tuple(RefusalPattern(literal, re.compile(pattern, re.MULTILINE), reason) for literal in literals)


_AI = r"(?:ai|artificial intelligence|(?:large )?language model)\b"
_REQUEST = (
    r"(?:fulfil|comply|assist (?:you )?with (?:this|that|your)|help (?:you )?with (?:that|this|your request)"
    r"|answer (?:this|that)|(?:generate|create|produce|write|provide|continue) (?:this|that|such|any|content|text))"
)
_REFUSAL = (
    r"(?:\bi(?: can(?:'t|not| not)|(?:'m| am) (?:not able|unable) to| won't)|\bsorry,? (?:but )?i.{0,25}?)"
    rf" {_REQUEST}"
)
_OFFER_OF_MORE = (
    r"let me know if you(?:'d| would)? (?:like|need|want).{0,15}(?:me to (?:write|add|change|make|generate|create)"
    r"|(?:more|another|other|further) (?:example|version|variation|paraphrase|text|sentence|option))"
)
_HOPE_IT_HELPS = r"^i hope (?:this|these|that) helps?\b|[.!?:\n]\s{0,20}i hope (?:this|these) help"
_PLACEHOLDER_WORD = (
    r"(?:insert|enter|your|my|the|customer|user|recipient|sender|company|bank|product|service|brand|person|first|last|full"
    r"|name|date|time|day|month|year|number|amount|place|city|country|location|address|email|phone|url|link|website|order"
    r"|item|colou?r|size|price|quantity|reason|issue|problem|model|store|shop|restaurant|hotel|flight"
    r"|account|card|event|topic|title|text|something|specific|relevant)"
)
_PLACEHOLDER = rf"[\[{{<]{{1,2}}\s?{_PLACEHOLDER_WORD}(?![a-z])[^\]}}>\n]{{0,40}}[\]}}>]"
# A tag of reasoning inside of a sentence is what the sentence is about.
_TOKEN = (
    r"<\||\|>|</?s>|^\s{0,20}</?think>|</?think>\s{0,20}$|\S</?think>\w|\[/?inst\]|<</?sys>>|<(?:start|end)_of_turn>"
    r"|\[(?:sep|cls|pad|eos|bos)\]|<(?:sep|pad|unk|eos|bos)>"
)
_AS_AI = rf"\b(?:as an?|i(?:'m| am)(?: just| only)? an?) {_AI}"
PHRASES = (
    *_patterns("refuses instead of answering", _REFUSAL, "can't", "won't", "cannot", "able to", "sorry"),
    *_patterns("speaks as an AI model", _AS_AI, " ai", "language model"),
    *_patterns("contains a remark to the user", _HOPE_IT_HELPS, "i hope th"),
    *_patterns("contains a remark to the user", _OFFER_OF_MORE, "let me know if"),
)
SYMBOLS = (
    *_patterns("contains an unfilled placeholder", _PLACEHOLDER, "[", "{", "<"),
    *_patterns("contains special tokens of a chat template", _TOKEN, "|", "<", "["),
    *_patterns("contains a code fence", "```", "```"),
    *_patterns("contains bold or heading markup", r"\*\*\w[^*\n]*\w\*\*|^[^\S\n]*+#{1,6}\s", "**", "#"),
    *_patterns("contains several list items", r"\n[^\S\n]*+(?:\(?\d{1,2}[.)]|[-*•])\s++\S", "\n"),
)
_ANY_SYMBOL = re.compile(r"[\[{<|`*#\n]")

_FIELD_NAMES = (
    "label|class|category|intent|topic|emotion|sentiment|text|message|question|query|utterance|example|sentence"
    "|original|(?:paraphrased?|rewrit(?:e|ten)|rephrased)(?: text| sentence| version)?|summary|document|answer|output"
    "|input|response|result|customer|user|assistant|system|tone|style|note|explanation|option|variation|version|instruction|prompt|q|a"
)
_LABEL_NAMES = "label|class|category|intent|topic|emotion|sentiment"
_REQUESTED_THING = (
    r"(?:examples?|paraphrases?|paraphrased|rewritten|rephrased|versions?|variations?|sentences?|texts?|summar(?:y|ies)"
    r"|quer(?:y|ies)|utterances?|alternatives?|messages?|questions?|tweets?|reviews?|list)\b"
)
_AGREEMENT = r"(?:sure|certainly|of course|absolutely|great|okay|ok|alright)\b[^.!?:\n]{0,20}[!,.:]\s*"
_OFFER = r"(?:i can|i'd be happy to|let me) (?:help|provide|give|write|create|generate)"
_HERE_IS = r"(?:here(?:'s| is| are)|below (?:is|are)|the following (?:is|are)|these are)\b"
_OPENING = re.compile(
    r"[\s\"'*_(]*(?:"
    rf"(?P<intro>{_AGREEMENT}(?:{_HERE_IS}|below\b|{_OFFER})"
    rf"|(?:{_AGREEMENT})?{_HERE_IS}[^.!?:\n]{{0,40}}?\b{_REQUESTED_THING}[^.!?:\n]{{0,60}}(?::(?!/)|[.!]?\s*(?:\n|$)))"
    rf"|(?P<field>(?:{_FIELD_NAMES})\s?(?:\(?#?\d{{1,3}}\)?)?\s?[*_]{{0,2}}:(?!/))"
    r"|(?P<list>\(?\d{1,2}[.)](?:\s+|(?=[a-z]))(?=\S)|[-*•]\s+(?=\S))"
    r")"
)
_OPENING_REASONS = {
    "intro": "starts with an introduction",
    "field": "starts with the name of a form field",
    "list": "starts with a list marker",
}
LABEL_BEFORE_COLON = "starts with a label's name"
LABEL_AT_END = "ends with a label's name in brackets"
LABEL_IN_FRONT = "starts with a label's name in brackets"
LABEL_IN_COLUMN = "ends with a label's name behind a separator"
LABEL_ANYWHERE = "contains a label's name as the recipe spells it"
REASONS = (
    *_OPENING_REASONS.values(),
    LABEL_BEFORE_COLON,
    LABEL_AT_END,
    LABEL_IN_FRONT,
    LABEL_IN_COLUMN,
    LABEL_ANYWHERE,
    *dict.fromkeys(pattern.reason for pattern in (*PHRASES, *SYMBOLS)),
)
"""Every reason for which a text is dropped."""


class Refusal(Filter):
    """Keeps texts that contain nothing but the requested text."""

    compares_accepted: ClassVar[bool | None] = False
    scope: ClassVar[TextScope | None] = "text"
    is_quick: ClassVar[bool] = True

    allow: Texts = Field(
        default=(), description="reasons for which no text is dropped, as the report spells them: contains a code fence"
    )

    @field_validator("allow")
    @classmethod
    def _check_reasons(cls, allow: Texts) -> Texts:
        unknown = next((reason for reason in allow if reason not in REASONS), None)
        if unknown is not None:
            raise ValueError(f"there is no reason {unknown!r}{did_you_mean(unknown, REASONS)}")
        return allow

    def start(self, context: Context) -> StatelessFilterSession:
        """Return the filter's session, which also looks for the names of the recipe's labels."""
        label_names = LabelNames(context.labels)
        return StatelessFilterSession(lambda record: self._check(record, label_names))

    def check(self, record: Record) -> Verdict | None:
        """Return a verdict for the first pattern found: at the start of the text, then anywhere in it."""
        return self._check(record, LabelNames(()))

    def _check(self, record: Record, label_names: LabelNames) -> Verdict | None:
        reasons = (reason for reason in reasons_in(record.text, label_names) if reason not in self.allow)
        reason = next(reasons, None)
        return None if reason is None else Verdict(reason)


_OPENING_MARKS = frozenset("([{<*_\"'")
_SEPARATORS = ("\t", "|", ">", "→", '",', "',")


class LabelNames:
    """Finds a label's name before a colon ("Card arrival: …"), in brackets, behind a separator, or as `a_b`."""

    def __init__(self, labels: Iterable[str]) -> None:
        names = [label.lower() for label in labels if re.search(r"\w", label)]
        any_spelling = [r"[\W_]+".join(map(re.escape, filter(None, re.split(r"[\W_]+", name)))) for name in names]
        recipe_spelling = [re.escape(name) for name in names if "_" in name]
        self._before_colon = (
            re.compile(rf"[\s\"'*_(]*(?:{_alternatives(any_spelling)})[\s*_]*:") if any_spelling else None
        )
        self._at_end = (
            re.compile(
                rf".[(\[](?:(?:{_LABEL_NAMES}):?\s?)?[\"'*_]?(?:{_alternatives(any_spelling)})[\"'*_]?[)\]][.*_]?$"
            )
            if any_spelling
            else None
        )
        self._in_front = (
            re.compile(rf"[\"'*_]{{0,3}}[(\[{{<](?:{_alternatives(any_spelling)})[)\]}}>]") if any_spelling else None
        )
        self._in_column = (
            re.compile(
                rf"(?:\t|\||->|=>|→|[\"'],)\s{{0,3}}[\"'*_]{{0,3}}(?:{_alternatives(any_spelling)})[\"'*_]{{0,3}}(?:\s?\|)?$"
            )
            if any_spelling
            else None
        )
        self._anywhere = re.compile(rf"\b(?:{_alternatives(recipe_spelling)})\b") if recipe_spelling else None

    def reason(self, lowercase: str) -> str | None:
        """Return the reason for a text in lower case, None where it has no label name."""
        if self._before_colon is not None and ":" in lowercase and self._before_colon.match(lowercase) is not None:
            return LABEL_BEFORE_COLON
        if self._at_end is not None and lowercase[-2:].rstrip(".*_")[-1:] in {")", "]"}:
            start = max(lowercase.rfind("("), lowercase.rfind("["))
            if start > 0 and self._at_end.match(lowercase, start - 1) is not None:
                return LABEL_AT_END
        in_front = self._in_front if lowercase[:1] in _OPENING_MARKS else None
        if in_front is not None and in_front.match(lowercase) is not None:
            return LABEL_IN_FRONT
        if self._ends_with_column(lowercase):
            return LABEL_IN_COLUMN
        if self._anywhere is not None and "_" in lowercase and self._anywhere.search(lowercase) is not None:
            return LABEL_ANYWHERE
        return None

    def _ends_with_column(self, lowercase: str) -> bool:
        """Return whether the last cell of a text is a label's name: `text<tab>refund`, `text -> refund`."""
        if self._in_column is None or not any(mark in lowercase for mark in _SEPARATORS):
            return False
        start = max(lowercase.rfind(mark) for mark in _SEPARATORS)
        # `text | refund |` has another separator behind the name
        starts = (start, start - 1, lowercase.rfind("|", 0, max(0, start)))
        return any(position >= 0 and self._in_column.match(lowercase, position) is not None for position in starts)


def reasons_in(text: str, label_names: LabelNames) -> Iterator[str]:
    """Yield a reason for every pattern found in the text."""
    lowercase = text.lower()
    if "’" in lowercase:
        lowercase = lowercase.replace("’", "'")
    opening = _OPENING.match(lowercase)
    if opening is not None and opening.lastgroup is not None:
        yield _OPENING_REASONS[opening.lastgroup]
    label_reason = label_names.reason(lowercase)
    if label_reason is not None:
        yield label_reason
    for literal, pattern, reason in PHRASES if _ANY_SYMBOL.search(lowercase) is None else (*PHRASES, *SYMBOLS):
        if literal in lowercase and pattern.search(lowercase) is not None:
            yield reason


def _alternatives(patterns: Iterable[str]) -> str:
    """Return the patterns as alternatives, the longest first."""
    return "|".join(sorted(patterns, key=lambda pattern: (-len(pattern), pattern)))
