"""Finds the secrets of a recipe, and removes them from the text of the recipe that a run keeps.

They are: users, passwords and queries in addresses; the values of `extra_body`, and of options of models that are
called like a key; the values of every environment variable that the recipe puts in (`${NAME}`) or names
(`api_key_env`); and the same in `--set` options.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from textsynth.core.errors import RecipeError
from textsynth.core.secrets import RecipeSecrets, is_key_like, looks_random
from textsynth.recipe.env_vars import VARIABLE
from textsynth.recipe.issues import IssueCollector, Position
from textsynth.recipe.sections import SECTIONS
from textsynth.recipe.yaml_tree import Node, YamlList, YamlMap, parse_yaml

HIDDEN_OPTIONS = frozenset({"extra_body", "body", "headers", "extra_headers"})
ADDRESS_VARIABLES = (
    "OPENAI_BASE_URL",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
)
# Sections whose keys say nothing about their values: a label may be called `token`.
SECTIONS_WITHOUT_KEYS = frozenset(SECTIONS) - {"models"}
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def find_secrets(text: str, tree: Node, overrides: Iterable[str], environment: Mapping[str, str]) -> RecipeSecrets:
    """Return the secrets in a recipe's tree and in its `--set` options; `text` is the file as it was written."""
    secrets = RecipeSecrets(literal=text)
    finder = _Finder(secrets, environment)
    finder.walk(tree, ())
    for option in overrides:
        path, _, value = option.partition("=")
        finder.walk_override(tuple(path.strip().split(".")), value)
    for name in ADDRESS_VARIABLES:
        secrets.add_address(environment.get(name, ""))
    return secrets


def clean_text(text: str, secrets: RecipeSecrets) -> str:
    """Return the text of a recipe without its secrets; it is serialized again where one is in another form."""
    cleaned = secrets.redact(text)
    if not secrets:
        return cleaned
    try:
        content: Any = yaml.safe_load(cleaned)
        clean_content = secrets.redact_json(content)
    except (yaml.YAMLError, ValueError, RecursionError):
        return cleaned
    if clean_content == content:
        return cleaned
    return str(yaml.safe_dump(clean_content, sort_keys=False, allow_unicode=True))


class _Finder:
    """Adds the secrets of a tree; paths are the keys and indices that lead to a node."""

    def __init__(self, secrets: RecipeSecrets, environment: Mapping[str, str]) -> None:
        self._secrets = secrets
        self._environment = environment

    def walk(self, node: Node, path: tuple[str, ...]) -> None:
        """Add the secrets in a node and everything below it."""
        if isinstance(node, YamlMap):
            for name, child in node.entries.items():
                self.walk(child, (*path, name))
        elif isinstance(node, YamlList):
            for child in node.items:
                self.walk(child, path)
        else:
            self._add(node.text, path)

    def walk_override(self, path: tuple[str, ...], text: str) -> None:
        """Add the secrets in the value of a `--set` option, which may be no YAML, or lead nowhere."""
        try:
            node = parse_yaml(text, lambda line: Position(line, "--set"), IssueCollector())
        except (RecipeError, UnicodeError):  # reported where the option is applied
            node = None
        if node is None:
            self._add(text, path)
        else:
            self.walk(node, path)

    def _add(self, text: str, path: tuple[str, ...]) -> None:
        key = path[-1] if path else ""
        if key.endswith("_env"):
            self._add_named_variable(text)
            return
        expanded = self._add_variables(text)
        if "://" in expanded:
            self._secrets.add_address(expanded)
            self._secrets.add_address(text)
        if path and path[0] in SECTIONS_WITHOUT_KEYS:
            return
        if HIDDEN_OPTIONS.intersection(path):
            self._secrets.add_option(key, expanded)
            if expanded != text:
                self._secrets.add_option(key, text)
        elif is_key_like(key):
            self._secrets.add_secret(expanded)

    def _add_named_variable(self, name: str) -> None:
        value = self._environment.get(name)
        if value is not None:
            self._secrets.add_secret(value, f"${{{name}}}")
        elif not VARIABLE_NAME.fullmatch(name) or looks_random(name):
            self._secrets.add_secret(name)  # the key itself, where the name of its variable should be

    def _add_variables(self, text: str) -> str:
        """Add the variables that a text puts in, and return it with their values."""
        for name in VARIABLE.findall(text):
            value = self._environment.get(name)
            if value is not None:
                self._secrets.add_variable(name, value)
                text = text.replace(f"${{{name}}}", value)
        return text
