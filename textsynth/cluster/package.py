"""What a worker needs to open a model on its node: the options, files beside the recipe, environment variables.

The package goes to the worker in a call, never as an argument of its creation or as Ray's `runtime_env`: Ray shows and
stores those, and options and variables may hold API keys. A node that sees the files of the recipe's folder as they are
here uses them; else it gets the files that the model's options name, up to `MAX_FILE_BYTES`. Folders, such as that of a
model, must be on a file system that the nodes share.
"""

from __future__ import annotations

import os
import pickle
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from textsynth.core.errors import ClusterError
from textsynth.core.registry import PLUGIN_PREFIX, load_component
from textsynth.core.secrets import is_key_like
from textsynth.core.version import __version__
from textsynth.models import ModelOptions

MAX_FILE_BYTES = 50_000_000
MAX_NAME = 200
"""The most characters of an option that may name a file or a variable."""
# Variables that describe a process and its node, and Ray's own: they are never sent.
LOCAL_PREFIXES = ("RAY_", "CUDA_", "NVIDIA_", "LD_", "PYTHON", "OMP_", "SLURM_", "__")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""What Ray sets to the number of CPUs that an actor reserves, none here: one thread."""


@dataclass(frozen=True, slots=True)
class ModelPackage:
    """The options of a model, with what they need of the recipe's folder.

    `plugin` is the file of a class beside the recipe, whose options are `content` as JSON; else `content` is a pickle.
    `files` are contents by path in the folder. `identity` is the model's, as the run computes it.
    """

    content: bytes
    plugin: str
    recipe_folder: str
    files: Mapping[str, bytes]
    identity: str
    version: str = __version__

    def options(self, node: str) -> tuple[ModelOptions, Path]:
        """Return the options and the recipe's folder on this node, whose name is for messages.

        Raises ClusterError where a model here would be another one, and what loading a component raises.
        """
        if self.version != __version__:
            raise ClusterError(
                f"the node {node} has TextSynth {__version__}, and the run {self.version}; install the same on both"
            )
        folder = self._folder()
        options = self._load(folder)
        identity = options.identity_at(folder)
        if identity != self.identity:
            raise ClusterError(
                f"the model on the node {node} is {identity!r} instead of {self.identity!r}: the files that it is made"
                f" of differ or are missing in {self.recipe_folder}; share the folder among the nodes"
            )
        return options, folder

    def _folder(self) -> Path:
        """Return the recipe's folder, where its files are those of the run; else a new folder with these files."""
        folder = Path(self.recipe_folder)
        try:
            if all((folder / name).read_bytes() == content for name, content in self.files.items()):
                return folder
        except OSError:
            pass  # the node does not see the folder
        copy = Path(tempfile.mkdtemp(prefix="textsynth-recipe-"))
        for name, content in self.files.items():
            path = copy / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return copy

    def _load(self, folder: Path) -> ModelOptions:
        if not self.plugin:
            return cast("ModelOptions", pickle.loads(self.content))
        return cast("ModelOptions", load_component("models", self.plugin, folder).model_validate_json(self.content))


def pack(options: ModelOptions, recipe_folder: Path) -> ModelPackage:
    """Return the package of a model of a recipe in this folder."""
    files: dict[str, bytes] = {}
    plugin = _plugin_file(options, recipe_folder)
    names = [*([plugin] if plugin else []), *_file_names(options.model_dump(mode="json"))]
    for name in names:
        path = recipe_folder / name
        is_inside = path.resolve().is_relative_to(recipe_folder.resolve())
        if is_inside and path.is_file() and sum(map(len, files.values())) + path.stat().st_size <= MAX_FILE_BYTES:
            files[name] = path.read_bytes()
    return ModelPackage(
        options.model_dump_json(by_alias=True, exclude_unset=True).encode() if plugin else _pickled(options),
        plugin,
        str(recipe_folder.resolve()),
        files,
        options.identity_at(recipe_folder),
    )


def _pickled(options: ModelOptions) -> bytes:
    if type(options).__module__ != "__main__":
        return pickle.dumps(options)
    from ray import cloudpickle  # takes the class of a script or a notebook along

    content: bytes = cloudpickle.dumps(options)
    return content


def environment_for(options: object) -> dict[str, tuple[str, bool]]:
    """Return the environment variables for workers: each value, and whether it replaces that of the node.

    It does for API keys and for variables that the options name; else it is used where the node has none.
    """
    named = set(_texts(options))
    return {
        name: (value, name in named or is_key_like(name))
        for name, value in os.environ.items()
        if not name.startswith(LOCAL_PREFIXES)
    }


def apply_environment(variables: Mapping[str, tuple[str, bool]], threads: Mapping[str, str]) -> None:
    """Take the variables of the run into this worker; `threads` are those of THREAD_VARIABLES that the run has set."""
    for name, (value, replaces) in variables.items():
        if replaces or name not in os.environ:
            os.environ[name] = value
    for name in THREAD_VARIABLES:
        os.environ.pop(name, None)
    os.environ.update(threads)


def thread_variables() -> dict[str, str]:
    """Return the variables of THREAD_VARIABLES that are set here."""
    return {name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ}


def _plugin_file(options: ModelOptions, recipe_folder: Path) -> str:
    """Return the file of the options' class where it is one beside the recipe, else ""."""
    module = type(options).__module__
    if not module.startswith(PLUGIN_PREFIX):
        return ""
    path = Path(str(sys.modules[module].__file__))
    return f"./{os.path.relpath(path, recipe_folder.resolve())}"


def _file_names(value: object) -> Iterator[str]:
    """Yield the texts in options that may name a file: FILE and FILE:NAME."""
    for text in _texts(value):
        yield text
        if ":" in text:
            yield text.rpartition(":")[0]


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        if 0 < len(value) <= MAX_NAME and value.isprintable():
            yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _texts(inner)
