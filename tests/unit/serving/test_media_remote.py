"""`s3://` URIs, against a small S3 server on this machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deployments.serving.errors import AccessDenied, InputTooLarge, InvalidInput, NotFound, Unavailable
from deployments.serving.media import MediaPolicy, StoredMedia, read
from tests.s3_server import SETTINGS, s3_server

_OBJECTS = {"/bucket/scans/a.png": b"the picture", "/bucket/private/b.png": b"secret", "/bucket/scans/big": b"x" * 2000}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with s3_server(_OBJECTS) as address:
        yield address


@pytest.fixture
def policy(endpoint: str) -> MediaPolicy:
    settings = f"endpoint_override={endpoint}&{SETTINGS}"
    return MediaPolicy(media_roots=("/tmp", f"s3://user:pass@bucket/scans?{settings}"), max_bytes=1000)


def test_reads_an_object_under_the_root(policy: MediaPolicy) -> None:
    assert read(StoredMedia("s3://bucket/scans/a.png"), policy) == b"the picture"


@pytest.mark.parametrize(
    "uri",
    [
        "s3://bucket/private/b.png",
        "s3://bucket/scans/../private/b.png",
        "s3://other/scans/a.png",
        "gs://bucket/scans/a",
    ],
)
def test_outside_the_root(policy: MediaPolicy, uri: str) -> None:
    with pytest.raises(AccessDenied):
        read(StoredMedia(uri), policy)


@pytest.mark.parametrize(
    "uri",
    ["s3://bucket/scans/a.png?endpoint_override=evil:80", "s3://key:secret@bucket/scans/a.png", "s3://bucket/a#b"],
)
def test_a_caller_may_not_bring_connection_settings(policy: MediaPolicy, uri: str) -> None:
    with pytest.raises(InvalidInput):
        read(StoredMedia(uri), policy)


def test_size_and_absence(policy: MediaPolicy) -> None:
    with pytest.raises(InputTooLarge):
        read(StoredMedia("s3://bucket/scans/big"), policy)
    with pytest.raises(NotFound):
        read(StoredMedia("s3://bucket/scans/none.png"), policy)


def test_without_a_root_remote_files_are_refused() -> None:
    with pytest.raises(AccessDenied):
        read(StoredMedia("s3://bucket/scans/a.png"), MediaPolicy(media_roots=("/tmp",)))


def test_a_root_that_cannot_be_opened_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="nosuch"):
        read(StoredMedia("nosuch://bucket/a"), MediaPolicy(media_roots=("nosuch://bucket",)))
