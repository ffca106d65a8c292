"""The shape of every error: `{"error": {"code", "message", "request_id", "type", "param", ...details}}`.

It is OpenAI's envelope (`message`, `type`, `param`, `code`) and ours at once. What callers sent may come back in
messages and details, so everything is cut to a size and made writable as JSON here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

_LONGEST_MESSAGE = 2000
_LONGEST_STRING = 500
_MOST_ENTRIES = 100
_DEEPEST = 5


class ErrorDetail(BaseModel):
    """What went wrong. Further fields depend on the code (`limit`, `actual`, `fields`, `available`, ...)."""

    model_config = ConfigDict(extra="allow")

    code: str
    """Stable name of the failure, e.g. `input_too_large`."""
    message: str
    """What is wrong and what to do."""
    request_id: str
    """Also in the `X-Request-ID` header and in the server's log."""
    type: str
    """OpenAI's class of error, e.g. `invalid_request_error`."""
    param: str | None = None
    """Field of the request that is at fault, where it is one."""


class ErrorEnvelope(BaseModel):
    """Body of every response that is not a success."""

    error: ErrorDetail


def envelope(
    *, code: str, message: str, request_id: str, kind: str, details: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The body of an error. `details["field"]` becomes `param`; details never replace the five fixed fields."""
    safe = {} if details is None else writable(details)
    field = safe.get("field")
    fixed = {
        "code": code,
        "message": _text(message, _LONGEST_MESSAGE),
        "request_id": request_id,
        "type": kind,
        "param": field if isinstance(field, str) else None,
    }
    return {"error": fixed | {name: value for name, value in safe.items() if name not in fixed}}


def writable(value: Any, _depth: int = 0) -> Any:
    """`value` as JSON can write it: strings and lists cut, lone surrogates as `?`, NaN and infinities null,
    anything unknown as its text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        # Beyond 64 bits most JSON readers lose digits, and orjson refuses.
        return value if -(2**63) <= value < 2**64 else _text(hex(value), _LONGEST_STRING)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return _text(value, _LONGEST_STRING)
    if _depth < _DEEPEST:
        if isinstance(value, Mapping):
            entries = list(value.items())[:_MOST_ENTRIES]
            return {_text(str(key), _LONGEST_STRING): writable(item, _depth + 1) for key, item in entries}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [writable(item, _depth + 1) for item in list(value)[:_MOST_ENTRIES]]
    return _text(str(value), _LONGEST_STRING)


def _text(text: str, longest: int) -> str:
    if len(text) > longest:
        text = f"{text[:longest]}… ({len(text):,} characters)"
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
