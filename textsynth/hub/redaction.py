"""Removal of local paths from what is pushed, and refusal of secrets.

Absolute paths in the recipe, its `--set` options and the manifest are replaced by their last part. Secrets are
recognized by their form, and by comparison with the secrets in environment variables; one that is found stops the push.

Does not catch: a name, an address, or a secret of another form in free text of the recipe.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from textsynth.core.errors import UsageError
from textsynth.core.secrets import is_key_like, looks_random
from textsynth.store.manifest import Manifest

_END = r"""\s"'<>|,;()\[\]{}"""
_ABSOLUTE_PATH = re.compile(
    rf"""(?:(?<=[\s"'(=@,\[{{])|^)(?:/[^/{_END}]+){{2,}}/?|\b[A-Za-z]:\\[^{_END}]+""", re.MULTILINE
)
_SECRET = re.compile(
    r"\bhf_[A-Za-z0-9]{30,}\b|\bsk-[A-Za-z0-9_-]{20,}\b|\b[rs]k_(live|test)_[A-Za-z0-9]{16,}\b"
    r"|\bgh[opsur]_[A-Za-z0-9]{30,}\b|\bgithub_pat_[A-Za-z0-9_]{30,}\b|\bglpat-[A-Za-z0-9_-]{20,}"
    r"|\b(AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[A-Za-z0-9_-]{35}|\bxox[abeprs]-[A-Za-z0-9-]{10,}|\bnpm_[A-Za-z0-9]{36}\b"
    r"|\bpypi-[A-Za-z0-9_-]{40,}|(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{5,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----|(?i:\bbearer\s+[a-z0-9._~+/-]{20,})"
)
_USER_IN_ADDRESS = re.compile(r"(?<=[a-z0-9+.-])://[^\s/@'\"*]+@", re.IGNORECASE)
_NAMED_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}|_env[\"']?\s*[:=]\s*[\"']?([A-Za-z_][A-Za-z0-9_]*)")
MIN_SECRET_CHARACTERS = 8


@dataclass(frozen=True, slots=True)
class Redactor:
    """Replaces absolute paths; `replacements` maps each path in a run's recipe and manifest to its last part."""

    replacements: Mapping[str, str]

    @classmethod
    def for_run(cls, recipe: str, manifest: Manifest) -> Redactor:
        """Return the redactor for the paths in a recipe and a manifest; longer paths are replaced first."""
        texts = [recipe, *_strings({**manifest, "recipe": {**manifest["recipe"], "path": "", "text": ""}})]
        paths = {path for text in texts for path in _ABSOLUTE_PATH.findall(text)}
        return cls({path: _last_part(path) for path in sorted(paths, key=lambda path: (-len(path), path))})

    def redact(self, text: str) -> str:
        """Return the text with the paths replaced."""
        for path, name in self.replacements.items():
            text = text.replace(path, name)
        return text

    def redact_card(self, text: str) -> str:
        """Return a card with the paths replaced, including those with Markdown escapes."""
        for path, name in self.replacements.items():
            escaped = re.sub(r"([\\`*_{}\[\]()#+!|~$-])", r"\\\1", path)
            text = text.replace(path, name).replace(escaped, name)
        return text

    def redact_json(self, value: Any) -> Any:  # noqa: ANN401
        """Return a JSON value with the paths replaced in all of its strings; keys stay."""
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, dict):
            return {key: self.redact_json(inner) for key, inner in value.items()}
        return [self.redact_json(inner) for inner in value] if isinstance(value, list) else value


def refuse_secrets(texts: Mapping[str, str]) -> None:
    """Raise UsageError, without repeating the secret, if one of the files (name: text) contains a secret."""
    named = {name for text in texts.values() for pair in _NAMED_VARIABLE.findall(text) for name in pair if name}
    variables = secret_variables(named)
    for file, text in texts.items():
        variable = next((name for value, name in variables.items() if value in text), None)
        if variable is not None or looks_secret(text):
            secret = f"the value of {variable}" if variable is not None else "a secret key or token"
            raise UsageError(
                f"{file}: contains {secret}, so nothing is pushed; name the environment variable instead "
                "(api_key_env: NAME), take the secret out of the recipe, and run again"
            )


def secret_variables(named: Collection[str] = ()) -> dict[str, str]:
    """Return the secrets in environment variables, value: name; `named` are variables that a recipe names."""
    return {
        value.strip(): name
        for name, value in os.environ.items()
        if len(value.strip()) >= MIN_SECRET_CHARACTERS
        and not value.startswith(("/", "./"))
        and (is_key_like(name) or (name in named and looks_random(value)))
    }


def has_key(text: str) -> bool:
    """Whether a text has a key or a token in it, by their form."""
    return _SECRET.search(text) is not None


def looks_secret(text: str) -> bool:
    """Whether a text has a key, a token or an address with a password in it, by their form."""
    return has_key(text) or _USER_IN_ADDRESS.search(text) is not None


def _strings(value: Any) -> Iterator[str]:  # noqa: ANN401
    """Yield all strings in a JSON value, except keys."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (text for inner in value.values() for text in _strings(inner))
    elif isinstance(value, list):
        yield from (text for inner in value for text in _strings(inner))


def _last_part(path: str) -> str:
    return PureWindowsPath(path).name if ":\\" in path else PurePosixPath(path).name
