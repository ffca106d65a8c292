"""Stored files are read under the media roots only, and no path makes the reader hang or leave them."""

from __future__ import annotations

import os
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deployments.serving.errors import AccessDenied, InputTooLarge, InvalidInput, NotFound
from deployments.serving.media import InlineMedia, MediaPolicy, StoredMedia, read


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / "a.bin").write_bytes(b"inside")
    (tmp_path / "outside.bin").write_bytes(b"outside")
    return folder


def stored(path: Path | str, root: Path, **limits: int) -> bytes:
    return read(StoredMedia(str(path)), MediaPolicy(media_roots=(str(root),), **limits))


def test_reads_a_file_under_a_root(root: Path) -> None:
    assert stored(root / "a.bin", root) == b"inside"


def test_a_root_may_itself_be_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(root)
    assert stored(tmp_path / "alias" / "a.bin", tmp_path / "alias") == b"inside"


def test_inline_bytes_need_no_root() -> None:
    assert read(InlineMedia(b"x"), MediaPolicy()) == b"x"


def test_without_roots_the_message_says_how_to_allow_paths(root: Path) -> None:
    with pytest.raises(AccessDenied, match=r"media_roots.*SENSORIUM_MEDIA_ROOTS") as caught:
        read(StoredMedia(str(root / "a.bin")), MediaPolicy())
    assert caught.value.code == "access_denied"


@pytest.mark.parametrize("name", ["../outside.bin", "./../outside.bin", "nothing/../../outside.bin"])
def test_dots_do_not_lead_out(root: Path, name: str) -> None:
    with pytest.raises(AccessDenied):
        stored(f"{root}/{name}", root)


def test_links_do_not_lead_out(root: Path, tmp_path: Path) -> None:
    (root / "file").symlink_to(tmp_path / "outside.bin")
    (root / "folder").symlink_to(tmp_path)
    for path in ("file", "folder/outside.bin"):
        with pytest.raises(AccessDenied):
            stored(root / path, root)


def test_a_sibling_whose_name_begins_like_the_root_is_outside(root: Path, tmp_path: Path) -> None:
    (tmp_path / "root-2").mkdir()
    (tmp_path / "root-2" / "a.bin").write_bytes(b"x")
    with pytest.raises(AccessDenied):
        stored(tmp_path / "root-2" / "a.bin", root)


def test_a_link_swapped_in_after_the_check_is_caught(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = root / "victim.bin"
    victim.write_bytes(b"fine")
    genuine_open = os.open

    def swap_then_open(path: str, flags: int) -> int:
        victim.unlink()
        victim.symlink_to(tmp_path / "outside.bin")
        return genuine_open(path, flags)

    monkeypatch.setattr(os, "open", swap_then_open)
    with pytest.raises(AccessDenied):
        stored(victim, root)


@pytest.mark.parametrize("path", ["a.bin", "", "./a.bin", "~/a.bin"])
def test_relative_paths_are_refused(root: Path, path: str) -> None:
    with pytest.raises(InvalidInput):
        stored(path, root)


@pytest.mark.parametrize("path", ["/a\0b", "/\ud800", "file:///etc/passwd", "FILE:///etc/passwd"])
def test_strange_paths_are_refused(root: Path, path: str) -> None:
    with pytest.raises(InvalidInput):
        stored(path, root)


def test_missing_files(root: Path) -> None:
    for path in (root / "none.bin", root / "a.bin" / "below"):
        with pytest.raises(NotFound):
            stored(path, root)


def test_a_name_longer_than_file_systems_allow(root: Path) -> None:
    with pytest.raises(InvalidInput):
        stored(root / ("x" * 300), root)


def test_unreadable_files(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, flags: int) -> int:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "open", refuse)  # tests may run as root, whom no file mode keeps out
    with pytest.raises(AccessDenied, match="permissions"):
        stored(root / "a.bin", root)


def test_only_regular_files_and_never_blocking(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(root / "fifo")
    (root / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        monkeypatch.chdir(root)  # a socket's path may be 107 bytes long
        listener.bind("socket")
    for name in ("fifo", "folder", "socket"):
        with ThreadPoolExecutor(1) as pool, pytest.raises(InvalidInput):
            pool.submit(stored, root / name, root).result(timeout=5)  # TimeoutError: it blocks


def test_devices_are_refused() -> None:
    with pytest.raises(InvalidInput):
        read(StoredMedia("/dev/zero"), MediaPolicy(media_roots=("/dev",)))


def test_size_is_checked_before_reading(root: Path) -> None:
    with (root / "huge.bin").open("wb") as stream:
        stream.truncate(1 << 40)  # sparse: reading it would take a terabyte of memory
    with pytest.raises(InputTooLarge) as caught:
        stored(root / "huge.bin", root)
    assert caught.value.details["actual"] == 1 << 40
    with pytest.raises(InputTooLarge):
        read(InlineMedia(b"123"), MediaPolicy(max_bytes=2))
    assert stored(root / "a.bin", root, max_bytes=6) == b"inside"


def test_empty_files(root: Path) -> None:
    (root / "empty").touch()
    for source in (InlineMedia(b""), StoredMedia(str(root / "empty"))):
        with pytest.raises(InvalidInput, match="empty"):
            read(source, MediaPolicy(media_roots=(str(root),)))


def test_roots_come_from_the_environment_too() -> None:
    policy = MediaPolicy(media_roots=("/a",)).with_environment({"SENSORIUM_MEDIA_ROOTS": "/b, s3://bucket/c,,/a"})
    assert policy.media_roots == ("/a", "/b", "s3://bucket/c")
    assert MediaPolicy().with_environment({}).media_roots == ()


def test_senseless_limits_are_refused() -> None:
    with pytest.raises(ValueError, match="max_bytes"):
        MediaPolicy(max_bytes=0)
    with pytest.raises(ValueError, match="max_pages"):
        MediaPolicy(max_pages=-1)
    with pytest.raises(ValueError, match="max_pixels"):
        MediaPolicy(max_pixels=10**9)
