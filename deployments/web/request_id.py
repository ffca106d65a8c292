"""The id of a request: taken from `X-Request-ID` where it is fit to be logged, made here otherwise."""

from __future__ import annotations

import os
import re
from contextvars import ContextVar

HEADER = b"x-request-id"

# What uuids, ULIDs, trace ids and proxies' ids are written in. No quotes, spaces, controls or bytes above ASCII:
# the id goes into logs, headers and JSON.
_FIT = re.compile(rb"[A-Za-z0-9._:/+=@~-]{1,128}").fullmatch

request_id: ContextVar[str] = ContextVar("sensorium_request_id", default="")


def current_request_id() -> str:
    """Id of the request that this code runs for; empty outside of one. Follows `await`, tasks and `to_thread`."""
    return request_id.get()


def accept_or_make(offered: bytes | None) -> str:
    """`offered` if it is 1 to 128 characters of `A-Z a-z 0-9 . _ : / + = @ ~ -`, else 32 new hexadecimal digits."""
    if offered is not None and _FIT(offered):
        return offered.decode("ascii")
    return os.urandom(16).hex()
