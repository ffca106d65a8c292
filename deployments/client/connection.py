"""What both clients are built from: the address, the key, and one call's way through its attempts."""

from __future__ import annotations

import ssl
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Generic

import httpx

from deployments.client.call import Call, ReplyT
from deployments.client.errors import RetryableError
from deployments.client.outcomes import reply_of, transport_failure
from deployments.client.retries import Attempts, RetryPolicy


def http_arguments(base_url: str, api_key: str | None) -> dict[str, Any]:
    """Arguments of httpx's clients.

    Raises:
        ValueError: `base_url` is no http:// or https:// address, or the key holds what no header can carry.
    """
    try:
        url = httpx.URL(base_url.rstrip("/"))
    except httpx.InvalidURL as error:
        raise ValueError(f"the base URL {base_url!r} is not valid: {error}") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"the base URL {base_url!r} must look like http://host:8000")
    headers = {"User-Agent": "sensorium-client"}
    if api_key is not None:
        if not api_key or not all("!" <= character <= "~" for character in api_key):
            raise ValueError("the API key must be printable ASCII without spaces")
        headers["Authorization"] = f"Bearer {api_key}"
    return {"base_url": url, "headers": headers, "verify": _tls(url.scheme)}


@cache
def _tls(scheme: str) -> ssl.SSLContext:
    """Loading the authorities' certificates takes 40 ms, more than many a call: once a process, and for https only."""
    return httpx.create_ssl_context() if scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Sending(Generic[ReplyT]):
    """One call on its way. Each attempt: `with sending.attempt() as request`, then `sending.reply(response)`."""

    def __init__(self, call: Call[ReplyT], policy: RetryPolicy) -> None:
        self._call = call
        self._attempts = Attempts(policy)
        self._request_id = uuid.uuid4().hex

    @contextmanager
    def attempt(self) -> Iterator[dict[str, Any]]:
        """The arguments of httpx's `request`; inside, what httpx raises becomes ours.

        Raises:
            RetryableError, RejectedRequest, OSError (a file cannot be read).
        """
        with self._call.sendable(self._request_id) as arguments:
            try:
                yield arguments
            except httpx.HTTPError as error:
                raise transport_failure(error, self._request_id, self._attempts.count) from error

    def reply(self, response: httpx.Response) -> ReplyT:
        """
        Raises:
            RetryableError, RejectedRequest.
        """
        return reply_of(self._call, response, self._request_id, self._attempts.count)

    def delay_s(self, failure: RetryableError) -> float:
        """Seconds to wait after `failure`.

        Raises:
            RetryableError: `failure` itself; no further attempt.
        """
        return self._attempts.next_delay_s(failure)
