"""Errors to HTTP: the one table of statuses, and the handlers that make every failure an envelope."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from deployments.serving.errors import InvalidInput, SensoriumError
from deployments.web.envelope import envelope
from deployments.web.exchange import Exchange

_TABLE: dict[str, tuple[int, str]] = {
    # code: (HTTP status, OpenAI's `type`). Clients of the old services retry on 5xx only, so overload is 503, not 429.
    "invalid_input": (422, "invalid_request_error"),
    "unsupported_media": (415, "invalid_request_error"),
    "input_too_large": (413, "invalid_request_error"),
    "unsupported_option": (422, "invalid_request_error"),
    "method_not_allowed": (405, "invalid_request_error"),
    "not_found": (404, "invalid_request_error"),
    "unauthorized": (401, "authentication_error"),
    "access_denied": (403, "permission_error"),
    "unavailable": (503, "server_error"),
    "overloaded": (503, "server_error"),
    "not_ready": (503, "server_error"),
    "backend_missing": (503, "server_error"),
    "store_unavailable": (503, "server_error"),
    "deadline_exceeded": (504, "server_error"),
    "engine_failed": (500, "server_error"),
    "internal": (500, "server_error"),
}

# What Starlette and FastAPI raise by themselves, by status. Others: `invalid_input` below 500, else `internal`.
_CODE_OF_STATUS = {
    401: "unauthorized", 403: "access_denied", 404: "not_found", 405: "method_not_allowed", 413: "input_too_large",
    415: "unsupported_media", 503: "unavailable", 504: "deadline_exceeded",
}  # fmt: skip

_MOST_FIELDS = 20


def status_of(error: SensoriumError) -> int:
    """HTTP status of `error`; a kind that is not in the table has its nearest ancestor's."""
    return _row_of(error)[0]


def error_body(error: SensoriumError, request_id: str) -> dict[str, Any]:
    """The envelope of `error`, for routes that report one failure among several results."""
    return envelope(
        code=error.code, message=error.message, request_id=request_id, kind=_row_of(error)[1], details=error.details
    )


def error_response(error: SensoriumError, request_id: str) -> Response:
    """The whole response: status, envelope, and `Retry-After` or `WWW-Authenticate` where it belongs."""
    return _response(status_of(error), error_body(error, request_id), error.details.get("retry_after_s"))


def install_error_handlers(app: FastAPI) -> None:
    """Make every failure inside `app` an envelope; what nothing here names is left to the boundary (500)."""
    app.add_exception_handler(SensoriumError, answer_sensorium_error)
    app.add_exception_handler(HTTPException, answer_http_exception)
    app.add_exception_handler(RequestValidationError, _answer_validation_error)


async def answer_sensorium_error(request: Request, error: Exception) -> Response:
    """Any error of the tree in the envelope, its code noted for the access log."""
    assert isinstance(error, SensoriumError)
    return error_response(error, _note(request, error.code))


async def answer_http_exception(request: Request, error: Exception) -> Response:
    """Starlette's and FastAPI's own refusals (404, 405, unreadable forms) in the envelope, headers kept."""
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, SensoriumError):  # FastAPI makes a 400 of whatever fails while it reads a body
        return await answer_sensorium_error(request, error.__cause__)
    status = error.status_code
    code = _CODE_OF_STATUS.get(status, "invalid_input" if status < 500 else "internal")
    details: dict[str, Any] = {}
    message = str(error.detail)
    if status == 404 and message == "Not Found":
        root = request.scope.get("root_path", "")
        message = f"There is no {request.scope['path']} here. The paths of this service are shown at {root}/docs."
    elif status == 405:
        allowed = (error.headers or {}).get("Allow", "")
        details["allowed"] = [method.strip() for method in allowed.split(",") if method.strip()]
        message = f"{request.method} is not possible here; allowed: {allowed}."
    body = envelope(code=code, message=message, request_id=_note(request, code), kind=_TABLE[code][1], details=details)
    return _response(status, body, None, error.headers)


async def _answer_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    # Only where and what: the input itself may be huge, or not writable as JSON.
    fields = [_field_problem(entry) for entry in found[:_MOST_FIELDS]]
    first = fields[0]
    more = f" ({len(found) - 1} more)" if len(found) > 1 else ""
    problem = InvalidInput(
        f"{first['field']}: {first['message']}{more}", field=first["field"], fields=fields, problems=len(found)
    )
    return await answer_sensorium_error(request, problem)


def _field_problem(entry: Mapping[str, Any]) -> dict[str, str]:
    """One entry of pydantic's list, without the input."""
    location, kind = entry["loc"], entry["type"]
    if kind == "json_invalid":  # FastAPI's own: the location is ("body", offset)
        message = f"not valid JSON at character {location[-1]}: {entry['ctx']['error']}"
        return {"field": "body", "message": message, "type": kind}
    return {"field": _dotted(location), "message": entry["msg"], "type": kind}


def _dotted(location: tuple[int | str, ...]) -> str:
    """`("body", "texts", 3)` -> `texts.3`: the part of the request is named only where nothing else is."""
    parts = [str(part)[:100] for part in location]
    return ".".join(parts[1:] if len(parts) > 1 else parts) or "body"


def _row_of(error: SensoriumError) -> tuple[int, str]:
    for kind in type(error).__mro__:
        row = _TABLE.get(getattr(kind, "code", ""))
        if row is not None:
            return row
    return _TABLE["internal"]


def _note(request: Request, code: str) -> str:
    """Tell the access log the error's code; returns the request's id."""
    exchange = Exchange.of(request.scope)
    exchange.error = code
    return exchange.request_id


def _response(
    status: int, body: dict[str, Any], retry_after_s: object, headers: Mapping[str, str] | None = None
) -> Response:
    sent = dict(headers or {})
    if status == 503:
        sent["Retry-After"] = str(_whole_seconds(retry_after_s))
    elif status == 401:
        sent["WWW-Authenticate"] = "Bearer"
    return Response(orjson.dumps(body), status, sent, media_type="application/json")


def _whole_seconds(value: object) -> int:
    """RFC 9110 wants whole seconds: rounded up, at least 1, at most a day; 1 where none were said."""
    if isinstance(value, (int, float)) and math.isfinite(value):
        return min(max(math.ceil(value), 1), 86_400)
    return 1
