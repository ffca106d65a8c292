"""A job over texts whose model kills its own process on the text `die`: python -m tests.bulk.deadly_bulk TABLE OUT"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from deployments.serving.bulk_job import JobOptions, run_job
from deployments.serving.bulk_settings import JobSettings
from deployments.serving.bulk_sources import open_source
from deployments.serving.bulk_task import BulkTask
from deployments.serving.engine import ModelCard


class DeadlyEngine:
    card = ModelCard(model="deadly", backend="test", version="1")

    def prepare(self, request: str) -> list[str]:
        return [request]

    def cost(self, unit: str) -> int:
        return 1

    def infer(self, units: Sequence[str]) -> list[str]:
        if "die" in units:
            os._exit(1)
        return list(units)

    def assemble(self, request: str, units: Sequence[str], outcomes: Sequence[str]) -> str:
        return outcomes[0].upper()

    def warm_up(self) -> None: ...

    def close(self) -> None: ...


def _decode(data: bytes, path: str) -> str:
    return data.decode()


def _row(text: str) -> dict[str, Any]:
    return {"text": text}


def _fields() -> list[Any]:
    import pyarrow as pa

    return [("text", pa.string())]


def _sample() -> bytes:
    return b"text"


def main(table: str, out: str) -> None:
    task = BulkTask("embedding", "text", DeadlyEngine, _decode, _sample, _row, _fields, 100)
    settings = JobSettings(actors=2, actor_cpus=0.5, inputs_per_task=5)
    run = partial(run_job, task, open_source(table, "text"), Path(out), settings)
    run(JobOptions(), {})


if __name__ == "__main__":
    from tests.bulk import deadly_bulk

    deadly_bulk.main(*sys.argv[1:])
