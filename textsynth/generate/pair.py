"""Pairs of texts: the model writes new pairs for a label, after a few seed pairs of it.

A pair is a text and the field `text_b`, its second text. Everything else is as in `labelled`: labels and attributes are
used evenly, and a prompt shows seeds of one fold only.

Does not check that a pair has its label: that is the task of `choice`.
"""

from __future__ import annotations

from pydantic import Field, field_validator

from textsynth.core.options import PromptName
from textsynth.core.records import Record
from textsynth.generate.attribute_options import AttributeValues
from textsynth.generate.labelled import Labelled

TEXT_A = "text_a"
TEXT_B = "text_b"


class Pair(Labelled):
    """New pairs for each label, `per_request` of them in one answer."""

    prompt: PromptName = Field(default="pair", description="the prompt template; its answer has the field text_b")

    @field_validator("attributes")
    @classmethod
    def _check_attributes_are_no_texts(cls, attributes: dict[str, AttributeValues]) -> dict[str, AttributeValues]:
        for name in (TEXT_A, TEXT_B):
            if name in attributes:
                raise ValueError(f"an attribute cannot be called {name!r}, the name of a text of the pair")
        return attributes

    def example(self, record: Record) -> object:
        """Return what a prompt shows of a seed or an accepted pair: both texts by name."""
        return {TEXT_A: record.text, TEXT_B: record.field_text(TEXT_B)}
