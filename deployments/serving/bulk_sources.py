"""What a bulk job reads: a folder, a glob, a remote prefix, one file, or a table of paths or texts.

Every source is listed in a fixed order, and every input has an id that stays the same from run to run: that is what a
resumed job goes by. Listing never fails for one bad entry: such an entry is an input with a `problem`.
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from deployments.serving.errors import AccessDenied, InvalidInput, NotFound, Unavailable

Kind = Literal["path", "text"]
"""What one input is: a file's path, or a text."""

TABLE_SUFFIXES = (".txt", ".list", ".csv", ".jsonl", ".ndjson", ".parquet")
_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True, slots=True)
class Input:
    """One thing to do."""

    input_id: str
    """The path, or `table#row` for a row of a table."""
    path: str
    """Of the file to read; of the table, where the input is a text in it."""
    row: int | None = None
    """Number of the table's row, from 0."""
    text: str | None = None
    problem: str | None = None
    """Why it cannot be done at all; its row will say so."""
    section: int | None = None
    """Only this section of it, from 0, ..."""
    sections: int | None = None
    """... of so many."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where inputs come from. `inputs()` lists them anew each time, in the same order."""

    name: str
    """As a resumed run must name it again: an absolute path, pattern or URI, without connection settings."""
    roots: tuple[str, ...]
    """Media roots that cover every input."""
    fingerprint: str
    """Of a table: changes when its content does, because row numbers would then mean other inputs. Else empty."""
    inputs: Callable[[], Iterable[Input]]


def open_source(source: str, kind: Kind, column: str | None = None) -> Source:
    """
    Args:
        source: folder (all files below it, hidden ones left out), glob (`scans/**/*.png`), URI (`s3://bucket/prefix`),
            media file, or table: .parquet, .csv, .jsonl with a `column`; .txt or .list with a path (or text) a line,
            or, if it holds NUL characters, separated by those.
        column: of the table; `path` or `text` by default.

    Raises:
        NotFound, AccessDenied, InvalidInput, Unavailable: there is no such source, or it cannot be listed.
    """
    if not source or "\x00" in source:
        raise InvalidInput("SOURCE is empty; name a folder, a pattern, a URI or a table")
    if _SCHEME.match(source):
        return _remote(source)
    path = os.path.abspath(os.path.expanduser(source))  # noqa: PTH100, PTH111 - keeps a pattern's characters as they are
    if os.path.isdir(path):  # noqa: PTH112
        return _folder(path)
    if os.path.exists(path):  # noqa: PTH110
        return _one_file(path, kind, column)
    if glob.has_magic(path):
        return _pattern(path)
    raise NotFound(f"there is no {path}; SOURCE is a folder, a glob, a URI, a file or a table", path=path)


def _folder(folder: str) -> Source:
    try:
        with os.scandir(folder) as entries:
            next(entries, None)
    except PermissionError as error:
        raise AccessDenied(f"{folder} may not be listed; check its permissions", path=folder) from error
    except OSError as error:
        raise Unavailable(f"{folder} cannot be listed: {error.strerror}") from error
    return Source(folder, (folder,), "", lambda: _files([folder]))


def _pattern(pattern: str) -> Source:
    fixed: list[str] = []
    for part in Path(pattern).parts:
        if glob.has_magic(part):
            break
        fixed.append(part)
    root = str(Path(*fixed))

    def matches() -> Iterator[Input]:
        found = set(glob.glob(pattern, recursive=True))  # noqa: PTH207  (** may match twice)
        return (_file(path) for path in sorted(found) if not Path(path).is_dir())

    return Source(pattern, (root,), "", matches)


def _one_file(path: str, kind: Kind, column: str | None) -> Source:
    if not path.lower().endswith(TABLE_SUFFIXES):
        return Source(path, (path,), "", lambda: [_file(path)])
    if not os.path.isfile(path):  # noqa: PTH113
        raise InvalidInput(
            f"{path} is no regular file; SOURCE is a folder, a glob, a URI, a file or a table", path=path
        )
    from deployments.serving.bulk_tables import read_table

    try:
        with open(path, "rb") as stream:  # noqa: PTH123
            fingerprint = f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
    except PermissionError as error:
        raise AccessDenied(f"{path} may not be read; check its permissions", path=path) from error
    # Who names the table names its paths, wherever they lie.
    return Source(path, ("/",), fingerprint, lambda: read_table(path, kind, column or kind))


def _files(folders: list[str]) -> Iterator[Input]:
    """Depth first, each folder's entries by name."""
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                found = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
        except OSError as error:
            yield Input(shown(folder), shown(folder), problem=f"this folder cannot be listed: {error.strerror}")
            continue
        visible = [(name, is_folder) for name, is_folder in found if not name.startswith(".")]
        for name, is_folder in visible:
            if not is_folder:
                yield _file(f"{folder.rstrip('/')}/{name}")
        folders += [f"{folder.rstrip('/')}/{name}" for name, is_folder in reversed(visible) if is_folder]


def _file(path: str) -> Input:
    name = shown(path)
    problem = None if name == path else "the file's name is not UTF-8; rename it"
    return Input(name, name, problem=problem)


def shown(path: str) -> str:
    """`path` as text that can be stored: bytes that are no UTF-8 become `\\xNN`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _remote(uri: str) -> Source:
    """Everything below a prefix, or one object. Settings (`?region=...`) are used for listing and for reading."""
    name = without_connection(uri)
    scheme = name.split("://", 1)[0]
    filesystem, base = _connect(uri)
    import pyarrow.fs

    try:
        info = filesystem.get_file_info(base)
    except OSError as error:
        raise Unavailable(f"{name} cannot be reached: {error}") from error
    if info.type == pyarrow.fs.FileType.NotFound:
        raise NotFound(f"there is nothing at {name}", path=name)
    if info.type == pyarrow.fs.FileType.File:
        return Source(name, (uri,), "", lambda: [_file(name)])

    def objects() -> Iterator[Input]:
        selector = pyarrow.fs.FileSelector(base, recursive=True)
        for item in sorted(filesystem.get_file_info(selector), key=lambda one: one.path):
            if item.type == pyarrow.fs.FileType.File and not item.base_name.startswith("."):
                yield _file(f"{scheme}://{item.path.lstrip('/') if scheme != 'file' else item.path}")

    return Source(name, (uri,), "", objects)


def without_connection(uri: str) -> str:
    """`s3://key:secret@bucket/prefix?region=...` as `s3://bucket/prefix`: what may be stored and shown."""
    scheme, rest = uri.partition("?")[0].split("://", 1)
    bucket, slash, key = rest.partition("/")
    return f"{scheme}://{bucket.rpartition('@')[2]}{slash}{key}".rstrip("/")


def _connect(uri: str) -> tuple[Any, str]:
    import pyarrow.fs

    if uri.startswith("file://"):
        raise InvalidInput("write a local SOURCE without file://, e.g. /data/scans")
    try:
        filesystem, base = pyarrow.fs.FileSystem.from_uri(uri)
    except (OSError, ValueError, NotImplementedError) as error:
        raise InvalidInput(f"{without_connection(uri)} cannot be opened: {error}") from error
    return filesystem, base
