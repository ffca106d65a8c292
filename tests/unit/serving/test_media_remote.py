"""`s3://` URIs, against a small S3 server on this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from deployments.serving.errors import AccessDenied, InputTooLarge, InvalidInput, NotFound, Unavailable
from deployments.serving.media import MediaPolicy, StoredMedia, read

_OBJECTS = {"/bucket/scans/a.png": b"the picture", "/bucket/private/b.png": b"secret", "/bucket/scans/big": b"x" * 2000}


class _Store(BaseHTTPRequestHandler):
    """GET (with Range) and HEAD of objects, and an empty listing, as in Amazon S3's REST API; reads no signatures."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        parts = urlsplit(self.path)
        body = _OBJECTS.get(parts.path)
        if "list-type=2" in parts.query:
            body = b"<ListBucketResult><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>"
        status = 200 if body is not None else 404
        asked = self.headers.get("Range", "").removeprefix("bytes=")
        if body is not None and asked:
            first, last = asked.split("-")
            body, status = body[int(first) : int(last) + 1 if last else None], 206
        self.send_response(status)
        self.send_header("Content-Length", str(len(body or b"")))
        self.send_header("Last-Modified", "Sat, 21 Nov 2026 12:00:00 GMT")
        self.end_headers()
        if with_body and body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its name in the standard library)
        """Quiet."""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Store)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def policy(endpoint: str) -> MediaPolicy:
    settings = f"endpoint_override={endpoint}&scheme=http&region=us-east-1&allow_bucket_creation=false"
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
