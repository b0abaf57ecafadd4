"""Secrets: values that are never written or shown, and their replacement.

`RecipeSecrets` are those of one recipe. They are also registered for the whole process, so that the message of any
error can be cleaned (`redact_message`), whoever raises it. A value in a message that only looks like a secret, such as
the user in an address, is replaced too.

Does not catch: a value of fewer than four characters outside an address; a secret that is written in another form.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

# Stands for a value: plain text in YAML and in Markdown.
HIDDEN = "(hidden)"
HIDDEN_PART = "***"
"""Stands for a part of an address."""
ORDINARY = frozenset({"true", "false", "null", "none", "auto", "required", "default"})
MIN_LENGTH = 4
MIN_LENGTH_OF_VALUES = 6
MIN_RANDOM_LENGTH = 12
# Shorter values are replaced only as whole words.
MIN_LENGTH_WITHIN_WORDS = 8
KEY_LIKE = re.compile(
    r"(?i)(api[_-]?key|access[_-]?key|secret|passw(or)?d|passwd|passphrase|token|credential|authorization|(^|[_-])key$"
    r"|(^|[_-])auth($|[_-])|bearer|cookie|private[_-]?key)"
)
NOT_KEY_LIKE = re.compile(
    r"(?i)^((max|min|stop|num|special|eos|bos|pad|prompt|completion|skip|ignore|add)_.*token\w*|token(s|_ids?|iz\w*))$"
)
_USER_IN_ADDRESS = re.compile(r"(?<=://)[^\s/@'\"]+@")
# Each "://" ends the search of the one before, so that the work grows linearly with any text.
_QUERY_IN_ADDRESS = re.compile(r"((?<=[a-z0-9+.-])://(?:(?!://)[^\s?'\"<>])*\?)[^\s'\"<>)]+", re.IGNORECASE)


def is_key_like(name: str) -> bool:
    """Whether a name, of a variable or an option, is one that secrets have: `api_key`, `AWS_SECRET_ACCESS_KEY`."""
    return KEY_LIKE.search(name) is not None and NOT_KEY_LIKE.search(name) is None


def looks_random(value: str) -> bool:
    """Whether a value looks like a key: long, without spaces, with letters and digits."""
    return (
        len(value) >= MIN_RANDOM_LENGTH
        and not any(char.isspace() for char in value)
        and any(char.isdigit() for char in value)
        and any(char.isalpha() for char in value)
    )


def redact_address(url: str) -> str:
    """Return an address without its user, password and query."""
    return _QUERY_IN_ADDRESS.sub(rf"\1{HIDDEN_PART}", _USER_IN_ADDRESS.sub(f"{HIDDEN_PART}@", url))


@dataclass(slots=True)
class RecipeSecrets:
    """The secrets of one recipe: what stands in place of each value.

    `everywhere` are replaced in all texts, also in those of models; `metadata` only in what TextSynth itself writes and
    shows, as they may be ordinary words. `literal` is the recipe's text: a value that it spells out is none to hide.
    """

    literal: str = ""
    everywhere: dict[str, str] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)

    def add_secret(self, value: str, replacement: str = HIDDEN) -> None:
        """Add a value that is a secret for certain: a key, a password."""
        if len(value.strip()) >= MIN_LENGTH and value.strip().lower() not in ORDINARY:
            self.everywhere.setdefault(value.strip(), replacement)

    def add_variable(self, name: str, value: str) -> None:
        """Add the value of an environment variable that the recipe puts in as `${NAME}`."""
        if is_key_like(name) or looks_random(value):
            self.add_secret(value, f"${{{name}}}")
        elif "://" in value:
            self.add_address(value)
        elif len(value.strip()) >= MIN_LENGTH_OF_VALUES and value not in self.literal:
            self.metadata.setdefault(value, f"${{{name}}}")

    def add_option(self, name: str, value: str) -> None:
        """Add the value of an option whose values are not shown, such as one of `extra_body`."""
        if is_key_like(name) or looks_random(value):
            self.add_secret(value)
        elif len(value) >= MIN_LENGTH_OF_VALUES and value.lower() not in ORDINARY:
            self.metadata.setdefault(value, HIDDEN)

    def add_address(self, url: str) -> None:
        """Add the user, the password and the query of an address."""
        clean = redact_address(url)
        if clean == url:
            return
        self.addresses[url] = clean
        rest = url.partition("://")[2]
        user, at, _ = rest.partition("/")[0].rpartition("@")
        for part in (*user.split(":", 1)[1:], *([user] if at and ":" not in user else [])):
            self.add_secret(part)
            self.add_secret(unquote(part))
        if ":" in user:
            self.add_option("user", user.split(":", 1)[0])
        try:
            query = urlsplit(url).query
        except ValueError:
            query = url.partition("?")[2]
        for _, value in parse_qsl(query):
            self.add_secret(value)
        for pair in query.split("&"):
            self.add_secret(pair.partition("=")[2])

    def __bool__(self) -> bool:
        return bool(self.everywhere or self.metadata or self.addresses)

    def redact(self, text: str) -> str:
        """Return what TextSynth itself writes, without any secret."""
        if not self:
            return text
        return _replace(text, {**self.metadata, **self.everywhere, **self.addresses})

    def redact_answer(self, text: str) -> str:
        """Return the text of a model or a server without what is a secret for certain."""
        return _replace(text, self.everywhere) if self.everywhere else text

    def redact_json(self, value: Any) -> Any:  # noqa: ANN401
        """Return a JSON value with all of its texts cleaned; keys stay."""
        if not self:
            return value
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, Mapping):
            return {key: self.redact_json(inner) for key, inner in value.items()}
        return [self.redact_json(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _replace(text: str, replacements: Mapping[str, str]) -> str:
    for value in sorted(replacements, key=len, reverse=True):
        if value not in text:
            continue
        if len(value) >= MIN_LENGTH_WITHIN_WORDS:
            text = text.replace(value, replacements[value])
        else:
            pattern = rf"(?<![^\W_]){re.escape(value)}(?![^\W_])"
            text = re.sub(pattern, replacements[value].replace("\\", r"\\"), text)
    return text


_process = RecipeSecrets()


def register(secrets: RecipeSecrets) -> None:
    """Hide the secrets of a recipe in every message of this process."""
    _process.everywhere.update(secrets.everywhere)
    _process.metadata.update(secrets.metadata)
    _process.addresses.update(secrets.addresses)


def registered() -> RecipeSecrets:
    """Return the secrets of every recipe read so far, as `register` takes them in another process."""
    return _process


def redact_message(text: str) -> str:
    """Return a message to the user without a secret of any recipe read so far, and without users in addresses."""
    text = _replace(_process.redact(text), _environment_secrets())
    return redact_address(text) if "://" in text else text


def _environment_secrets() -> dict[str, str]:
    """Return what stands for the value of each variable whose name is that of a key: a user's code may show it."""
    return {
        value: f"${{{name}}}"
        for name, value in os.environ.items()
        if len(value) >= MIN_LENGTH_WITHIN_WORDS and is_key_like(name) and not value.startswith(("/", "~"))
    }


def redact_stored(text: str) -> str:
    """Return a text that TextSynth wrote, such as a prompt, without a secret of any recipe read so far."""
    return _process.redact(text)


def redact_answer(text: str) -> str:
    """Return the text of a model or a server without what is a secret for certain, of any recipe read so far."""
    return _process.redact_answer(text)
