"""The items of a section as names of its package, each loaded when it is first asked for.

`textsynth.filter.NearDuplicate` is the class in `textsynth/filter/near_duplicate.py`; there is no list to keep.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from collections.abc import Callable

from textsynth.errors import nearest

INNER_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


def items_of(package: str) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` of a section's package. A name without a file is an AttributeError."""

    def get(name: str) -> object:
        found = _found(package, name)
        if found is None:
            near = nearest(name, _classes(package)) if name[:1].isupper() else ""
            raise AttributeError(f"{package} has no {name!r}{near}")
        setattr(sys.modules[package], name, found)
        return found

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *_classes(package)})

    return get, listed


def snake(name: str) -> str:
    """Return the file of a class: NearDuplicate → near_duplicate."""
    return INNER_CAPITAL.sub("_", name).lower()


def camel(file: str) -> str:
    """Return the class of a file: near_duplicate → NearDuplicate."""
    return "".join(part.capitalize() for part in file.split("_"))


def class_of(package: str, file: str) -> object:
    """Return what the file of a package defines under its own name, None where there is no such file or no such name.

    A file without the class of its name is a helper of others.
    """
    module = f"{package}.{file}"
    try:
        return getattr(importlib.import_module(module), camel(file), None)
    except ModuleNotFoundError as fault:
        if fault.name != module:
            raise
        return None


def _found(package: str, name: str) -> object:
    usual = name.isidentifier() and not name.startswith("_") and camel(snake(name)) == name
    return class_of(package, snake(name)) if usual else None


def _classes(package: str) -> list[str]:
    """Return the names of the classes of the package's items."""
    names = [camel(one.name) for one in pkgutil.iter_modules(sys.modules[package].__path__)]
    return [name for name in names if _found(package, name) is not None]
