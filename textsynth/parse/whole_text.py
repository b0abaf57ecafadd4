"""Reads an answer that is one text, without what encloses it: a fence, JSON, a tag, a lead-in, a heading, a name."""

from __future__ import annotations

from textsynth.parse.item_wrappers import unwrap_texts
from textsynth.parse.lenient_json import LOOKS_LIKE_JSON, decode_string, lenient_decode
from textsynth.parse.list_markers import ITEM_NAMES, strip_outer
from textsynth.parse.remarks import after_lead_in, is_closing_remark, is_lead_in
from textsynth.parse.structures import texts_of_json, without_declarations

IS_JSON = "the answer is JSON, but a text was requested"
MAX_LAYERS = 4


def whole_text(answer: str) -> tuple[str, str | None]:
    """Return the text of an answer, and a reason where the answer encloses it in a way that cannot be removed."""
    text = strip_outer(answer)
    if text[:1] == "<" and "<!" in text:
        text = without_declarations(text)
    for _ in range(MAX_LAYERS):
        before = text
        text = strip_outer(decode_string(text))
        text = _without_remarks(text)
        (text,) = unwrap_texts([text])
        if text[:1] in {"[", "{", "("} and LOOKS_LIKE_JSON.match(text) is not None:
            content = _text_of_json(text)
            if content is None:
                return text, IS_JSON
            text = content
        if text == before:
            break
    return text, None


def _without_remarks(text: str) -> str:
    """Remove a lead-in or heading in the first line, and a remark to the user in the last paragraph."""
    text = after_lead_in(text)
    first, newline, rest = text.partition("\n")
    if newline:
        name = first.strip(" \t#*_:：.").casefold()
        is_heading = name in ITEM_NAMES and first.strip().casefold() != name
        if is_heading or (is_lead_in(first) and (first.rstrip(" *_").endswith((":", "：")) or rest[:1] == "\n")):
            text = strip_outer(rest)
    body, gap, last = text.rpartition("\n\n")
    return strip_outer(body) if gap and "\n" not in last.strip() and is_closing_remark(last.strip()) else text


def _text_of_json(text: str) -> str | None:
    """Return the only text of a JSON value; None where there are several, or the value cannot be read."""
    try:
        value, end = lenient_decode(text)
    except (ValueError, RecursionError):
        return None
    texts, failures = texts_of_json(value)
    return strip_outer(texts[0]) if len(texts) == 1 and not failures and not text[end:].strip() else None
