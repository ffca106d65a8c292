"""`make bench`: starts its own cluster on the embedded models and prints ratios of medians from this one run.

`python -m tests.benchmarks [embedding] [ocr] [speech] [bulk]` measures some only. Leave the machine alone meanwhile.
"""

from __future__ import annotations

import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path

import yaml
from rich.console import Console

from deployments.launch import instance, serve
from tests.benchmarks import bulk, environment, speech
from tests.benchmarks.report import Report

SERVICES = ("embedding", "ocr", "speech")


def main() -> int:
    chosen = sys.argv[1:] or [*SERVICES, "bulk"]
    report = Report()
    about = environment.describe()
    if services := [name for name in chosen if name in SERVICES]:
        _measure_served(services, report)
    if "bulk" in chosen:
        bulk.measure(report)
    report.show(about)
    return 1 if report.missed else 0


def _measure_served(chosen: list[str], report: Report) -> None:
    with tempfile.TemporaryDirectory() as home:
        os.environ["SENSORIUM_HOME"] = home
        config = yaml.safe_load(Path("ray_configs/embedded.yaml").read_text())
        if "speech" in chosen:
            speech.configure(config)
        file = Path(home) / "bench.yaml"
        file.write_text(yaml.safe_dump(config))
        port = instance.free_port(18000)
        serve.serve(file, "127.0.0.1", port, timeout_s=300, console=Console(width=120))
        running = instance.load()
        assert running is not None
        try:
            for service in chosen:
                import_module(f"tests.benchmarks.{service}").measure(running.base_url, report)
        finally:
            instance.end(running, patience_s=30)


if __name__ == "__main__":
    sys.exit(main())
