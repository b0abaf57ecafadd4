"""Prompt templates: Jinja files with a YAML front matter, found by name, checked when loaded, rendered within limits.

    ---
    description: New messages for one label.
    variables:
      label: the label to write for
      n: how many to write
    answer: list                       # how the answer is read; see textsynth/parse
    sampling: {temperature: 0.9}       # defaults, which the recipe overrides
    ---
    {% chat role="system" %}You write example texts.{% endchat %}
    {% chat role="user" %}Write {{ n }} texts for {{ label }}.{% endchat %}

With `mode: completion` the template is one raw text for a model without chat turns. An inserted value can neither end
a turn nor begin one, because the special tokens of chat templates are split in it (injection_guard.py).
"""

from __future__ import annotations

from textsynth.prompts.lookup import find_prompt, prompt_names
from textsynth.prompts.prompt import Prompt, load_prompt

__all__ = ["Prompt", "find_prompt", "load_prompt", "prompt_names"]
