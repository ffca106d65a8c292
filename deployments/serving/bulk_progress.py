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
        self.total = total
        self._before = done
        self.written = 0
        self.failed = failed
        self.errors: Counter[str] = Counter()
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._every_s = 0.2 if self._terminal else every_s
        self._began = time.monotonic()
        self._said = self._began
        self._first: tuple[float, int] | None = None
        self._long = self._sections = self._sections_done = 0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    @property
    def per_second(self) -> float:
        """Over the whole run."""
        return self.written / max(self.seconds, 1e-6)

    @property
    def steady_per_second(self) -> float:
        """Since the first rows came, which loading the models delayed; until more have come, over the whole run."""
        at, rows = self._first or (self._began, 0)
        if self.written == rows:
            return self.per_second
        return (self.written - rows) / max(time.monotonic() - at, 1e-6)

    def long_inputs(self, inputs: int, sections: int) -> None:
        """What is left are these, cut into sections."""
        self._long, self._sections = inputs, sections
        self.say()

    def section_done(self) -> None:
        self._sections_done += 1
        if time.monotonic() - self._said >= self._every_s:
            self.say()

    def advance(self, rows: int, error_codes: list[str]) -> None:
        self.written += rows
        self._first = self._first or (time.monotonic(), rows)
        self.failed += len(error_codes)
        self.errors.update(error_codes)
        if time.monotonic() - self._said >= self._every_s:
            self.say()

    def say(self) -> None:
        self._said = time.monotonic()
        text = self.line()
        if self._terminal:
            done = (self._before + self.written) / max(1, self.total)
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
        unit = _unit(self._service)
        rate = self.steady_per_second
        text = (
            f"{self._service}: {done:,} of {self.total:,} ({100 * done // max(1, self.total)} %), "
            f"{self.failed:,} failed, {rate:.1f} {unit}/s"
        )
        if self._sections_done < self._sections:
            return f"{text}; {self._long:,} long: {self._sections_done:,} of {self._sections:,} sections"
        return f"{text}, {_clock((self.total - done) / rate)} left" if rate and done < self.total else text


def announce(service: str, inputs: int, done: int) -> None:
    """Say what is to do, before the models are loaded."""
    before = f" ({done:,} done before)" if done else ""
    sys.stderr.write(f"{service}: {inputs:,} {_unit(service)} to do{before}; loading the models\n")
    sys.stderr.flush()


def _unit(service: str) -> str:
    return "texts" if service == "embedding" else "files"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
