"""TextSynth: YAML recipes turn prompt templates and a served model into checked, labelled text data sets.

From Python, `import textsynth as ts` gives the verbs of the command line as functions (`ts.run`, `ts.evaluate`), a
recipe made of Python values (`ts.make_recipe`), and the items of each section as classes (`ts.filter.NearDuplicate`).
"""

import sys
from types import ModuleType

from textsynth.core.version import __version__ as __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from textsynth import filter as filter  # noqa: A004
    from textsynth import generate as generate
    from textsynth import label as label
    from textsynth import models as models
    from textsynth import select as select
    from textsynth import sources as sources
    from textsynth.api.functions import embed as embed
    from textsynth.api.functions import estimate as estimate
    from textsynth.api.functions import evaluate as evaluate
    from textsynth.api.functions import preview as preview
    from textsynth.api.functions import push as push
    from textsynth.api.functions import run as run
    from textsynth.api.results import Estimate as Estimate
    from textsynth.api.results import Preview as Preview
    from textsynth.api.results import Score as Score
    from textsynth.api.run import Run as Run
    from textsynth.api.run import load as load
    from textsynth.core.errors import ModelError as ModelError
    from textsynth.core.errors import RecipeError as RecipeError
    from textsynth.core.errors import RunError as RunError
    from textsynth.core.errors import SourceError as SourceError
    from textsynth.core.errors import TextSynthError as TextSynthError
    from textsynth.core.errors import UsageError as UsageError
    from textsynth.core.protocols import Context as Context
    from textsynth.core.protocols import Filter as Filter
    from textsynth.core.protocols import Generator as Generator
    from textsynth.core.protocols import Labeller as Labeller
    from textsynth.core.protocols import Selector as Selector
    from textsynth.core.protocols import Source as Source
    from textsynth.core.records import Record as Record
    from textsynth.core.records import Verdict as Verdict
    from textsynth.recipe import Budget as Budget
    from textsynth.recipe import Evaluate as Evaluate
    from textsynth.recipe import Export as Export
    from textsynth.recipe import Label as Label
    from textsynth.recipe import Recipe as Recipe
    from textsynth.recipe import make_recipe as make_recipe
    from textsynth.recipe import read_recipe as read_recipe

# Where each public name stands; it is loaded when it is first asked for.
PUBLIC = {
    "core.errors": ("ModelError", "RecipeError", "RunError", "SourceError", "TextSynthError", "UsageError"),
    "api.run": ("Run", "load"),
    "api.results": ("Estimate", "Preview", "Score"),
    "api.functions": ("embed", "estimate", "evaluate", "preview", "push", "run"),
    "recipe": ("Budget", "Evaluate", "Export", "Label", "Recipe", "make_recipe", "read_recipe"),
    "core.records": ("Record", "Verdict"),
    "core.protocols": ("Context", "Filter", "Generator", "Labeller", "Selector", "Source"),
}
SECTIONS = ("filter", "generate", "label", "models", "select", "sources")
_HOME = {name: module for module, names in PUBLIC.items() for name in names}

__all__ = [*SECTIONS, *_HOME]


def __getattr__(name: str) -> object:
    import importlib

    if name in SECTIONS:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _HOME:
        from textsynth.core.errors import did_you_mean

        raise AttributeError(f"textsynth has no {name!r}{did_you_mean(name, __all__)}")
    found = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    setattr(sys.modules[__name__], name, found)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """Keeps `run`, `evaluate` and `push` the verbs: Python would put the folders of those names there, once loaded."""

    def __setattr__(self, name: str, value: object) -> None:
        if name not in _HOME or not isinstance(value, ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
