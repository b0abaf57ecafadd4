"""Recognizes sentences of a model to the user around the requested texts: lead-ins and closing remarks.

They are read in English; the most usual ones in German, French, Spanish, Italian, Portuguese, Dutch and Chinese too.
"""

from __future__ import annotations

import re

REQUESTED = (
    r"(?:examples?|paraphrases?|(?:paraphrased|rewritten|rephrased)|versions?|variations?|sentences?|texts?|summar(?:y|ies)"
    r"|quer(?:y|ies)|utterances?|alternatives?|messages?|questions?|tweets?|reviews?|list|items?|options?|samples?)"
)
_AGREEMENT = (
    r"(?:(?:sure(?: thing)?|certainly|of course|absolutely|okay|ok|alright|got it|no problem)\b[!,.: ]{0,3}\s{0,3})"
)
_HERE = r"(?:here(?:'s|’s| is| are| you go| goes)|below (?:is|are)|the following (?:is|are)|these are)\b"
_HERE_ELSEWHERE = (
    r"(?:hier (?:sind|ist|zijn)|voici|aqu[ií] (?:tienes?|están?|van)|ecco|aqui est(?:ão|á)|a continuación|di seguito)\b"
)
_REQUESTED_ELSEWHERE = (
    r"(?:beispiele?|texte?n?|sätze|nachrichten|varianten|umformulierungen|exemples?|textes?|phrases?|ejemplos?|textos?"
    r"|frases?|mensajes?|esempi|testi|frasi|exemplos?|mensagens|voorbeelden|teksten|zinnen)"
)
_CLOSING_ELSEWHERE = (
    r"(?:ich hoffe,? (?:das|dies|diese)\b[^\n]{0,40}\b(?:hilft|helfen)"
    r"|lass(?:en sie)? (?:es )?mich (?:bitte )?wissen, (?:wenn|falls|ob)"
    r"|j['’]espère que (?:cela|ces|ça)\b[^\n]{0,40}\baid|n['’]hésitez pas à me (?:demander|dire|faire savoir)\b"
    r"|espero que (?:esto|estos|estas|isto|estes|ajude)\b[^\n]{0,40}\b(?:ayud|ajud|sirv|útil)"
    r"|spero che (?:questi|questo|ti)\b[^\n]{0,40}\b(?:util|aiut)|ik hoop dat (?:dit|deze)\b[^\n]{0,40}\bhelp"
    r"|希望(?:这些|以上|对[你您])|如果(?:[你您])?(?:还)?需要(?:更多|其他))"
)
_MORE = r"(?:more|another|other|further|adjust\w*|change\w*|modif\w+|different|additional)"
_LEAD_IN = re.compile(
    rf"[\s*_\"']{{0,5}}(?:{_AGREEMENT}{_HERE}[^\n:]{{0,120}}"
    rf"|{_AGREEMENT}(?:i can|i'd be happy to|i’d be happy to)[^\n:]{{0,120}}"
    r"|(?:sure(?: thing)?|certainly|of course|absolutely|okay|ok|alright|got it)[!:,.]{1,3}"
    rf"|{_HERE}[^\n:.?!]{{0,80}}?\b{REQUESTED}\b[^\n:?!]{{0,80}}"
    rf"|{_HERE_ELSEWHERE}[^\n:.?!]{{0,80}}?\b{_REQUESTED_ELSEWHERE}\b[^\n:?!]{{0,80}})[:：.!]?[\s*_]{{0,5}}",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"[\s*_(]{0,5}(?:i hope (?:this|these|that|it)\b[^\n]{0,40}\bhelp|hope (?:this|these|that) helps?\b"
    r"|(?:please )?(?:let me know|feel free|just (?:let me know|ask))\b[^\n]{0,60}\b"
    rf"(?:{_MORE}|assistance|anything else|any (?:questions|changes|edits))\b"
    r"|(?:would you like|do you want|shall i|should i)\b[^\n]{0,40}\b(?:me to|more|another|generate|write|create)\b"
    rf"|if you(?:'d|’d| would)? (?:like|need|want)\b[^\n]{{0,60}}\b(?:{_MORE}|let me know)\b"
    rf"|(?:these|each of (?:these|the)|all of (?:these|the)) {REQUESTED} (?:above )?"
    r"(?:should|cover|capture|reflect|vary|express|represent|maintain|keep)s?\b"
    r"|(?:these|each) (?:should cover|covers?|captures?|reflects?|vary|maintains?)\b"
    r"|note:|\(?note that\b|is there anything else (?:i|you)\b|end of list\b|\[end\]|---? ?end ?---?"
    rf"|{_CLOSING_ELSEWHERE})",
    re.IGNORECASE,
)
MAX_REMARK = 300
"""Longer lines are not taken as remarks."""


def is_lead_in(line: str) -> bool:
    """Return whether a line only introduces texts: "Sure!", "Here are five examples"."""
    return len(line) <= MAX_REMARK and _LEAD_IN.fullmatch(line) is not None


def is_closing_remark(line: str) -> bool:
    """Return whether a line is a model's remark on its texts: "I hope these help!", "Let me know if you need more."."""
    return len(line) <= MAX_REMARK and _CLOSING.match(line) is not None


def after_lead_in(text: str) -> str:
    """Return the text behind a lead-in with a colon in its first line, else the text itself."""
    head, colon, rest = text.partition(":")
    return rest.strip() if colon and rest.strip() and "\n" not in head and is_lead_in(head) else text
