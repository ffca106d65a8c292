"""`make bench`: starts its own cluster on the embedded models and prints ratios of medians from this one run.

`python -m tests.benchmarks [embedding] [ocr]` measures some only. Leave the machine alone meanwhile.
"""

from __future__ import annotations

import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from rich.console import Console

from deployments.launch import instance, serve
from tests.benchmarks import environment
from tests.benchmarks.report import Report

SERVICES = ("embedding", "ocr")


def main() -> int:
    chosen = sys.argv[1:] or list(SERVICES)
    report = Report()
    about = environment.describe()
    with tempfile.TemporaryDirectory() as home:
        os.environ["SENSORIUM_HOME"] = home
        serve.serve(
            Path("ray_configs/embedded.yaml"),
            "127.0.0.1",
            instance.free_port(18000),
            timeout_s=300,
            console=Console(width=120),
        )
        running = instance.load()
        assert running is not None
        try:
            for service in chosen:
                import_module(f"tests.benchmarks.{service}").measure(running.base_url, report)
        finally:
            instance.end(running, patience_s=30)
    report.show(about)
    return 1 if report.missed else 0


if __name__ == "__main__":
    sys.exit(main())
