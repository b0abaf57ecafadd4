"""The items of a section as names of its package, each loaded when it is first asked for.

`textsynth.filter.NearDuplicate` is the class in `textsynth/filter/near_duplicate.py`; there is no list to keep.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import pkgutil
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from textsynth.core.errors import UsageError, did_you_mean

INNER_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


def lazy_exports(package: str) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` of a section's package. A name without a file is an AttributeError."""

    def get(name: str) -> object:
        found = _found(package, name)
        if found is None:
            near = did_you_mean(name, _classes(package)) if name[:1].isupper() else ""
            raise AttributeError(f"{package} has no {name!r}{near}")
        setattr(sys.modules[package], name, found)
        return found

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *_classes(package)})

    return get, listed


def snake_case(name: str) -> str:
    """Return the file of a class: NearDuplicate → near_duplicate."""
    return INNER_CAPITAL.sub("_", name).lower()


def class_name(file: str) -> str:
    """Return the class of a file: near_duplicate → NearDuplicate."""
    return "".join(part.capitalize() for part in file.split("_"))


def find_class(package: str, file: str) -> object:
    """Return what the file of a package defines under its own name, None where there is no such file or no such name.

    A file without the class of its name is a helper of others.
    """
    module = f"{package}.{file}"
    try:
        return getattr(importlib.import_module(module), class_name(file), None)
    except ModuleNotFoundError as fault:
        if fault.name != module:
            raise
        return None


def _found(package: str, name: str) -> object:
    usual = name.isidentifier() and not name.startswith("_") and class_name(snake_case(name)) == name
    return find_class(package, snake_case(name)) if usual else None


def _classes(package: str) -> list[str]:
    """Return the names of the classes of the package's items."""
    names = [class_name(one.name) for one in pkgutil.iter_modules(sys.modules[package].__path__)]
    return [name for name in names if _found(package, name) is not None]


PLUGIN_PREFIX = "textsynth_local_"


def load_plugin(name: str, folder: Path) -> ModuleType:
    """Return the module in the file `name`, as `./shouting.py`, of the recipe's folder.

    Raises UsageError when there is no such file, or its code fails.
    """
    path = (folder / name).resolve()
    if not path.is_file():
        raise UsageError(f"no file {name!r} beside the recipe, looked for {path}")
    module_name = f"{PLUGIN_PREFIX}{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{name!r} is no Python file; an item beside the recipe ends with .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as fault:  # a user's own code may raise anything
        at = f"line {line}: " if (line := _line(fault, module_name)) else ""
        raise UsageError(f"{name!r} cannot be loaded: {at}{type(fault).__name__}: {fault}") from fault
    return module


def locate_plugin_error(fault: BaseException) -> str | None:
    """Return which line of such a file a fault came from, and what it was; None where none had a part in it."""
    for frame, line in reversed(list(traceback.walk_tb(fault.__traceback__))):
        if str(frame.f_globals.get("__name__", "")).startswith(PLUGIN_PREFIX):
            notes = "".join(f", {note}" for note in getattr(fault, "__notes__", ()))
            what = " ".join(str(fault).splitlines()) or "no more is told"
            return f"{Path(frame.f_code.co_filename).name}:{line}: {type(fault).__name__}: {what}{notes}"
    return None


def _line(fault: BaseException, module_name: str) -> int | None:
    """Return the last line of the module that a fault came through; a syntax error tells its own."""
    lines = [
        line for frame, line in traceback.walk_tb(fault.__traceback__) if frame.f_globals.get("__name__") == module_name
    ]
    return lines[-1] if lines else None
