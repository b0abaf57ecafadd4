"""The files that a path in a recipe names: a file, a folder, those that match a pattern, or the same at a URL.

Files are in the order of their names, wherever they are. A pattern has `*`, `?` or `[…]`, and `**` for any folders; the
name of an existing file is no pattern. fsspec opens
URLs; a file there is copied to a temporary one while it is read.

Does not catch: a file of a bucket that is replaced by another one while it is read.
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath, PurePosixPath
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from textsynth.core.errors import SourceError
from textsynth.core.field_types import DescribedType
from textsynth.core.protocols import SourceFile
from textsynth.sources.files import located, missing_file

_URL = re.compile(r"(?P<protocol>[a-z][a-z0-9+.-]+)://", re.IGNORECASE)
_FILE_URL = "file://"
MAX_REASON = 200


def _normalized(value: object) -> object:
    """Return a local path as `pathlib` writes it, so that `./a` and `a` are the same recipe; a URL as it is."""
    if isinstance(value, str) and is_url(value):
        return value.removeprefix(_FILE_URL) if value.startswith(_FILE_URL) else value
    return str(PurePath(value)) if isinstance(value, str | PurePath) else value


class LocationType(DescribedType):
    """Marks a field that takes a path, a pattern or a URL."""

    @property
    def words(self) -> str:
        """What the field takes."""
        return "a path or a URL"


Location = Annotated[str | Path, BeforeValidator(_normalized), WithJsonSchema({"type": "string"}), LocationType()]
"""The type of an option: a path, a pattern, or a URL; it holds a text, as a Path joins the slashes of a URL."""


def is_url(path: str) -> bool:
    """Whether a path is a URL, such as `s3://bucket/rows`."""
    return _URL.match(path) is not None


def missing_files(path: str, base: Path) -> str | None:
    """Return one sentence if `path` names no file, else None; a URL is not opened, but its protocol must be installed.

    `base` is the folder that a path is relative to.
    """
    if is_url(path):
        try:
            _file_system_class(path)
        except SourceError as error:
            return str(error)
        return None
    paths = local_paths(path, base)
    if not paths:
        return f"{path}: no file matches this pattern in {str(_folder_of_pattern(path, base))!r}"
    return missing_file(paths[0], path)


def local_paths(path: str, base: Path) -> list[Path]:
    """Return the file or folder at a path that is no URL, whether it exists or not, or the matches of a pattern."""
    exact = located(base / path)
    if not glob.has_magic(path) or _exists(exact):
        return [exact]
    names = glob.glob(path, root_dir=base, recursive=True)  # noqa: PTH207 — `Path.glob` takes no absolute pattern
    return [base / name for name in sorted(names, key=lambda name: PurePath(name).parts)]


def source_files(path: str, base: Path) -> list[SourceFile]:
    """Return the files that `path` names, in the order of their names.

    Raises SourceError if there is none, if a folder contains a folder, if a pattern matches a folder but no file in it,
    or if a URL cannot be opened.
    """
    if is_url(path):
        return _remote_files(path)
    missing = missing_files(path, base)
    if missing is not None:
        raise SourceError(missing)
    paths = local_paths(path, base)
    if paths == [located(base / path)]:
        return _files_of_folder(paths[0], path) if paths[0].is_dir() else [_local_file(paths[0], path)]
    files = [found for found in paths if not found.is_dir()]
    read = {folder for file in files for folder in file.parents}
    unread = next((found for found in paths if found.is_dir() and found not in read), None)
    if unread is not None:
        raise SourceError(
            f"{path}: matches the folder {_relative_name(unread, base, path)!r}, and only files are read; match the "
            "files in it as well, as /**/*.parquet does, or only names of files"
        )
    return [_local_file(file, _relative_name(file, base, path)) for file in files]


@contextlib.contextmanager
def local_copy(file: SourceFile) -> Iterator[Path]:
    """Give the path of a file; that of a temporary copy until the block ends, if it is at a URL. Raises SourceError."""
    if not is_url(file.path):
        yield Path(file.path)
        return
    with tempfile.TemporaryDirectory(prefix="textsynth-") as folder:
        copy = Path(folder) / PurePosixPath(file.path.partition("?")[0]).name
        with _errors_of(file.name):
            filesystem, path = _opened(file.path)
            filesystem.get_file(path, str(copy))
        yield copy


def _exists(path: Path) -> bool:
    try:
        return os.path.lexists(path)
    except ValueError:  # a NUL character
        return False


def _local_file(path: Path, name: str) -> SourceFile:
    return SourceFile(str(path), name, path.stat().st_size)


def _files_of_folder(folder: Path, where: str) -> list[SourceFile]:
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise SourceError(f"{where}: cannot be read: {error.strerror or error}") from error
    _refuse_folders([path.name for path in paths if path.is_dir()], where)
    _refuse_nothing(paths, where)
    return [_local_file(path, f"{where.rstrip('/')}/{path.name}") for path in paths]


def _refuse_folders(names: Sequence[str], where: str) -> None:
    if names:
        raise SourceError(
            f"{where}: contains the folder {names[0]!r}, and only files are read; use its path, or a pattern such as "
            f"{where.rstrip('/')}/**/*.parquet, or move it elsewhere"
        )


def _refuse_nothing(files: Sequence[object], where: str) -> None:
    if not files:
        raise SourceError(f"{where}: is an empty folder; at least one file is needed")


def _folder_of_pattern(path: str, base: Path) -> Path:
    """Return the folder above the first part of a pattern that is no name."""
    parts = PurePath(path).parts
    names = parts[: next(index for index, part in enumerate(parts) if glob.has_magic(part))]
    return base.joinpath(*names)


def _relative_name(file: Path, base: Path, pattern: str) -> str:
    return str(file) if PurePath(pattern).is_absolute() else os.path.relpath(file, base)


# URLs


def _file_system_class(url: str) -> Any:  # noqa: ANN401 — fsspec has no types
    import fsspec

    with _errors_of(url):
        return fsspec.get_filesystem_class(url.partition("://")[0].lower())


def _opened(url: str) -> tuple[Any, str]:
    import fsspec

    filesystem, path = fsspec.core.url_to_fs(url)
    return filesystem, str(path)


def _remote_files(url: str) -> list[SourceFile]:
    _file_system_class(url)
    with _errors_of(url):
        filesystem, path = _opened(url)
        filesystem.invalidate_cache()
        if "*" in path or "[" in path:  # a question mark begins the query of an address
            found = filesystem.glob(path, detail=True).values()
            entries = [entry for entry in found if entry["type"] == "file" and not _is_hidden(entry)]
            if not entries:
                raise SourceError(f"{url}: no file matches this pattern")
        else:
            info = filesystem.info(path)
            if info["type"] != "directory":
                return [SourceFile(url, url, info["size"] or 0)]
            entries = _entries_of_folder(filesystem, path, url)
        files = [SourceFile(name := filesystem.unstrip_protocol(e["name"]), name, e["size"] or 0) for e in entries]
    return sorted(files, key=lambda file: PurePosixPath(file.path).parts)


def _entries_of_folder(filesystem: Any, path: str, url: str) -> list[Any]:  # noqa: ANN401
    root = path.strip("/")
    # Object stores list the folder itself, as an object without content.
    listed = filesystem.ls(path, detail=True)
    entries = [entry for entry in listed if entry["name"].strip("/") != root and not _is_hidden(entry)]
    _refuse_folders([PurePosixPath(entry["name"]).name for entry in entries if entry["type"] == "directory"], url)
    _refuse_nothing(entries, url)
    return entries


def _is_hidden(entry: Mapping[str, Any]) -> bool:
    return PurePosixPath(entry["name"]).name.startswith(".")


@contextlib.contextmanager
def _errors_of(where: str) -> Iterator[None]:
    """Raise SourceError for any error of fsspec and of the package for a protocol, which has its own exceptions."""
    try:
        yield
    except SourceError:
        raise
    except FileNotFoundError as error:
        raise SourceError(f"{where}: no such file or folder") from error
    except Exception as error:
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise SourceError(f"{where}: cannot be opened: {reason[:MAX_REASON]}") from error
