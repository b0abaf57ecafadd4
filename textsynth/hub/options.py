"""What is wanted of a push, and what contradicts itself in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from textsynth.core.errors import UsageError
from textsynth.filter.leak import Leak
from textsynth.hub.release_checks import check_waivers, leak_fault, license_fault
from textsynth.recipe import Recipe
from textsynth.recipe.settings import REPOSITORY

MAIN = "main"
TIMEOUT_SECONDS = 60.0
MAX_RETRY_SECONDS = 60.0
# What `git check-ref-format` refuses in the name of a tag or a branch.
_NO_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|(?:^|/)\.|\.lock(?:/|$)|^[-/]|[/.]$|^@?$")


@dataclass(frozen=True, slots=True)
class PushOptions:
    """What is wanted of a push.

    `repo` is `owner/name`; `private` counts when it is made; `revision` is a branch, made where it is not there;
    `pull_request` opens one against main; `tag` names the commit; `replace` lets features change and texts be fewer;
    `waive` names checks (`leak`, `license`) that need not have been made. `timeout_seconds` is the longest that one
    answer of the Hub may take, `patience_seconds` how long what may pass, as a lost connection, is tried again.
    """

    repo: str
    private: bool = False
    revision: str = MAIN
    pull_request: bool = False
    tag: str | None = None
    dry_run: bool = False
    replace: bool = False
    with_provenance: bool = False
    waive: Sequence[str] = ()
    timeout_seconds: float = TIMEOUT_SECONDS
    max_retry_seconds: float = MAX_RETRY_SECONDS

    def check(self) -> None:
        """Raise UsageError for what contradicts itself."""
        if not REPOSITORY.fullmatch(self.repo) or self.repo.endswith(".git"):
            raise UsageError(f"{self.repo!r} is no repository; it is owner/name, as acme/bank-intents")
        if self.pull_request and self.revision != MAIN:
            raise UsageError("--create-pr opens a pull request against main; leave --revision out")
        if self.pull_request and self.tag is not None:
            raise UsageError(
                "--tag names what is published, and a pull request is not yet; set the tag once it is merged"
            )
        for option, name in (("--tag", self.tag), ("--revision", self.revision)):
            if name is not None and _NO_REF.search(name):
                raise UsageError(f"{option} {name!r} is no name that git takes; take letters, digits, '.', '-' and '_'")
        check_waivers(self.waive)


def options_from_recipe(recipe: Recipe) -> PushOptions:
    """Return the push that the recipe's `export` asks for.

    Raises UsageError where it names no repository, or where what a run of it makes could not be published: no licence,
    or no comparison with a test set, neither by `leak` nor by `evaluate`.
    """
    export = recipe.export
    where = recipe.positions.get("export", str(recipe.path))
    if export.hub is None:
        raise UsageError(f"{where}: --push needs the repository; write export: {{hub: owner/name}}")
    compared = [item.step.source for item in recipe.filter if isinstance(item.step, Leak)]
    if recipe.evaluate is not None:
        compared.append(recipe.evaluate.test)
    faults = {"leak": leak_fault(compared, None), "license": license_fault(export.license, ())}
    for name, sentence in faults.items():
        if sentence is not None and name not in export.waive:
            raise UsageError(f"{where}: cannot be pushed: {sentence.replace('--waive ', 'export.waive: ')}")
    return PushOptions(repo=export.hub, private=export.private, waive=export.waive)


def release_blockers(recipe: Recipe) -> list[str]:
    """Return why `run --push` would refuse a recipe that names a repository, in sentences."""
    if recipe.export.hub is None:
        return []
    try:
        options_from_recipe(recipe)
    except UsageError as fault:
        return [str(fault)]
    return []
