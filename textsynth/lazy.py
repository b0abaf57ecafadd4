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


def _found(package: str, name: str) -> object:
    if not name.isidentifier() or name.startswith("_") or camel(snake(name)) != name:
        return None
    module = f"{package}.{snake(name)}"
    try:
        return getattr(importlib.import_module(module), name, None)
    except ModuleNotFoundError as fault:
        if fault.name != module:
            raise
        return None


def _classes(package: str) -> list[str]:
    """Return the classes of the package's items; a file without the class of its name is a helper of others."""
    names = [camel(one.name) for one in pkgutil.iter_modules(sys.modules[package].__path__)]
    return [name for name in names if _found(package, name) is not None]
