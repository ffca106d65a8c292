"""What a call of this client raises.

    ClientError
    ├── RetryableError                        5xx, time-outs, no or a cut connection: the last of several attempts
    └── RejectedRequest (a ValueError)        4xx: the call can never succeed as it stands; raised at once
        ├── UnexpectedReply                   something answered that is not the service: a wrong base URL?
        └── ContradictoryContext              a `PipelineContext` that says two things

All cross processes by pickle with their fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TIME_OUTS = ("timed_out", "request_timeout", "deadline_exceeded")


class ClientError(Exception):
    """A call that did not succeed.

    Args:
        message: what is wrong and what to do, in the server's words where it has some.
        code: the server's stable name of the failure (`overloaded`, `input_too_large`, ...), or ours:
            `connection_failed`, `connection_lost`, `timed_out`, `restarting`, `unexpected_reply`.
        status: HTTP status; None where no response came.
        request_id: finds the call in the server's log.
        attempts: how often it was sent.
        retry_after_s: seconds that the server asked to wait.
        details: further fields of the server's error (`limit`, `available`, `fields`, ...).
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        status: int | None = None,
        request_id: str = "",
        attempts: int = 0,
        retry_after_s: float | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        self.request_id = request_id
        self.attempts = attempts
        self.retry_after_s = retry_after_s
        self.details = dict(details or {})

    def __str__(self) -> str:
        facts = [self.code, f"status {self.status}" if self.status else "", f"request {self.request_id}"]
        facts += [f"{self.attempts} attempts"] if self.attempts > 1 else []
        known = ", ".join(fact for fact in facts if fact not in ("", "request "))
        return f"{self.message} ({known})" if known else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, {k: v for k, v in vars(self).items() if k != "message"})


class RetryableError(ClientError):
    """Every attempt failed, but a later call may succeed."""

    @property
    def timed_out(self) -> bool:
        """Whether the time ran out, here or in the server."""
        return self.code in _TIME_OUTS


class RejectedRequest(ClientError, ValueError):
    """The request is wrong: sending it again changes nothing."""


class UnexpectedReply(RejectedRequest):
    """A response that no service of ours gives."""


class ContradictoryContext(RejectedRequest):
    """The fields of a `PipelineContext` do not fit together. Nothing was sent."""


def _rebuild(kind: type[ClientError], message: str, fields: dict[str, Any]) -> ClientError:
    return kind(message, **fields)
