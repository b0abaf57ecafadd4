"""Removes a model's reasoning from an answer, in the formats of all known model families.

Reasoning is in tags (`<think>`, `<thought>`, `<reasoning>`, `[THINK]`, `◁think▷`, `<seed:think>`, …) or in the channel
`analysis` of the harmony format, whose channel `final` is the answer. Where the engine's chat template has written the
opening tag, everything up to the last closing tag is reasoning. A tag inside a sentence ("what does <think> mean?") is
not reasoning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice

THINKING_TAGS = (
    "think", "thinks", "thinking", "thought", "thoughts", "reasoning", "reason", "reflection", "reflect",
    "scratchpad", "scratch_pad", "inner_monologue", "internal_monologue", "monologue", "inner_thoughts",
    "internal_thoughts", "antthinking", "analysis", "planning", "brainstorm", "brainstorming", "deep_thought",
    "deepthink", "cot", "chain_of_thought", "thought_process", "thinking_process", "reasoning_process",
    "self_reflection", "deliberation", "seed:think", "seed:cot_budget_reflect", "longcat_think",
)  # fmt: skip
"""Names of XML tags that enclose reasoning, in any case."""

_TAG = re.compile(
    r"(?:<|&lt;)(?P<xml_end>/?)(?P<xml>"
    + "|".join(THINKING_TAGS)
    + r"|[\w.]{1,16}(?:think|thinking|thought))(?:\s[^<>&]{0,100})?(?:>|&gt;)"
    r"|\[(?P<bracket_end>/?)(?P<bracket>THINK|THOUGHT|REASONING)\]"
    r"|◁(?P<kimi_end>/?)(?P<kimi>think)▷"
    r"|<\|(?P<pipe_end>/?)(?P<pipe>think|thinking|thought|reasoning)\|>"
    r"|<\|(?P<edge>begin|end)_of_(?P<openthinker>thought|thinking|reasoning)\|>"
    r"|(?P<step_start><\|think_start\|>)|(?P<step_end><\|think_end\|>)"
    r"|(?P<apertus_start><\|inner_prefix\|>)|(?P<apertus_end><\|inner_suffix\|>)"
    r"|<\|(?P<cohere_edge>START|END)_(?P<cohere>THINKING)\|>"
    r"|(?P<gemma_start><\|channel>(?:thought\b)?)|(?P<gemma_end><channel\|>)"
    r"|(?P<medgemma_start><unused94>)|(?P<medgemma_end><unused95>)",
    re.IGNORECASE,
)
MAX_TAGS = 10_000
"""An answer with more tags is taken as reasoning without an end."""
_TAG_START = re.compile(r"[<\[◁]")
DETAILS, DETAILS_END = '<details type="reasoning"', "</details>"
_FENCE = re.compile(r"\s*```(?:think|thinking|thoughts?|reasoning)[ \t]*\n(?:[^`]|`(?!``))*+```\s*", re.IGNORECASE)
GRANITE_THOUGHTS, GRANITE_ANSWER = "Here is my thought process:", "Here is my response:"
_CONJUNCTIONS = frozenset(
    ("", "and", "or", "…", "...", ",", "&", "/", "-", "–", "to", "und", "oder", "et", "ou", "y", "o")
)
_QUOTES = frozenset("`'\"“”‘’„«»")
_AFTER_MENTION = frozenset(" \t,.;:!?)")
_CHANNEL = re.compile(
    r"(?:<\|channel\|>)?[ \t]{0,3}(analysis|commentary|final)\b[^<\n]{0,200}"
    r"(?:<\|constrain\|>[^<\n]{0,50})?<\|message\|>"
)
_CHANNEL_END = re.compile(r"<\|(?:end|return|call|start|channel)\|>")
_END_OF_TURN = re.compile(
    r"(?:<\|(?:im_end|eot_id|end_of_text|endoftext|eom_id|end|return|END_OF_TURN_TOKEN|END_RESPONSE|end_of_solution"
    r"|endofresponse|end_of_box|user|eos|end▁of▁sentence)\|>|<｜end▁of▁sentence｜>|<end_of_turn>|<turn\|>|</s>|\[EOS\])"
    r"[ \t]*(?=\n|\Z)"
)
_START_OF_TURN = re.compile(
    r"\s*(?:<\|im_start\|>[ \t]*(?:assistant)?|<\|start_header_id\|>assistant<\|end_header_id\|>|<\|assistant\|>"
    r"|<start_of_turn>model|<\|turn>model|<\|begin_of_solution\|>|<\|begin_of_box\|>|<\|START_RESPONSE\|>|<\|start\|>assistant|<s>|\[/INST\])\s*"
)


def strip_thinking(answer: str) -> str | None:
    """Return the answer without reasoning and without tokens of a chat template at its ends; None without an end.

    "Without an end": the answer consists of reasoning that was not closed, so it holds no answer.
    """
    if (
        _TAG_START.search(answer) is None
        and not answer.startswith(("analysis", GRANITE_THOUGHTS))
        and "```" not in answer
        and "&lt;" not in answer
    ):
        return answer
    answer = _without_blocks(answer)
    remaining: str | None = answer
    if answer.startswith(GRANITE_THOUGHTS):
        remaining = answer.rpartition(GRANITE_ANSWER)[2] if GRANITE_ANSWER in answer else None
    elif "<|think|>" in answer and "<|content|>" in answer:  # Solar
        remaining = answer.rpartition("<|content|>")[2]
    elif "<|message|>" in answer:
        remaining = _final_channel(answer)
    elif answer.startswith("analysis") and "assistantfinal" in answer:
        # The harmony format after a decoder that leaves out special tokens.
        remaining = answer.rpartition("assistantfinal")[2]
    if remaining is not None:
        remaining = _without_tags(remaining)
    return remaining if remaining is None or remaining is answer else remaining.lstrip()


def without_parts(text: str, opening: str, closing: str, *, inside: bool = False) -> str:
    """Return the text without everything from an opening to the next closing mark; `inside` keeps what is between.

    A part without an end stays. Takes linear time.
    """
    kept: list[str] = []
    position = 0
    while (start := text.find(opening, position)) >= 0 and (end := text.find(closing, start + len(opening))) >= 0:
        kept.append(text[position:start])
        if inside:
            kept.append(text[start + len(opening) : end])
        position = end + len(closing)
    return "".join([*kept, text[position:]])


def _without_blocks(answer: str) -> str:
    """Return the answer without reasoning in a block of Open WebUI, or in a code fence at its start."""
    if DETAILS in answer:
        answer = without_parts(answer, DETAILS, DETAILS_END)
    if answer.lstrip()[:3] == "```" and (fence := _FENCE.match(answer)) is not None:
        answer = answer[fence.end() :]
    return answer


def without_turn_tokens(answer: str) -> str:
    """Return the answer without tokens of a chat template before it, and without the first one that ends it.

    What follows a token at the end of a line that ends the model's turn is no part of the answer.
    """
    if "<" not in answer and "[" not in answer:
        return answer
    start = _START_OF_TURN.match(answer)
    if start is not None:
        answer = answer[start.end() :]
    end = _END_OF_TURN.search(answer)
    return answer if end is None else answer[: end.start()]


def _final_channel(answer: str) -> str | None:
    """Return the message of the last channel `final`; None if other channels only; the answer if it has none."""
    channel, final = None, None
    for header in _CHANNEL.finditer(answer):
        channel = header[1]
        if channel == "final":
            end = _CHANNEL_END.search(answer, header.end())
            final = answer[header.end() : end.start() if end is not None else len(answer)]
    return answer if channel is None else final


def _without_tags(answer: str) -> str | None:
    """Return the answer without the reasoning in tags; None if the reasoning is not closed."""
    tags = [*islice(_tags(answer), MAX_TAGS + 1)]
    if not tags:
        return answer
    if len(tags) > MAX_TAGS:
        return None
    closers = _next_closers(tags)
    kept: list[str] = []
    position = 0
    opened: _Tag | None = None
    skipped: int | None = None
    for index, tag in enumerate(tags):
        if opened is not None:
            if tag.closes and tag.family == opened.family:
                position, opened = tag.end, None
        elif index == skipped or (tag.closes and tag.in_sentence):
            continue
        elif tag.closes:
            kept.clear()
            position = tag.end
        else:
            closer = closers[index]
            if _is_unclosed(tag, closer):
                return None
            skipped = _end_of_mention(answer, tags, index, closer)
            if skipped is None:
                kept.append(answer[position : tag.start])
                opened = tag
    return answer if not position else "".join([*kept, answer[position:]])


def _is_unclosed(tag: _Tag, closer: int | None) -> bool:
    """Return whether an opening tag begins reasoning that has no end."""
    return closer is None and tag.at_line_start and not tag.mentioned


def _end_of_mention(answer: str, tags: Sequence[_Tag], index: int, closer: int | None) -> int | None:
    """Return the last tag of a mention that begins with opening tag `index`, None where the tag begins reasoning."""
    tag = tags[index]
    if closer is None or (not tag.at_line_start and tag.quoted):
        return index
    if tag.at_line_start:
        return None
    end = tags[closer]
    if end.in_sentence and end.line != tag.line:
        return index
    return closer if closer == index + 1 and _is_conjunction(answer, tag, end) else None


def _next_closers(tags: Sequence[_Tag]) -> list[int | None]:
    """Return, for each tag, the index of the next closing tag of its family behind it."""
    following: dict[str, int] = {}
    closers: list[int | None] = []
    for index in range(len(tags) - 1, -1, -1):
        closers.append(following.get(tags[index].family))
        if tags[index].closes:
            following[tags[index].family] = index
    return closers[::-1]


def _is_conjunction(answer: str, opening: _Tag, closing: _Tag) -> bool:
    """Return whether only a conjunction is between two tags of a sentence: `<think> and </think>`."""
    between = answer[opening.end : closing.start]
    return len(between) < 8 and between.strip(" \t`'\"“”").casefold() in _CONJUNCTIONS


class _Tag:
    """A tag of reasoning: its family, whether it closes, its span, and how it stands in its line."""

    __slots__ = ("at_line_start", "closes", "end", "family", "in_sentence", "line", "mentioned", "quoted", "start")

    def __init__(self, answer: str, match: re.Match[str], previous_end: int, line: int) -> None:
        self.line = line
        self.family, self.closes = _family(match[0])
        self.start, self.end = match.span()
        before = answer[max(previous_end, self.start - 200) : self.start].rstrip(" \t")
        # After another tag, or only white space before it in its line.
        self.at_line_start = not before.strip("\ufeff\u200b\u2060") or before[-1] == "\n"
        after = answer[self.end : self.end + 1]
        previous = answer[self.start - 1 : self.start]
        # At the start of a line, with a word behind it: "<think> appears in my chat".
        is_first = self.start < 200 and not answer[: self.start].strip()
        self.mentioned = not is_first and after == " " and answer[self.end + 1 : self.end + 2].isalnum()
        self.quoted = previous in _QUOTES and after in _QUOTES and bool(previous and after)
        spaced = previous in {" ", "\t", "("} and after in _AFTER_MENTION and bool(after)
        line_goes_on = bool(answer[self.end : self.end + 200].partition("\n")[0].strip(" \t.!?"))
        self.in_sentence = not self.at_line_start and (self.quoted or (spaced and (line_goes_on or after in "?!")))


def _tags(answer: str) -> Iterator[_Tag]:
    previous_end = line = 0
    for match in _TAG.finditer(answer):
        line += answer.count("\n", previous_end, match.start())
        yield _Tag(answer, match, previous_end, line)
        previous_end = match.end()


@lru_cache(maxsize=256)
def _family(tag: str) -> tuple[str, bool]:
    """Return the family of a tag, such as `xml:think`, and whether the tag closes."""
    match = _TAG.fullmatch(tag)
    groups = {} if match is None else {name: text for name, text in match.groupdict().items() if text is not None}
    for name, edge in (("xml", "xml_end"), ("bracket", "bracket_end"), ("kimi", "kimi_end"), ("pipe", "pipe_end")):
        if name in groups:
            return f"{name}:{groups[name].lower()}", bool(groups[edge])
    for name, edge in (("openthinker", "edge"), ("cohere", "cohere_edge")):
        if name in groups:
            return name, groups[edge].lower() == "end"
    name = next(iter(groups), "")
    return name.partition("_")[0], name.endswith("_end")
