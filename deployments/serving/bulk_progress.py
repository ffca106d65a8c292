"""What a bulk job says while it runs: a bar in a terminal, a line now and then in a log; and its summary."""

from __future__ import annotations

import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, TextIO


@dataclass(slots=True)
class Summary:
    """Of one run, and of the destination after it."""

    service: str
    source: str
    destination: str
    inputs: int = 0
    """In the destination and still to do, when the run began."""
    done_before: int = 0
    """Rows that earlier runs wrote."""
    written: int = 0
    failed: int = 0
    """Rows with an error in the destination, of all runs."""
    errors: dict[str, int] = field(default_factory=dict)
    """Error codes of this run's rows."""
    seconds: float = 0.0
    """From a connected Ray to the last row; starting the actors is in it."""
    per_second: float = 0.0
    complete: bool = False

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Progress:
    """Counts rows as they arrive.

    Args:
        total: inputs of this run and of those before it.
        done: rows that are there already.
        failed: of those, with an error.
        every_s: seconds between two lines where `stream` is no terminal.
    """

    def __init__(
        self, service: str, total: int, done: int, failed: int, *, stream: TextIO | None = None, every_s: float = 10.0
    ) -> None:
        self._service = service
        self._total = total
        self._before = done
        self.written = 0
        self.failed = failed
        self.errors: Counter[str] = Counter()
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._every_s = 0.2 if self._terminal else every_s
        self._began = time.monotonic()
        self._said = self._began

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    @property
    def per_second(self) -> float:
        return self.written / max(self.seconds, 1e-6)

    def advance(self, rows: int, error_codes: list[str]) -> None:
        self.written += rows
        self.failed += len(error_codes)
        self.errors.update(error_codes)
        if time.monotonic() - self._said >= self._every_s:
            self.say()

    def say(self) -> None:
        self._said = time.monotonic()
        text = self.line()
        if self._terminal:
            done = (self._before + self.written) / max(1, self._total)
            bar = ("#" * round(20 * done)).ljust(20, ".")
            self._stream.write(f"\r\x1b[K[{bar}] {text}")
        else:
            self._stream.write(f"{text}\n")
        self._stream.flush()

    def end(self) -> None:
        self.say()
        if self._terminal:
            self._stream.write("\n")

    def line(self) -> str:
        """`ocr: 120 of 500 (24 %), 3 failed, 4.1 files/s, 1:32 left`"""
        done = self._before + self.written
        unit = "texts" if self._service == "embedding" else "files"
        rate = self.per_second
        left = f", {_clock((self._total - done) / rate)} left" if rate and done < self._total else ""
        return (
            f"{self._service}: {done:,} of {self._total:,} ({100 * done // max(1, self._total)} %), "
            f"{self.failed:,} failed, {rate:.1f} {unit}/s{left}"
        )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
