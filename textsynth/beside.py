"""Python files of the user's own beside a recipe: loaded here, and named where their code fails."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType

from textsynth.errors import UsageError

PREFIX = "textsynth_local_"


def load(name: str, folder: Path) -> ModuleType:
    """Return the module in the file `name`, as `./shouting.py`, of the recipe's folder.

    Raises UsageError when there is no such file, or its code fails.
    """
    path = (folder / name).resolve()
    if not path.is_file():
        raise UsageError(f"no file {name!r} beside the recipe, looked for {path}")
    module_name = f"{PREFIX}{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
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


def blame(fault: BaseException) -> str | None:
    """Return which line of such a file a fault came from, and what it was; None where none had a part in it."""
    for frame, line in reversed(list(traceback.walk_tb(fault.__traceback__))):
        if str(frame.f_globals.get("__name__", "")).startswith(PREFIX):
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
