"""Where a replica's log lines go: beside Serve's own, where `sensorium logs`, `ray logs` and Ray's dashboard look.

Left alone they would end in a worker's stderr file that bears the name of no service.
"""

from __future__ import annotations

import logging
from logging.handlers import MemoryHandler, RotatingFileHandler
from pathlib import Path

from deployments.web.access_log import LOGGER_NAME

MAX_BYTES = 100_000_000
"""Of one access log; one older file is kept."""
_OURS = ("sensorium", "deployments")


def keep_logs() -> None:
    """Our loggers write to this replica's Serve log; access lines, one JSON object each, to `access_<the same name>`.

    Does nothing outside a replica: the lines then go where logging sends them.
    """
    handlers = list(logging.getLogger("ray.serve").handlers)
    file = next((path for handler in handlers if (path := _file_of(handler)) is not None), None)
    if file is None:
        return
    for name in _OURS:
        logging.getLogger(name).handlers = [_AtOnce(handlers)]
        logging.getLogger(name).propagate = False
    access = logging.getLogger(LOGGER_NAME)
    lines = RotatingFileHandler(
        file.with_name(file.name.replace("replica_", "access_", 1)), maxBytes=MAX_BYTES, backupCount=1
    )
    lines.setFormatter(logging.Formatter("%(message)s"))
    access.handlers = [lines]
    access.propagate = False
    access.setLevel(logging.INFO)


class _AtOnce(logging.Handler):
    """Hands lines to Serve's handlers and has them written now: Serve keeps 1,000 in memory until an error comes."""

    def __init__(self, handlers: list[logging.Handler]) -> None:
        super().__init__()
        self._handlers = handlers

    def emit(self, record: logging.LogRecord) -> None:
        for handler in self._handlers:
            handler.handle(record)
            handler.flush()


def _file_of(handler: logging.Handler) -> Path | None:
    """Serve buffers its file in a MemoryHandler."""
    if isinstance(handler, MemoryHandler) and handler.target is not None:
        handler = handler.target
    return Path(handler.baseFilename) if isinstance(handler, logging.FileHandler) else None
