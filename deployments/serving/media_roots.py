"""Reading stored files, only under the configured media roots.

Local files are opened once and judged by the open descriptor (its real path, its type), so that neither `..`, nor a
symbolic link, nor one swapped in between check and read leads out of a root, and a FIFO or device never blocks us.
Remote files go through `pyarrow.fs`, with the connection settings of the *root*: a caller's URI may carry none, or it
could name an endpoint of its own.
"""

from __future__ import annotations

import os
import posixpath
import re
import stat
from functools import lru_cache
from pathlib import Path
from typing import Any

from deployments.serving.errors import AccessDenied, InvalidInput, NotFound, Unavailable
from deployments.serving.media import MEDIA_ROOTS_VARIABLE, MediaPolicy, check_size

_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*)://")


def read_stored(uri: str, policy: MediaPolicy) -> bytes:
    """The bytes of a server path or remote URI; see `media.read` for the errors."""
    scheme = _checked_scheme(uri, policy)
    return _read_remote(uri, policy) if scheme else _read_local(uri, policy)


def check_stored(uri: str, policy: MediaPolicy) -> None:
    """What can be told of a server path or URI without reading it, before its turn to be read has come.

    Raises:
        AccessDenied: a local path outside the media roots, or no roots are configured.
        InvalidInput: a path we cannot take.
    """
    if not _checked_scheme(uri, policy) and not _lies_under(uri, _local_roots(policy)):
        raise _outside(uri)


def _checked_scheme(uri: str, policy: MediaPolicy) -> str:
    """The scheme of a URI; empty for a local path."""
    if not uri or "\x00" in uri or any(0xD800 <= ord(c) <= 0xDFFF for c in uri):
        raise InvalidInput("the path is empty or holds characters that no path has")
    scheme = _SCHEME.match(uri)
    if scheme and scheme.group(1).lower() == "file":
        raise InvalidInput("write a server path without file://, e.g. /data/scan.png")
    if not scheme and not uri.startswith("/"):
        raise InvalidInput("a server path must be absolute, e.g. /data/scan.png", field="private_img")
    if not policy.media_roots:
        raise AccessDenied(
            "reading server paths is not enabled here; upload the file, or have the operator allow folders with "
            f"`media_roots` in the service's YAML or {MEDIA_ROOTS_VARIABLE}=/folder,s3://bucket/prefix",
            setting="media_roots",
        )
    return scheme.group(1) if scheme else ""


def _local_roots(policy: MediaPolicy) -> list[str]:
    return [os.path.realpath(root) for root in policy.media_roots if not _SCHEME.match(root)]


def _lies_under(path: str, roots: list[str]) -> bool:
    return any(_is_under(os.path.realpath(path), root) for root in roots)


def _read_local(path: str, policy: MediaPolicy) -> bytes:
    roots = _local_roots(policy)
    if not _lies_under(path, roots):
        raise _outside(path)
    try:
        # Non-blocking: opening a FIFO without a writer would otherwise wait for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(f"no file at {path}", path=path) from error
    except PermissionError as error:
        raise AccessDenied(f"the server may not read {path}; check the file's permissions", path=path) from error
    except OSError as error:
        raise InvalidInput(f"{path} cannot be opened: {error.strerror}", path=path) from error
    try:
        return _read_open(descriptor, path, roots, policy)
    finally:
        os.close(descriptor)


def _read_open(descriptor: int, path: str, roots: list[str], policy: MediaPolicy) -> bytes:
    if not any(_is_under(str(Path(f"/proc/self/fd/{descriptor}").readlink()), root) for root in roots):
        raise _outside(path)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise InvalidInput(f"{path} is not a regular file; name one file", path=path)
    check_size(status.st_size, policy)
    with os.fdopen(descriptor, "rb", closefd=False) as stream:
        data = stream.read(policy.max_bytes + 1)
    check_size(len(data), policy)  # it may have grown since
    return data


def _read_remote(uri: str, policy: MediaPolicy) -> bytes:
    if "?" in uri or "#" in uri or "@" in uri.split("://", 1)[1].split("/", 1)[0]:
        raise InvalidInput("a URI may carry no credentials, query or fragment; connection settings belong to the root")
    scheme, _, rest = uri.partition("://")
    key = posixpath.normpath(rest)
    if ".." in rest.split("/") or key in ("", "."):
        raise _outside(uri)
    for root in policy.media_roots:
        match = _SCHEME.match(root)
        if match and match.group(1).lower() == scheme.lower():
            filesystem, base = _remote_root(root)
            if _is_under(key, base):
                return _read_key(filesystem, key, uri, policy)
    raise _outside(uri)


def _read_key(filesystem: Any, key: str, uri: str, policy: MediaPolicy) -> bytes:
    import pyarrow.fs

    try:
        info = filesystem.get_file_info(key)
        if info.type == pyarrow.fs.FileType.NotFound:
            raise NotFound(f"no file at {uri}", path=uri)
        if info.type != pyarrow.fs.FileType.File:
            raise InvalidInput(f"{uri} is not a file; name one file", path=uri)
        check_size(info.size or 0, policy)
        with filesystem.open_input_stream(key) as stream:
            data: bytes = stream.read(policy.max_bytes + 1)
    except OSError as error:
        raise Unavailable(f"{uri} cannot be read from its store: {error}", path=uri) from error
    check_size(len(data), policy)
    return data


@lru_cache(maxsize=64)
def _remote_root(root: str) -> tuple[Any, str]:
    """The filesystem of a root's URI and the root's path inside it.

    Raises:
        Unavailable: the root's URI is not one that pyarrow can open.
    """
    import pyarrow.fs

    try:
        filesystem, base = pyarrow.fs.FileSystem.from_uri(root)
    except (OSError, ValueError, NotImplementedError) as error:
        raise Unavailable(
            f"the media root {root.split('?')[0]} cannot be opened: {error}", setting="media_roots"
        ) from error
    return filesystem, posixpath.normpath(base)


def _is_under(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")


def _outside(path: str) -> AccessDenied:
    return AccessDenied(
        f"{path} is outside the folders this service may read; upload the file, or have its folder added to "
        f"`media_roots` ({MEDIA_ROOTS_VARIABLE})",
        path=path,
        setting="media_roots",
    )
