"""Where a replica's lines go: beside the file that Serve's own logger writes."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from logging.handlers import MemoryHandler
from pathlib import Path

import pytest

from deployments.web.access_log import LOGGER_NAME, AccessLog, attach_default_handler
from deployments.web.replica_logs import keep_logs

NAMES = ("ray.serve", "sensorium", "deployments", LOGGER_NAME)


@pytest.fixture
def untouched() -> Iterator[None]:
    """The loggers as they were, afterwards."""
    before = {
        name: (list(log.handlers), log.propagate, log.level) for name in NAMES if (log := logging.getLogger(name))
    }
    for name in NAMES:
        logging.getLogger(name).handlers = []
    yield
    for name, (handlers, propagate, level) in before.items():
        log = logging.getLogger(name)
        for handler in set(log.handlers) - set(handlers):
            handler.close()
        log.handlers, log.propagate = handlers, propagate
        log.setLevel(level)


def _access_line() -> None:
    AccessLog("ocr").write(
        method="POST", path="/ocr/x", status=200, seconds=0.1, bytes_in=1, bytes_out=2, request_id="id-1",
        error=None, client=None,
    )  # fmt: skip


def test_lines_lie_beside_serves_log(tmp_path: Path, untouched: None) -> None:
    file = logging.FileHandler(tmp_path / "replica_ocr_ocr_abc.log")
    logging.getLogger("ray.serve").addHandler(MemoryHandler(1000, target=file))
    keep_logs()
    attach_default_handler()
    _access_line()
    logging.getLogger("deployments.ocr.engine").warning("unreadable %s", "page")
    [line] = (tmp_path / "access_ocr_ocr_abc.log").read_text().splitlines()
    assert json.loads(line)["request_id"] == "id-1"
    assert (tmp_path / "replica_ocr_ocr_abc.log").read_text() == "unreadable page\n"
    file.close()


def test_outside_a_replica_nothing_changes(untouched: None, capsys: pytest.CaptureFixture[str]) -> None:
    keep_logs()
    assert not logging.getLogger(LOGGER_NAME).handlers
    assert not logging.getLogger("sensorium").handlers
