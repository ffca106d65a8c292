"""One call of a service as plain data: what to send, how long to wait, how to read the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

import httpx

from deployments.client.uploads import Upload

ReplyT = TypeVar("ReplyT")

CALL_S = 30.0
"""Time-out of a call (contracts.md)."""
IMAGE_S = 10.0
"""More per image of a batch (contracts.md)."""
SPEECH_S = 300.0
"""Time-out of a call with a recording (contracts.md)."""
_CONNECT_S = 10.0


@dataclass(frozen=True, slots=True)
class Call(Generic[ReplyT]):
    """Built by the functions of `ocr`, `embedding`, `speech`, `container_number` and `health`; sent by a client.

    It has a JSON body, or form fields and uploads, or neither.
    """

    method: Literal["GET", "POST", "DELETE"]
    path: str
    """Below the base URL."""
    read: Callable[[httpx.Response], ReplyT]
    """Raises KeyError, TypeError or ValueError where the response is not what the service answers."""
    timeout_s: float = CALL_S
    """Without any progress; `_CONNECT_S` at most for the connection."""
    params: Mapping[str, Any] = field(default_factory=dict)
    json: Mapping[str, Any] | None = None
    form: Mapping[str, str] = field(default_factory=dict)
    uploads: tuple[tuple[str, Upload], ...] = ()
    """Form field and file."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """The same for each attempt."""
    answers: frozenset[int] = frozenset()
    """Statuses beyond 2xx under which the service gives the same reply."""

    @contextmanager
    def sendable(self, request_id: str) -> Iterator[dict[str, Any]]:
        """The arguments of httpx's `request`, for one attempt: files are opened here, and closed at the end.

        Raises:
            OSError: a file cannot be read.
        """
        with ExitStack() as closing:
            arguments: dict[str, Any] = {
                "method": self.method,
                "url": self.path,
                "headers": {"X-Request-ID": request_id, **self.headers},
                "timeout": httpx.Timeout(self.timeout_s, connect=min(self.timeout_s, _CONNECT_S)),
            }
            if self.params:
                arguments["params"] = dict(self.params)
            if self.json is not None:
                arguments["json"] = dict(self.json)
            if self.form:
                arguments["data"] = dict(self.form)
            if self.uploads:
                arguments["files"] = [(name, (up.name, up.opened(closing))) for name, up in self.uploads]
            yield arguments


def given(**fields: Any) -> dict[str, Any]:
    """`fields` without those that are None: the server's defaults hold there."""
    return {name: value for name, value in fields.items() if value is not None}


def form_fields(fields: dict[str, Any]) -> dict[str, str]:
    """As text in a form: true and false in lower case, as the server reads them."""
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in fields.items()}
