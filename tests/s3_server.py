"""A small S3 server for tests: objects with ranges, and listings, as in Amazon S3. It reads no signatures."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

MOST_KEYS = 3
"""In one listing, so that few objects take several; Amazon's are 1,000."""
SETTINGS = "scheme=http&region=us-east-1&allow_bucket_creation=false"


@contextmanager
def s3_server(objects: Mapping[str, bytes]) -> Iterator[str]:
    """Its `host:port`. `objects`: by `/bucket/key`; read anew for every request."""

    class Store(_Store):
        stored = objects

    server = ThreadingHTTPServer(("127.0.0.1", 0), Store)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


class _Store(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stored: Mapping[str, bytes]

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        body = self.stored.get(unquote(parts.path))
        if "list-type" in query:
            body = self._listing(unquote(parts.path).strip("/"), query)
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

    def _listing(self, bucket: str, query: dict[str, str]) -> bytes:
        """ListObjectsV2, without owners and storage classes."""
        prefix, after = query.get("prefix", ""), query.get("continuation-token", "")
        keys = sorted(
            name.removeprefix(f"/{bucket}/") for name in self.stored if name.startswith(f"/{bucket}/{prefix}")
        )
        folders: set[str] = set()
        if delimiter := query.get("delimiter"):
            deeper = {key for key in keys if delimiter in key[len(prefix) :]}
            folders = {prefix + key[len(prefix) :].split(delimiter)[0] + delimiter for key in deeper}
            keys = [key for key in keys if key not in deeper]
        waiting = [key for key in keys if key > after]
        page = waiting[: min(MOST_KEYS, int(query.get("max-keys", MOST_KEYS)))]
        more = len(waiting) > len(page)
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2026-11-21T12:00:00.000Z</LastModified>"
            f"<Size>{len(self.stored[f'/{bucket}/{key}'])}</Size></Contents>"
            for key in page
        )
        prefixes = "".join(f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>" for name in folders)
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        return (
            f"<ListBucketResult><KeyCount>{len(page) + len(folders)}</KeyCount>"
            f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{contents}{prefixes}</ListBucketResult>"
        ).encode()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (its name in the standard library)
        """Quiet."""
