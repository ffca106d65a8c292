"""One JSON line per request, through the standard logger `sensorium.access`. No bodies, no queries, no keys."""

from __future__ import annotations

import json
import logging
import sys
import time
from datetime import UTC, datetime
from typing import Any

import orjson

LOGGER_NAME = "sensorium.access"
CLIENT_CLOSED = 499
"""Status written for a request whose client left before the response was complete (nginx's number)."""

_LONGEST_PATH = 512


class AccessLog:
    """Writes the lines of one service."""

    __slots__ = ("_logger", "_service")

    def __init__(self, service: str) -> None:
        self._service = service
        self._logger = logging.getLogger(LOGGER_NAME)

    def write(
        self,
        *,
        method: str,
        path: str,
        status: int,
        seconds: float,
        bytes_in: int,
        bytes_out: int,
        request_id: str,
        error: str | None,
        client: str | None,
    ) -> None:
        """One line; `error` is the error's code. Costs a few microseconds, nearly nothing where INFO is off."""
        if not self._logger.isEnabledFor(logging.INFO):
            return
        line = _encode(
            {
                "time": datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds"),
                "service": self._service,
                "method": method,
                "path": path[:_LONGEST_PATH],
                "status": status,
                "ms": round(seconds * 1000, 2),
                "bytes_in": bytes_in,
                "bytes_out": bytes_out,
                "request_id": request_id,
                "error": error,
                "client": client,
            }
        )
        # A record made by hand: `logger.info` would walk the stack for a file name and line that say nothing here.
        self._logger.handle(logging.LogRecord(LOGGER_NAME, logging.INFO, "", 0, line, None, None))


def attach_default_handler() -> None:
    """Send the lines to stderr, unless somebody has configured logging already (then it is theirs to decide)."""
    logger = logging.getLogger(LOGGER_NAME)
    if logger.hasHandlers():
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)


def _encode(fields: dict[str, Any]) -> str:
    try:
        return orjson.dumps(fields).decode()
    except TypeError:  # a lone surrogate in the path: JSON's \u escapes can write it, UTF-8 cannot
        return json.dumps(fields)
