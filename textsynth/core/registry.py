"""How a component is found: by its section and name, among the bundled ones or in a file beside the recipe.

A section of a recipe is a folder of the package, a component is a file in it, and its options are the fields of the one
class there: `filter: [near_duplicate: {similarity: 0.7}]` is `textsynth/filter/near_duplicate.py`, class
`NearDuplicate`, field `similarity`. There is no list to edit. `./my_filter.py` is a file beside the recipe, with a
class `MyFilter`.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import pkgutil
import re
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType

from textsynth.core.errors import UsageError, did_you_mean
from textsynth.core.options import Options
from textsynth.core.paths import path_fault

SECTIONS = ("task", "models", "sources", "generate", "filter", "label", "select")
INNER_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")
PLUGIN_PREFIX = "textsynth_local_"
RENAMED_COMPONENTS = {("task", "paraphrase"): "paraphrasing", ("filter", "faithful"): "faithfulness"}
"""Components of earlier recipes, by section and name, and their names today."""


def step_names(components: Iterable[str]) -> list[str]:
    """Return the names of the steps of one section: that of the component; the second step of one is `NAME-2`."""
    counts: Counter[str] = Counter()
    names = []
    for component in components:
        counts[component] += 1
        names.append(component if counts[component] == 1 else f"{component}-{counts[component]}")
    return names


def component_names(section: str) -> list[str]:
    """Return the names of all bundled components of a section, sorted."""
    package = importlib.import_module(f"textsynth.{section}")
    names = (module.name for module in pkgutil.iter_modules(package.__path__))
    return sorted(name for name in names if component_class(section, name) is not None)


def load_component(section: str, name: str, recipe_folder: Path | None = None) -> type[Options]:
    """Return the class of a component: bundled by name, or `./file.py` in the recipe's folder.

    Raises UsageError, with the nearest name, where there is none.
    """
    if name.startswith("./"):
        return _class_in(load_plugin(name, recipe_folder or Path()), Path(name).stem, name)
    component = component_class(section, name) if name.isidentifier() else None
    if component is None:
        raise UsageError(f"{section} has no component {name!r}{_name_hint(section, name)}")
    return component


def component_class(section: str, name: str) -> type[Options] | None:
    """Return the class of a bundled component; None where the file is a helper of others or does not exist."""
    candidate = find_class(f"textsynth.{section}", name)
    return candidate if isinstance(candidate, type) and issubclass(candidate, Options) else None


def lazy_exports(package: str) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` for a section's package, which load each component at its first use.

    `textsynth.filter.NearDuplicate` is the class in `textsynth/filter/near_duplicate.py`. A name without a file is an
    AttributeError that names the nearest component.
    """

    def get(name: str) -> object:
        component = _class_named(package, name)
        if component is None:
            hint = did_you_mean(name, _class_names(package)) if name[:1].isupper() else ""
            raise AttributeError(f"{package} has no {name!r}{hint}")
        setattr(sys.modules[package], name, component)
        return component

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *_class_names(package)})

    return get, names


def snake_case(name: str) -> str:
    """Return the file name of a class: NearDuplicate → near_duplicate."""
    return INNER_CAPITAL.sub("_", name).lower()


def class_name(file: str) -> str:
    """Return the class name of a file: near_duplicate → NearDuplicate."""
    return "".join(part.capitalize() for part in file.split("_"))


def find_class(package: str, file: str, suffix: str = "") -> object:
    """Return what the file defines under its class name and `suffix`; None where there is no such file or class."""
    module = f"{package}.{file}"
    try:
        return getattr(importlib.import_module(module), class_name(file) + suffix, None)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        return None


def load_plugin(name: str, folder: Path) -> ModuleType:
    """Return the module in the file `name`, such as `./shouting.py`, of the recipe's folder.

    Raises UsageError where there is no such file, or where its code raises while it is loaded.
    """
    fault = path_fault(name)
    if fault is not None:
        raise UsageError(f"no file beside the recipe: {fault}")
    path = (folder / name).resolve()
    if not path.is_file():
        raise UsageError(f"no file {name!r} beside the recipe, looked for {path}")
    module_name = f"{PLUGIN_PREFIX}{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{name!r} is no Python file; a component beside the recipe ends with .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # a user's own code may raise anything
        position = f"line {line}: " if (line := _last_line(error, module_name)) else ""
        raise UsageError(f"{name!r} cannot be loaded: {position}{type(error).__name__}: {error}") from error
    return module


def locate_plugin_error(error: BaseException) -> str | None:
    """Return the file and line of a plug-in that an error came from, with the error; None where none was involved."""
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        if str(frame.f_globals.get("__name__", "")).startswith(PLUGIN_PREFIX):
            notes = "".join(f", {note}" for note in getattr(error, "__notes__", ()))
            message = " ".join(str(error).splitlines()) or "no message"
            return f"{Path(frame.f_code.co_filename).name}:{line}: {type(error).__name__}: {message}{notes}"
    return None


def _name_hint(section: str, name: str) -> str:
    """Return `; …` with the name that a component has today, or with the nearest one."""
    new = RENAMED_COMPONENTS.get((section, name))
    return did_you_mean(name, component_names(section)) if new is None else f"; it was renamed to {new!r}"


def _class_in(module: ModuleType, stem: str, name: str) -> type[Options]:
    expected = class_name(stem)
    component = getattr(module, expected, None)
    if not (isinstance(component, type) and issubclass(component, Options)):
        raise UsageError(f"{name!r} defines no class {expected!r} that is a step (class {expected}(Filter): …)")
    return component


def _class_named(package: str, name: str) -> object:
    regular = name.isidentifier() and not name.startswith("_") and class_name(snake_case(name)) == name
    return find_class(package, snake_case(name)) if regular else None


def _class_names(package: str) -> list[str]:
    names = [class_name(module.name) for module in pkgutil.iter_modules(sys.modules[package].__path__)]
    return [name for name in names if _class_named(package, name) is not None]


def _last_line(error: BaseException, module_name: str) -> int | None:
    """Return the last line of the module in the error's traceback; a syntax error states its own."""
    lines = [
        line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_globals.get("__name__") == module_name
    ]
    return lines[-1] if lines else None
