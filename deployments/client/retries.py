"""When a failed call is sent again: exponential back-off with equal jitter.

Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 ("equal jitter"). Full jitter spreads
clients a little better, but may spend all attempts in a moment: of a hundred calls under way, some would give up in the
middle of a restart that the others sit out.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from deployments.client.errors import RetryableError

_NOT_BY_WAITING = ("backend_missing", "weights_missing", "weights_corrupt")
"""A 503 until somebody has installed something on the server: worth a later task, not seconds of patience."""
_BROKE_THE_SERVER = ("engine_failed", "internal")
"""The server is there, and says so: nothing that waiting mends."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to be patient. The defaults wait 63 s at least, 126 s at most: a server that restarts is back."""

    attempts: int = 17
    """Most times that one call is sent; 1 never repeats."""
    timed_out_attempts: int = 3
    """Most of them that may end by a time-out: what takes too long thrice will again."""
    failed_attempts: int = 3
    """Most of them that the server may say it broke on: what breaks it thrice will again."""
    first_delay_s: float = 0.5
    """Ceiling of the first wait; it doubles from failure to failure."""
    longest_delay_s: float = 10.0
    """Ceiling of all waits."""
    longest_retry_after_s: float = 60.0
    """A server that asks (`Retry-After`) for more is taken at its word: the call fails, with `retry_after_s`."""

    def __post_init__(self) -> None:
        for name in ("attempts", "timed_out_attempts", "failed_attempts"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("first_delay_s", "longest_delay_s", "longest_retry_after_s"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must not be negative, but is {getattr(self, name)}")

    def delay_s(self, failures: int, retry_after_s: float | None) -> float:
        """Seconds to wait after the `failures`-th failure: half to all of the ceiling, on top of what the server asked.

        On top, so that clients that were all sent away for the same time do not come back together.
        """
        ceiling = min(self.longest_delay_s, self.first_delay_s * 2.0 ** min(failures - 1, 60))
        return (retry_after_s or 0.0) + random.uniform(ceiling / 2, ceiling)  # noqa: S311 - jitter is no secret


class Attempts:
    """Counts the attempts of one call."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._timed_out = 0
        self._failed = 0
        self.count = 1
        """Of the attempt that is under way."""

    def next_delay_s(self, failure: RetryableError) -> float:
        """Seconds until the next attempt.

        Raises:
            RetryableError: `failure` itself, if there is to be none.
        """
        failure.attempts = self.count
        self._timed_out += failure.timed_out
        self._failed += failure.code in _BROKE_THE_SERVER
        policy = self._policy
        if (
            failure.code in _NOT_BY_WAITING
            or self.count >= policy.attempts
            or self._timed_out >= policy.timed_out_attempts
            or self._failed >= policy.failed_attempts
            or (failure.retry_after_s or 0) > policy.longest_retry_after_s
        ):
            raise failure
        delay = policy.delay_s(self.count, failure.retry_after_s)
        self.count += 1
        return delay
