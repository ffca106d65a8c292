"""What every HTTP face can be told. Plain data; the environment is read when asked, never at import."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

API_KEYS_VARIABLE = "SENSORIUM_API_KEYS"


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Limits and keys of one HTTP face."""

    api_keys: tuple[str, ...] = field(default=(), repr=False)
    """Any of these opens the service; none means that it is open to all."""
    max_body_bytes: int = 100 * 1024 * 1024
    """Largest request body, in bytes, uploads and multipart framing included."""
    request_timeout_s: float | None = 300.0
    """Seconds from the first header to the start of the response; a stream that has started is never cut.
    None: no limit. A handler written `def` (in a thread) cannot be interrupted: its 504 comes when it returns."""
    echo_request_id: bool = True
    """Send `X-Request-ID` back. False inside Ray Serve, whose own middleware adds that header to every response."""
    access_log: bool = True
    """Write one JSON line per request to the logger `sensorium.access`."""

    def __post_init__(self) -> None:
        if self.max_body_bytes < 1:
            raise ValueError(f"max_body_bytes must be at least 1, got {self.max_body_bytes}")
        if self.request_timeout_s is not None and not self.request_timeout_s > 0:
            raise ValueError(f"request_timeout_s must be above 0, or None for no limit; got {self.request_timeout_s}")
        if not all(key.strip() for key in self.api_keys):
            raise ValueError("api_keys holds an empty key")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None, **fields: Any) -> WebSettings:
        """`fields`, with `api_keys` from `SENSORIUM_API_KEYS` (separated by commas) as it is now.

        Raises:
            ValueError: the variable is set but holds no key, or a field is out of range.
        """
        raw = (os.environ if environ is None else environ).get(API_KEYS_VARIABLE, "")
        keys = tuple(key for part in raw.split(",") if (key := part.strip()))
        if raw and not keys:
            raise ValueError(f"{API_KEYS_VARIABLE} is set but holds no key; unset it to serve without keys")
        return cls(api_keys=keys, **fields)
