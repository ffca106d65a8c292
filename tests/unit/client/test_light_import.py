"""The client needs httpx, and nothing of the services or their libraries."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

_BLOCKED = """
import sys

class Missing:
    names = {"torch", "ray", "numpy", "pydantic", "fastapi", "starlette", "orjson", "transformers", "celery", "PIL"}

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"{name} is not installed")

sys.meta_path.insert(0, Missing())
"""

_USE = """
from deployments.client import AsyncSensorium, BentoMLClient, OCRStage, PipelineContext, RetryPolicy, Sensorium

ours = sorted(name for name in sys.modules if name.startswith("deployments") and "client" not in name)
assert ours == ["deployments"], ours
from deployments.client import embedding
try:
    with Sensorium("http://127.0.0.1:9", retries=RetryPolicy(attempts=1)) as client:
        client.embedding.embed("hello")
except Exception as error:
    print(type(error).__name__, error.code)
"""


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )


def test_it_works_where_no_service_is_installed() -> None:
    assert python("-c", _BLOCKED + _USE).stdout.strip() == "RetryableError connection_failed"


def test_importing_it_takes_under_half_a_second() -> None:
    def seconds() -> float:
        lines = python("-X", "importtime", "-c", "from deployments.client import Sensorium").stderr.splitlines()
        [microseconds] = [line.split("|")[1] for line in lines if line.endswith("| deployments.client")]
        return int(microseconds) / 1e6

    assert min(seconds() for _ in range(3)) < 0.5
