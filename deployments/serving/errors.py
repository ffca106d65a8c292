"""The error tree of every service.

    SensoriumError (internal, 500)
    ├── InvalidInput (invalid_input)                 the request can never succeed as it stands
    │   ├── UnsupportedMedia (unsupported_media)     not a format we read, or the bytes lie about it
    │   ├── InputTooLarge (input_too_large)          over a limit: bytes, pixels, pages, items, seconds
    │   └── UnsupportedOption (unsupported_option)   a language, backend, model or option we do not have
    ├── Unauthorized (unauthorized)                  API key missing or wrong
    ├── AccessDenied (access_denied)                 a server path outside the media roots
    ├── NotFound (not_found)                         no such row, path, adapter, task
    ├── Unavailable (unavailable)                    try again later, or something must be installed first
    │   ├── Overloaded (overloaded)                  the queue is full; carries `retry_after_s`
    │   ├── NotReady (not_ready)                     still loading or failed to load
    │   ├── BackendMissing (backend_missing)         a model or program is not installed here
    │   └── StoreUnavailable (store_unavailable)     the database does not answer
    ├── DeadlineExceeded (deadline_exceeded)         took longer than the server allows
    └── EngineFailed (engine_failed)                 the model raised on an input that looked right

An error is a value too: an engine returns one per failed unit. It crosses processes by pickle with all its
fields. This module knows neither HTTP nor Ray; `deployments.web.errors` maps codes to statuses in one place.
"""

from __future__ import annotations

from typing import Any, ClassVar


class SensoriumError(Exception):
    """Any failure we can name. `message` says what is wrong and what to do, for the person who called."""

    code: ClassVar[str] = "internal"

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        #: JSON-serialisable facts about the failure (`limit`, `actual`, `field`, `available`, ...).
        self.details = details

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.details)


def _rebuild(kind: type[SensoriumError], message: str, details: dict[str, Any]) -> SensoriumError:
    return kind(message, **details)


def rebuilt(code: str, message: str) -> SensoriumError:
    """An error that was kept as its code and message. A code that is not in the tree gives `internal`."""
    kinds = [SensoriumError]
    for kind in kinds:  # it grows while we look
        if kind.code == code:
            return kind(message)
        kinds += kind.__subclasses__()
    return SensoriumError(message)


class InvalidInput(SensoriumError):
    code = "invalid_input"


class UnsupportedMedia(InvalidInput):
    code = "unsupported_media"


class InputTooLarge(InvalidInput):
    code = "input_too_large"


class UnsupportedOption(InvalidInput):
    code = "unsupported_option"


class Unauthorized(SensoriumError):
    code = "unauthorized"


class AccessDenied(SensoriumError):
    code = "access_denied"


class NotFound(SensoriumError):
    code = "not_found"


class Unavailable(SensoriumError):
    """`details["retry_after_s"]` (seconds), where present, becomes the `Retry-After` header."""

    code = "unavailable"


class Overloaded(Unavailable):
    code = "overloaded"


class NotReady(Unavailable):
    code = "not_ready"


class BackendMissing(Unavailable):
    code = "backend_missing"


class StoreUnavailable(Unavailable):
    code = "store_unavailable"


class DeadlineExceeded(SensoriumError):
    code = "deadline_exceeded"


class EngineFailed(SensoriumError):
    code = "engine_failed"
