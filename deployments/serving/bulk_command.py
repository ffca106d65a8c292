"""The command line that all bulk jobs share: `python -m deployments.<service>.bulk SOURCE DESTINATION ...`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from deployments.serving.bulk_job import JobOptions
from deployments.serving.bulk_progress import Summary
from deployments.serving.bulk_sources import Kind, Source, open_source
from deployments.serving.bulk_writer import TooManyErrors
from deployments.serving.errors import SensoriumError

STOPPED = 130
"""Exit status after SIGINT, as shells have it."""


def parser(service: str, kind: Kind, description: str) -> argparse.ArgumentParser:
    """With every argument that the services share."""
    known = argparse.ArgumentParser(
        prog=f"python -m deployments.{service}.bulk", description=description, allow_abbrev=False
    )
    known.add_argument("source", help="folder, glob, URI (s3://...), file, or table (.parquet .csv .jsonl .txt)")
    known.add_argument("destination", type=Path, help="folder for the rows; run again to resume")
    known.add_argument("--column", help=f"of a table; {kind} by default")
    known.add_argument("--format", choices=("parquet", "jsonl"), default="parquet")
    known.add_argument("--config", type=Path, help="settings, e.g. ray_configs/jobs/cpu.yaml")
    known.add_argument("--retry-failed", action="store_true", help="do failed rows again")
    known.add_argument(
        "--fail-on-errors",
        type=_per_cent,
        metavar="N%",
        help="stop with exit status 1 once more than N per cent of all inputs have failed",
    )
    existing = known.add_mutually_exclusive_group()
    existing.add_argument("--resume", action="store_true", help="add to the rows of the same job over another source")
    existing.add_argument("--overwrite", action="store_true", help="remove the rows of another job")
    return known


def job_options(arguments: argparse.Namespace) -> JobOptions:
    return JobOptions(
        form=arguments.format,
        mode="overwrite" if arguments.overwrite else "resume" if arguments.resume else "same-job",
        retry_failed=arguments.retry_failed,
        fail_on_errors=arguments.fail_on_errors,
    )


def source_of(arguments: argparse.Namespace, kind: Kind) -> Source:
    """Raises: see `open_source`."""
    return open_source(arguments.source, kind, arguments.column)


def report(run: Callable[[], Summary]) -> int:
    """Run a job and say how it ended; the exit status: 0, 1 (failed, see stderr) or 130 (stopped)."""
    try:
        summary = run()
    except TooManyErrors as error:
        return _say(error.message)
    except SensoriumError as error:
        return _say(f"{error.code}: {error.message}")
    except KeyboardInterrupt:
        _say("stopped; the same command goes on from here")
        return STOPPED
    rows = f"{summary.inputs:,} rows in {summary.destination}: {summary.inputs - summary.failed:,} good"
    new = f"{summary.written:,} new in {summary.seconds:.1f} s ({summary.per_second:.1f}/s)"
    sys.stdout.write(f"{summary.service}: {rows}, {summary.failed:,} failed; {new}\n")
    return 0


def _say(text: str) -> int:
    line = text.replace("\n", "\\n")  # names may hold newlines
    sys.stderr.write(f"bulk: {line}\n")
    return 1


def _per_cent(text: str) -> float:
    try:
        value = float(text.strip().removesuffix("%"))
    except ValueError:
        value = -1
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not from 0% to 100%")
    return value
