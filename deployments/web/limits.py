"""Limits on one request: bytes of its body, and time until its response starts."""

from __future__ import annotations

from deployments.serving.errors import DeadlineExceeded, InputTooLarge


def check_declared_length(content_length: bytes | None, limit: int) -> None:
    """Refuse by `Content-Length`, before a byte of the body is read. What is not a plain number is left to the count.

    Raises:
        InputTooLarge: more than `limit` bytes are announced.
    """
    if content_length is not None and content_length.isdigit() and int(content_length[:20]) > limit:
        raise body_too_large(limit, actual=int(content_length[:20]))


def body_too_large(limit: int, *, actual: int | None = None) -> InputTooLarge:
    """The error of a body over `limit` bytes; `actual` where the sender announced it."""
    size = "" if actual is None else f" with {actual:,} bytes"
    details = {} if actual is None else {"actual": actual}
    return InputTooLarge(
        f"The request body{size} is over the limit of {limit:,} bytes. Send fewer or smaller files at once.",
        limit=limit,
        unit="bytes",
        **details,
    )


def too_slow(timeout_s: float) -> DeadlineExceeded:
    """The error of a request whose response had not started after `timeout_s` seconds."""
    return DeadlineExceeded(
        f"No answer within {timeout_s:g} s, so the request was cancelled. Send less at once, or try again later.",
        timeout_s=timeout_s,
    )
