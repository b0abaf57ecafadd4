"""Removes what encloses the texts of an answer: list marks, quotes, bold type, brackets, tags, keys and commas.

A wrapper that ordinary texts have as well (one pair of brackets, a word before a colon) is removed only where all texts
of an answer have it. The check of a text that has no wrapper takes less than 1 µs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from textsynth.parse.list_markers import ITEM_NAMES, is_quoted, parse_marker, parse_markers, strip_outer, strip_quotes
from textsynth.parse.structures import HTML_ITEMS, INLINE_TAGS, html_text

LIST_MARK = "a text begins with the mark of a list"
CODE_FENCE = "a text begins with a code fence"
MAX_LAYERS = 6
"""How many wrappers around one another are removed."""

# A text that neither begins nor ends like a wrapper: a word without a colon, number or bracket right behind it.
_PLAIN = re.compile(r"(?!\d)\w(?:[^\W\d_]|['’-])*+(?:[ ,?!;]|\.(?![\w.)])|\Z)")
_NAMED = re.compile(r"[^\W\d_]+(?: [^\W\d_]+){0,2} ?#?\d|\w{1,5}[.):\]]|[^\W\d_]{1,20}[\"'’]? ?:")
_EMPHASIS = "*_~="
_BRACKETS = {"[": "]", "{": "}", "(": ")", "<": ">", "【": "】"}
_LATEX = re.compile(r"\$?\\(?:boxed|text|textbf|textit|emph|mbox)\{([^{}]+)\}\$?")
_FENCE_LANGUAGES = frozenset(
    ("csv", "html", "json", "jsonl", "markdown", "md", "plaintext", "python", "text", "txt", "xml", "yaml")
)
_KEY = re.compile(
    r"[\"'*_]{0,3}(?P<key>[A-Za-z]{1,20})(?:[ _]?\d{1,3})?[\"'*_]{0,3}[ \t]?[:：][*_]{0,3}(?:[ \t]+|(?=[\"'“*_]))"
)
_TAGGED = re.compile(r"<(?P<name>[A-Za-z][\w.:-]{0,40})(?:\s[^<>]{0,200})?>")
_HTML_CONTAINERS = HTML_ITEMS | {"ul", "ol", "table", "html", "body", "tr", "tbody"}
_LEADING_MARK = re.compile(r"\d{1,3}(?:[.)]{1,2}|[:：])(?=\s)|[-*•–](?=\s)|\[\d{1,3}\](?=\s)|\|")


def unwrap_texts(texts: Sequence[str], *, quotes: bool | None = True) -> list[str]:
    """Return the texts, stripped, without the wrappers that enclose them.

    `quotes`: whether quotes around a text are wrappers; None: only where all texts have them.
    """
    unwrapped = [strip_outer(text) for text in texts]
    if all(map(_is_plain, unwrapped)):
        return unwrapped
    for _ in range(MAX_LAYERS):
        before = unwrapped
        for unwrap in _UNWRAPPERS:
            unwrapped = unwrap(unwrapped)
        if quotes or (quotes is None and all(map(is_quoted, unwrapped))):
            unwrapped = [_without_quotes(text) for text in unwrapped]
        if unwrapped == before:
            break
    return unwrapped


def mark_left(text: str) -> str | None:
    """Return the reason for a text that begins with a list mark, which could not be removed with certainty."""
    if text[:3] == "```":
        return CODE_FENCE
    return LIST_MARK if text and not text[0].isalpha() and _LEADING_MARK.match(text) is not None else None


def enclosed_in_tag(text: str) -> str | None:
    """Return the content of a text that one tag encloses as a whole: `<text>content</text>`; else None."""
    opening = _TAGGED.match(text)
    if opening is None:
        return None
    closing = f"</{opening['name']}>"
    if not text.endswith(closing):
        return None
    content = strip_outer(text[opening.end() : -len(closing)])
    if text.find(closing) != len(text) - len(closing):
        depth = 0
        for tag in re.finditer(rf"<(/?){re.escape(opening['name'])}(?:\s[^<>]{{0,200}})?>", content):
            depth += -1 if tag[1] else 1
            if depth < 0:
                return None
        if not content.startswith("<"):
            return None
    return html_text(content) if opening["name"].casefold() in HTML_ITEMS | INLINE_TAGS else content


def without_container(answer: str) -> str | None:
    """Return the content of a tag around a whole list: `<answer>1. one</answer>`; None for an answer without one."""
    content = None
    for _ in range(MAX_LAYERS):
        opening = _TAGGED.match(answer)
        if opening is None or opening["name"].casefold() in _HTML_CONTAINERS:
            break
        inner = enclosed_in_tag(answer)
        if inner is None:
            break
        answer = content = inner
    return content


def _is_plain(text: str) -> bool:
    return bool(text) and text[0].isalpha() and (_PLAIN.match(text) is not None and _NAMED.match(text) is None)


def _without_markers(texts: list[str]) -> list[str]:
    """Remove list marks that all texts begin with: each is a bullet, or they count up."""
    if all(text[:2] == "> " for text in texts):
        return [text[2:].replace("\n> ", "\n") for text in texts]
    lines = [text.partition("\n") for text in texts]
    if any(rest and parse_marker(rest.lstrip("\n")) is not None for _, _, rest in lines):
        return texts  # a text is a list itself
    markers = [parse_marker(line) for line, _, _ in lines]
    if not all(markers):
        if len(texts) < 2 or any(markers):
            return texts
        markers = parse_markers([line for line, _, _ in lines])
        if not all(markers):
            return texts
    numbers = [marker.number for marker in markers if marker is not None]
    counting = all(number is not None for number in numbers) and (
        len(set(numbers)) == len(numbers) if len(numbers) > 1 else numbers[0] == 1
    )
    if not counting and any(number is not None for number in numbers):
        return texts
    unmarked = [
        strip_outer(marker.text + newline + rest)
        for marker, (_, newline, rest) in zip(markers, lines, strict=True)
        if marker is not None
    ]
    return unmarked if all(unmarked) else texts


def _without_emphasis(texts: list[str]) -> list[str]:
    """Remove bold type around a whole text, and italic type where all texts are in it."""
    sizes = [_emphasis(text) for text in texts]
    if not all(sizes):
        sizes = [size if size > 1 else 0 for size in sizes]
    return [strip_outer(text[size:-size]) if size else text for text, size in zip(texts, sizes, strict=True)]


def _emphasis(text: str) -> int:
    """Return how many marks of bold or italic type are on each side of a text, 0 where they do not enclose it."""
    char = text[:1]
    if char not in _EMPHASIS or not char:
        return 0
    size = len(text) - len(text.lstrip(char))
    inner = text[size:-size]
    if not inner or len(text) - len(text.rstrip(char)) != size or (size == 1 and char in "~="):
        return 0
    return 0 if char * min(size, 2) in inner else size


def _without_commas(texts: list[str]) -> list[str]:
    """Remove a comma or semicolon behind the closing quote of each text but the last one: `"text",`."""
    if not all(text[:1] in "\"'“‘«„" and (is_quoted(text) or is_quoted(text[:-1])) for text in texts if text):
        return texts
    return [text[:-1] if text[-1:] in {",", ";"} else text for text in texts]


def _without_brackets(texts: list[str]) -> list[str]:
    """Remove brackets that enclose each of several texts, and a tag that encloses every text."""
    opening = texts[0][:1] if texts else ""
    if opening == "<":
        contents = [enclosed_in_tag(text) for text in texts]
        if all(content is not None for content in contents):
            return [content for content in contents if content is not None]
    closing = _BRACKETS.get(opening)
    if closing is None or len(texts) < 2:
        return texts
    if all(text[:1] == opening and text.find(closing) == len(text) - 1 and len(text) > 2 for text in texts):
        return [strip_outer(text[1:-1]) for text in texts]
    return texts


def _without_keys(texts: list[str]) -> list[str]:
    """Remove a name before a colon that all texts begin with: `Text: …`, `"text": …`."""
    matches = [_KEY.match(text) for text in texts]
    names = {match["key"].casefold() if match is not None else "" for match in matches}
    if len(names) != 1 or not names <= ITEM_NAMES:
        return texts
    if any(match is not None and match.end() == len(text) for match, text in zip(matches, texts, strict=True)):
        return texts
    return [strip_outer(text[match.end() :]) for match, text in zip(matches, texts, strict=True) if match is not None]


def _without_quotes(text: str) -> str:
    inner = text[1:-1]
    if is_quoted(text) and is_quoted(inner) and strip_quotes(inner) != inner:
        return strip_outer(inner)
    return strip_quotes(text)


def _without_latex(texts: list[str]) -> list[str]:
    """Remove a command of LaTeX that encloses each text, such as that of a boxed answer."""
    matches = [_LATEX.fullmatch(text) for text in texts]
    return [strip_outer(match[1]) for match in matches if match is not None] if all(matches) else texts


def _without_fences(texts: list[str]) -> list[str]:
    """Remove a code fence that encloses a whole text."""
    return [_fence_content(text) if text[:3] in {"```", "~~~"} else text for text in texts]


def _fence_content(text: str) -> str:
    fence = text[:3]
    if not text.endswith(fence) or len(text) < 7 or text.count(fence) != 2:
        return text
    first, newline, rest = text[3:-3].partition("\n")
    if not newline and first.split(" ", 1)[0].casefold() in _FENCE_LANGUAGES:
        return text  # the first word may be a language or a word of the text
    is_language = not first.strip() or (newline and " " not in first.strip())
    return strip_outer(rest if newline and is_language else text[3:-3])


_UNWRAPPERS: tuple[Callable[[list[str]], list[str]], ...] = (
    _without_fences,
    _without_latex,
    _without_markers,
    _without_emphasis,
    _without_commas,
    _without_brackets,
    _without_keys,
)
