"""TextSynth: YAML recipes turn prompt templates and a served model into checked, labelled text data sets.

From Python, `import textsynth as ts` gives the commands of the command line as functions (`ts.run`, `ts.evaluate`), a
recipe made of Python values (`ts.make_recipe`), the components of each section as classes (`ts.filter.NearDuplicate`),
and the base classes and records for components of your own (`ts.Filter`, `ts.Task`, `ts.Record`).
"""

import sys
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from textsynth import filter as filter  # noqa: A004
    from textsynth import generate as generate
    from textsynth import label as label
    from textsynth import models as models
    from textsynth import select as select
    from textsynth import sources as sources
    from textsynth import task as task
    from textsynth.api.functions import embed as embed
    from textsynth.api.functions import estimate as estimate
    from textsynth.api.functions import evaluate as evaluate
    from textsynth.api.functions import label_texts as label_texts
    from textsynth.api.functions import preview as preview
    from textsynth.api.functions import push as push
    from textsynth.api.functions import run as run
    from textsynth.api.results import Estimate as Estimate
    from textsynth.api.results import Labelling as Labelling
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
    from textsynth.core.records import Completion as Completion
    from textsynth.core.records import DroppedRecord as DroppedRecord
    from textsynth.core.records import GenerationRequest as GenerationRequest
    from textsynth.core.records import Message as Message
    from textsynth.core.records import Provenance as Provenance
    from textsynth.core.records import Record as Record
    from textsynth.core.records import Sampling as Sampling
    from textsynth.core.records import Verdict as Verdict
    from textsynth.core.task import ReviewQuestion as ReviewQuestion
    from textsynth.core.task import Task as Task
    from textsynth.core.version import __version__ as __version__
    from textsynth.recipe import Budget as Budget
    from textsynth.recipe import Evaluate as Evaluate
    from textsynth.recipe import Export as Export
    from textsynth.recipe import Label as Label
    from textsynth.recipe import Recipe as Recipe
    from textsynth.recipe import make_recipe as make_recipe
    from textsynth.recipe import read_recipe as read_recipe

# The public names by the module that defines them; a name is loaded when it is first used.
PUBLIC = {
    "api.functions": ("embed", "estimate", "evaluate", "label_texts", "preview", "push", "run"),
    "api.results": ("Estimate", "Labelling", "Preview", "Score"),
    "api.run": ("Run", "load"),
    "core.errors": ("ModelError", "RecipeError", "RunError", "SourceError", "TextSynthError", "UsageError"),
    "core.protocols": ("Context", "Filter", "Generator", "Labeller", "Selector", "Source"),
    "core.records": (
        "Completion",
        "DroppedRecord",
        "GenerationRequest",
        "Message",
        "Provenance",
        "Record",
        "Sampling",
        "Verdict",
    ),
    "core.task": ("ReviewQuestion", "Task"),
    "core.version": ("__version__",),
    "recipe": ("Budget", "Evaluate", "Export", "Label", "Recipe", "make_recipe", "read_recipe"),
}
SECTIONS = ("filter", "generate", "label", "models", "select", "sources", "task")
_MODULE_OF = {name: module for module, names in PUBLIC.items() for name in names}

__all__ = [*SECTIONS, *_MODULE_OF]


def __getattr__(name: str) -> object:
    import importlib

    if name in SECTIONS:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _MODULE_OF:
        from textsynth.core.errors import did_you_mean

        raise AttributeError(f"textsynth has no {name!r}{did_you_mean(name, __all__)}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    setattr(sys.modules[__name__], name, value)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """Keeps `ts.evaluate` a function: Python would replace it with the package of that name when that is imported."""

    def __setattr__(self, name: str, value: object) -> None:
        if name not in _MODULE_OF or not isinstance(value, ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
