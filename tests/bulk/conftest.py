"""One real Ray for the tests of this folder, which start bulk jobs as their users do: as commands."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.local_ray import local_ray

ROOT = Path(__file__).resolve().parents[2]
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="package")
def ray_address() -> Iterator[str]:
    """A Ray of this folder's own; the next folder starts another."""
    with local_ray() as address:
        yield address


@pytest.fixture
def start(ray_address: str) -> Iterator[Start]:
    """Starts `python -m deployments.<service>.bulk ...` on that Ray."""
    modules = {"container_ocr": "deployments.bulk_container_ocr", "deadly": "tests.bulk.deadly_bulk"}
    started: list[subprocess.Popen[str]] = []

    def start(service: str, *arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", modules.get(service, f"deployments.{service}.bulk"), *map(str, arguments)],
            env={**os.environ, "RAY_ADDRESS": ray_address, "OMP_NUM_THREADS": "1"},
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def bulk(start: Start) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a job to its end."""

    def run(service: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        process = start(service, *arguments)
        out, err = process.communicate(timeout=200)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    return run


def read_rows(destination: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet as parquet

    rows: list[dict[str, Any]] = parquet.read_table(destination / "rows").to_pylist()
    return rows
