"""A real server that all tests of the client share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.client import Sensorium
from tests.unit.client.both_clients import HASTY
from tests.unit.client.real_server import KEY, RealServer


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    running = RealServer(tmp_path_factory.mktemp("server"), KEY)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def client(server: RealServer) -> Iterator[Sensorium]:
    with Sensorium(server.url, KEY, retries=HASTY) as connected:
        yield connected


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A file whose content is what the fake OCR reads."""
    path = tmp_path / "영수증.png"
    path.write_bytes("세 번째 부두".encode())
    return path
