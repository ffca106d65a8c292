"""What came of one attempt: a reply, or the error that says why not."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from deployments.client.call import Call, ReplyT
from deployments.client.errors import ClientError, RejectedRequest, RetryableError, UnexpectedReply

_LONGEST_EXCERPT = 200


def reply_of(call: Call[ReplyT], response: httpx.Response, request_id: str, attempts: int) -> ReplyT:
    """
    Raises:
        RetryableError: 5xx, 408, or the 404 of a HAProxy that has not this service's route yet.
        RejectedRequest: another status than 2xx.
    """
    envelope = _envelope(response)
    understood = response.is_success or (response.status_code in call.answers and envelope is None)
    if not understood:
        raise _failure(response, envelope, request_id, attempts)
    try:
        return call.read(response)
    except (KeyError, TypeError, ValueError) as error:
        raise UnexpectedReply(
            f"{response.request.url} answered {response.status_code} with something else than this service's reply "
            f"({type(error).__name__}: {error}): {_excerpt(response)!r}. Is the base URL right?",
            code="unexpected_reply",
            status=response.status_code,
            request_id=response.headers.get("x-request-id", request_id),
            attempts=attempts,
        ) from error


def transport_failure(error: httpx.HTTPError, request_id: str, attempts: int) -> ClientError:
    """The error of an attempt that brought no (whole) response."""
    reason = str(error) or type(error).__name__
    if isinstance(error, httpx.TimeoutException):
        kind, code, message = RetryableError, "timed_out", f"no answer in time ({type(error).__name__})"
    elif isinstance(error, (httpx.ConnectError, httpx.ProxyError)):
        kind, code, message = RetryableError, "connection_failed", f"cannot connect: {reason}"
    elif isinstance(error, (httpx.NetworkError, httpx.RemoteProtocolError)):
        kind, code, message = RetryableError, "connection_lost", f"the connection ended before the answer: {reason}"
    else:  # an address without http://, a key that no header can carry, a body that cannot be unpacked
        return RejectedRequest(reason, code="invalid_request", request_id=request_id, attempts=attempts)
    return kind(message, code=code, request_id=request_id, attempts=attempts)


def retry_after_s(value: str | None) -> float | None:
    """`Retry-After` (RFC 9110, section 10.2.3): seconds, or a date. None where there is none, or it is neither."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:  # "-0000": UTC, without a claim to a zone
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.fromtimestamp(time.time(), UTC)).total_seconds())


def _failure(response: httpx.Response, envelope: dict[str, Any] | None, request_id: str, attempts: int) -> ClientError:
    status = response.status_code
    restarting = status == 404 and _is_haproxys(response, envelope)
    fields = dict(envelope or {})
    code = str(fields.pop("code", None) or f"http_{status}")
    message = str(fields.pop("message", None) or f"{response.request.url} answered {status}: {_excerpt(response)!r}")
    named = fields.pop("request_id", None) or response.headers.get("x-request-id") or request_id
    fields.pop("type", None)
    kind = RetryableError if status >= 500 or status == 408 or restarting else RejectedRequest
    return kind(
        message,
        code="restarting" if restarting else code,
        status=status,
        request_id=str(named),
        attempts=attempts,
        retry_after_s=retry_after_s(response.headers.get("retry-after")),
        details=fields,
    )


def _envelope(response: httpx.Response) -> dict[str, Any] | None:
    """The fields of our error envelope, `{"error": {...}}`."""
    if response.is_success:
        return None
    try:
        body = response.json()
    except ValueError:
        return None
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else None


def _is_haproxys(response: httpx.Response, envelope: dict[str, Any] | None) -> bool:
    """Whether no service gave this answer: they all name the request, and never answer in plain text."""
    if envelope is not None:
        return not envelope.get("request_id")
    content_type: str = response.headers.get("content-type", "text/plain")
    return content_type.startswith("text/plain")


def _excerpt(response: httpx.Response) -> str:
    text = response.content[: _LONGEST_EXCERPT * 4].decode("utf-8", "replace")
    return text if len(text) <= _LONGEST_EXCERPT else text[:_LONGEST_EXCERPT] + "…"
