"""The options of a push: what they allow, and how they follow from the `export` section of a recipe."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from textsynth.core.errors import UsageError
from textsynth.hub.release_checks import check_waivers, leak_error, license_error
from textsynth.recipe import Recipe
from textsynth.recipe.settings import REPOSITORY

MAIN = "main"
TIMEOUT_SECONDS = 60.0
MAX_RETRY_SECONDS = 60.0
MAX_SECONDS = 86_400
# The names of tags and branches that `git check-ref-format` refuses.
_INVALID_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|(?:^|/)\.|\.lock(?:/|$)|^[-/]|[/.]$|^@?$")


@dataclass(frozen=True, slots=True)
class PushOptions:
    """The options of a push.

    `repo` is `owner/name`. `private` has an effect only when the repository is created. `revision` is a branch, which
    is created if it does not exist. `pull_request` opens a pull request against main. `tag` is set on the commit.
    `replace` allows features to change, texts to become fewer and an edited card to be replaced. `waive` names checks
    (`leak`, `license`) that may be missing. `timeout_seconds` is the time limit of one response of the Hub;
    `max_retry_seconds` is how long failed requests are retried, counted from the first error.
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
        """Raise UsageError for an invalid value, or for options that contradict each other."""
        for option, seconds in (("--timeout", self.timeout_seconds), ("--max-retry", self.max_retry_seconds)):
            if not 0 < seconds <= MAX_SECONDS:
                raise UsageError(f"{option} takes seconds up to {MAX_SECONDS:,}, found {seconds}")
        if not REPOSITORY.fullmatch(self.repo) or self.repo.endswith(".git"):
            raise UsageError(f"{self.repo!r} is not a repository name; write owner/name, such as acme/bank-intents")
        if self.pull_request and self.revision != MAIN:
            raise UsageError("--create-pr opens a pull request against main; leave --revision out")
        if self.pull_request and self.tag is not None:
            raise UsageError("--tag marks a published commit, not a pull request; set the tag after merging it")
        for option, name in (("--tag", self.tag), ("--revision", self.revision)):
            if name is not None and _INVALID_REF.search(name):
                raise UsageError(f"{option} {name!r} is not a valid git name; use letters, digits, '.', '-' and '_'")
        check_waivers(self.waive)


def options_from_recipe(recipe: Recipe) -> PushOptions:
    """Return the options for `run --push`, from the recipe's `export` section.

    Raises UsageError if it names no repository, or if the result of a run could not be published: no license, or no
    comparison with a test set, neither by the filter `leak` nor by `evaluate`.
    """
    export = recipe.export
    where = recipe.positions.get("export", str(recipe.path))
    if export.hub is None:
        raise UsageError(f"{where}: --push needs a repository; write export: {{hub: owner/name}}")
    test_sources = recipe.contamination_sources
    if recipe.evaluate is not None:
        test_sources.append(recipe.evaluate.test)
    errors = {"leak": leak_error(test_sources, None), "license": license_error(export.license, ())}
    for check, error in errors.items():
        if error is not None and check not in export.waive:
            raise UsageError(
                f"{where}: cannot be pushed: {error}, or waive the check with export: {{waive: [{check}]}}"
            )
    return PushOptions(repo=export.hub, private=export.private, waive=export.waive)


def release_blockers(recipe: Recipe) -> list[str]:
    """Return why `run --push` would refuse the recipe, as sentences; [] if it would not, or without a repository."""
    if recipe.export.hub is None:
        return []
    try:
        options_from_recipe(recipe)
    except UsageError as error:
        return [str(error)]
    return []
