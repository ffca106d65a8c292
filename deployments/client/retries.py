"""When a failed call is sent again: exponential back-off with full jitter.

Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 ("full jitter").
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from deployments.client.errors import RetryableError


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to be patient. The defaults wait 26 s in the mean, 51 s at most: a service that restarts is back."""

    attempts: int = 8
    """Most times that one call is sent; 1 never repeats."""
    timed_out_attempts: int = 3
    """Most of them that may end by a time-out: what takes too long thrice will again."""
    first_delay_s: float = 0.5
    """Ceiling of the first wait; it doubles from failure to failure."""
    longest_delay_s: float = 20.0
    """Ceiling of all waits."""
    longest_retry_after_s: float = 60.0
    """A server that asks (`Retry-After`) for more is taken at its word: the call fails, with `retry_after_s`."""

    def __post_init__(self) -> None:
        for name in ("attempts", "timed_out_attempts"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("first_delay_s", "longest_delay_s", "longest_retry_after_s"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must not be negative, but is {getattr(self, name)}")

    def delay_s(self, failures: int, retry_after_s: float | None) -> float:
        """Seconds to wait after the `failures`-th failure: a draw up to the ceiling, on top of what the server asked.

        On top, so that clients that were all sent away for the same time do not come back together.
        """
        ceiling = min(self.longest_delay_s, self.first_delay_s * 2.0 ** min(failures - 1, 60))
        return (retry_after_s or 0.0) + random.uniform(0, ceiling)  # noqa: S311 - jitter is no secret


class Attempts:
    """Counts the attempts of one call."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._timed_out = 0
        self.count = 1
        """Of the attempt that is under way."""

    def next_delay_s(self, failure: RetryableError) -> float:
        """Seconds until the next attempt.

        Raises:
            RetryableError: `failure` itself, if there is to be none.
        """
        failure.attempts = self.count
        self._timed_out += failure.timed_out
        policy = self._policy
        if (
            self.count >= policy.attempts
            or self._timed_out >= policy.timed_out_attempts
            or (failure.retry_after_s or 0) > policy.longest_retry_after_s
        ):
            raise failure
        delay = policy.delay_s(self.count, failure.retry_after_s)
        self.count += 1
        return delay
