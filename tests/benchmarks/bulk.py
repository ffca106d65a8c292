"""Bulk jobs on all cores against the best loop by hand on the same engine, as their texts are compared; and memory.

The steady rate is taken from the rows' own times; what a job costs before its first row (Ray, processes, models) is
shown apart.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from tests.benchmarks import ocr, speech
from tests.benchmarks.report import Report

ROOT = Path(__file__).resolve().parents[2]
PAGES, CLIPS, FEW, MANY = 64, 960, 200, 5000


@dataclass(frozen=True)
class Ended:
    """One run of a job."""

    rows: list[dict[str, Any]]
    startup_s: float
    """From the command to its first row."""
    peak_bytes: int
    """Largest resident memory of driver and engine actors together."""


def measure(report: Report) -> None:
    """Starts Rays of its own; nothing else should run."""
    with tempfile.TemporaryDirectory() as folder:
        _ocr(Path(folder), report)
        _speech(Path(folder), report)
        _memory(Path(folder), report)


def _ocr(folder: Path, report: Report) -> None:
    (folder / "pages").mkdir()
    for number in range(PAGES):
        (folder / "pages" / f"{number}.png").write_bytes(ocr.draw_page(number))
    settings = _settings(folder / "ocr.yaml", "ocr", {"inputs_per_task": 8})
    _compare(report, "ocr", folder / "pages", settings, lambda row: 1.0, "pages/s")


def _speech(folder: Path, report: Report) -> None:
    (folder / "clips").mkdir()
    clips = [speech.wav(clip) for clip in speech.spoken_clips()]
    for number in range(CLIPS):
        (folder / "clips" / f"{number}.wav").write_bytes(clips[number % len(clips)])
    model = {"backend": "faster-whisper", "model": str(speech.nano()), "threads": 1}
    knobs = {"model": model, "batching": {"max_batch_size": 16}, "inputs_per_task": 32}
    settings = _settings(folder / "speech.yaml", "speech", knobs)
    _compare(report, "speech", folder / "clips", settings, lambda row: float(row["duration_s"]), "audio s/s")


def _compare(
    report: Report, service: str, source: Path, settings: Path, weight: Callable[[dict[str, Any]], float], unit: str
) -> None:
    """`weight`: how much of `unit` a row is."""
    loops: dict[str, float] = {}
    files = sorted(str(file) for file in source.iterdir())
    cores = os.cpu_count() or 1
    job = _job(service, source, source.with_name(f"{source.name}-out"), settings, "--language", "en")
    texts = {row["path"]: row["text"] for row in job.rows}
    total = sum(map(weight, job.rows))
    same = 1.0
    for processes, threads in ((1, cores), (cores, 1)):
        seconds, found = _by_hand(service, files, settings, processes, threads)
        same = min(same, _same(found, texts))
        loops[f"{processes} process{'es' * (processes > 1)}, {threads} thread{'s' * (threads > 1)}"] = total / seconds
    steady = _steady_rate(job.rows, weight)
    report.row("bulk", f"{service}: job on all cores, steady", steady, unit)
    report.row("bulk", f"{service}: from the command to the first row", job.startup_s, "s")
    for how, rate in loops.items():
        report.row("bulk", f"{service}: loop by hand, {how}", rate, unit)
    report.ratio("bulk", f"{service}: characters that job and loops read alike", same, at_least=0.999)
    report.ratio("bulk", f"{service}: job / best loop", steady / max(loops.values()), at_least=0.9)


def _same(found: dict[str, str], wanted: dict[str, str]) -> float:
    """Share of characters. Batches are composed otherwise in a job, and bfloat16 rounds otherwise with other
    neighbours: a character between two readings may tip over."""
    assert found.keys() == wanted.keys()
    pairs = [(found[file], wanted[file]) for file in wanted]
    alike = sum(
        len(one) if one == other else SequenceMatcher(None, one, other, autojunk=False).ratio() * len(one)
        for one, other in pairs
    )
    return alike / sum(len(one) for one, _ in pairs)


def _steady_rate(rows: list[dict[str, Any]], weight: Callable[[dict[str, Any]], float]) -> float:
    """From when a fifth of the rows was there to the last. Rows of one batch carry one time, so the cut is exact."""
    ordered = sorted(rows, key=lambda row: row["finished_at"])
    began = ordered[len(ordered) // 5]["finished_at"]
    rest = [row for row in ordered if row["finished_at"] > began]
    return sum(map(weight, rest)) / float((rest[-1]["finished_at"] - began).total_seconds())


def _memory(folder: Path, report: Report) -> None:
    """OCR without a model, so that thousands of inputs are quick; files are read and decoded as ever."""
    page = ocr.draw_page(0)
    model = {"backends": [{"kind": "fake", "delay_per_page_ms": 0}]}
    settings = _settings(folder / "fake.yaml", "ocr", {"model": model, "inputs_per_task": 32})
    peaks = {}
    for count in (FEW, MANY):
        source = folder / f"{count}"
        source.mkdir()
        for number in range(count):
            (source / f"{number}.png").write_bytes(page)
        job = _job("ocr", source, folder / f"{count}-out", settings, "--language", "en")
        assert len(job.rows) == count
        peaks[count] = job.peak_bytes
        report.row("bulk", f"peak memory of driver and actors, {count:,} inputs", job.peak_bytes / 2**20, "MB")
    report.ratio("bulk", f"memory for {MANY:,} inputs / for {FEW:,}", peaks[MANY] / peaks[FEW], at_most=1.1)


def _settings(file: Path, service: str, knobs: dict[str, Any]) -> Path:
    file.write_text(json.dumps({service: knobs}))  # JSON is YAML
    return file


def _job(service: str, source: Path, out: Path, settings: Path, *options: str) -> Ended:
    """`python -m deployments.<service>.bulk`, as a user runs it, on a Ray of its own."""
    import pyarrow.parquet as parquet

    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    command = [sys.executable, "-m", f"deployments.{service}.bulk", str(source), str(out), "--config", str(settings)]
    began = time.time()
    process = subprocess.Popen(
        [*command, *options], cwd=ROOT, env=environment, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    peak = _Peak(process.pid)
    peak.start()
    _, said = process.communicate()
    peak.join()
    assert process.returncode == 0, said
    rows: list[dict[str, Any]] = parquet.read_table(out / "rows").to_pylist()
    first = min(row["finished_at"].timestamp() for row in rows)
    return Ended(rows, first - began, peak.bytes)


class _Peak(threading.Thread):
    """Watches the driver and its engine actors until the driver ends."""

    def __init__(self, driver: int) -> None:
        super().__init__(daemon=True)
        self._driver = driver
        self.bytes = 0

    def run(self) -> None:
        import psutil  # type: ignore[import-untyped]

        while psutil.pid_exists(self._driver):
            with suppress(psutil.NoSuchProcess):
                driver = psutil.Process(self._driver)
                if driver.status() == psutil.STATUS_ZOMBIE:
                    return
                actors = [one for one in driver.children(recursive=True) if "EngineActor" in " ".join(one.cmdline())]
                self.bytes = max(self.bytes, sum(one.memory_info().rss for one in (driver, *actors)))
            time.sleep(0.25)


def _by_hand(
    service: str, files: list[str], settings: Path, processes: int, threads: int
) -> tuple[float, dict[str, str]]:
    """Seconds until the slowest of the processes is done, which all start warm at once; and the texts."""
    started = []
    for number in range(processes):
        listing = settings.with_name(f"list-{number}.json")
        listing.write_text(json.dumps(files[number::processes]))
        command = [sys.executable, "-m", "tests.benchmarks.bulk_loop", service, str(settings), str(threads)]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        started.append(
            subprocess.Popen(
                [*command, str(listing)], cwd=ROOT, env=environment, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )
        )  # fmt: skip
    for process in started:
        assert process.stdout is not None
        while process.stdout.readline().strip() != "ready":
            assert process.poll() is None
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    ended = [json.loads(process.communicate()[0].splitlines()[-1]) for process in started]
    texts = {file: text for one in ended for file, text in one["texts"].items()}
    return max(one["seconds"] for one in ended), texts
