"""A progress bar in one line of text, because a Ray worker's output reaches the terminal line by line."""

from __future__ import annotations

import sys
import time

_BAR = 24
_EVERY_S = 5.0
_EVERY_SHARE = 0.01


def say(line: str) -> None:
    """A line on the worker's output. Not by `print`: Ray Train replaces it by one that logs each line as well."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class ProgressLine:
    """Says how far a run is: at most every five seconds and every hundredth of the run, and at its end."""

    def __init__(self, steps: int, step: int) -> None:
        self._steps = steps
        self._first = step
        self._started = time.monotonic()
        self._said_at, self._said_step = self._started, step

    def step(self, step: int, epoch: int, epochs: int, loss: float) -> None:
        """After an optimizer step; prints if the last line is old enough."""
        now = time.monotonic()
        due = now - self._said_at >= _EVERY_S and step - self._said_step >= _EVERY_SHARE * self._steps
        if due or step == self._steps:
            self._said_at, self._said_step = now, step
            say(self.text(step, epoch, epochs, loss, now - self._started))

    def text(self, step: int, epoch: int, epochs: int, loss: float, elapsed_s: float) -> str:
        """`[######------] 50 %  epoch 3/5  step 120/240  loss 0.1234  1:05 left`."""
        share = step / max(1, self._steps)
        full = round(share * _BAR)
        done = max(1, step - self._first)
        left = elapsed_s / done * (self._steps - step)
        bar = "#" * full + "-" * (_BAR - full)
        return (
            f"[{bar}] {share:4.0%}  epoch {epoch}/{epochs}  step {step}/{self._steps}  "
            f"loss {loss:.4f}  {clock(left)} left"
        )


def clock(seconds: float) -> str:
    """`1:05` or `2:03:09`."""
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
