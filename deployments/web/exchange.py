"""One request and its response as they pass: counted, timed, and seen to their end."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from deployments.web.limits import body_too_large

_SCOPE_KEY = "sensorium.exchange"


class Exchange:
    """ASGI `receive` and `send` of one request, and what the access log will say about it."""

    __slots__ = (
        "_body_limit", "_echoed_id", "_receive", "_send", "began", "bytes_in", "bytes_out", "client_left", "deadline",
        "error", "finished", "request_id", "status",
    )  # fmt: skip

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, *, request_id: str, echo_id: bool, body_limit: int
    ) -> None:
        self._receive = receive
        self._send = send
        self._body_limit = body_limit
        self._echoed_id = (b"x-request-id", request_id.encode("ascii")) if echo_id else None
        self.request_id = request_id
        self.began = time.perf_counter()
        self.bytes_in = 0
        self.bytes_out = 0
        self.status = 0
        """HTTP status; 0 until the response has started."""
        self.finished = False
        """The last byte of the response was handed over."""
        self.client_left = False
        """The client closed before the response was finished."""
        self.error: str | None = None
        """Code of the error that was answered."""
        self.deadline: asyncio.Timeout | None = None
        scope[_SCOPE_KEY] = self

    @classmethod
    def of(cls, scope: Scope) -> Exchange:
        """The exchange of a request that came through the boundary."""
        exchange: Any = scope[_SCOPE_KEY]
        assert isinstance(exchange, cls)
        return exchange

    async def receive(self) -> Message:
        """The next part of the request.

        Raises:
            InputTooLarge: the body has passed the limit, whatever its `Content-Length` said.
        """
        message = await self._receive()
        if message["type"] == "http.request":
            self.bytes_in += len(message.get("body", b""))
            if self.bytes_in > self._body_limit and not self.status:
                raise body_too_large(self._body_limit)
        elif not self.finished:
            self.client_left = True
        return message

    async def send(self, message: Message) -> None:
        """Pass on a part of the response; its start ends the deadline."""
        kind = message["type"]
        if kind == "http.response.start":
            self.status = message["status"]
            deadline = self.deadline
            if deadline is not None and not deadline.expired():
                deadline.reschedule(None)
            if self._echoed_id is not None:
                # A new list: the old one belongs to the response, which may be sent again.
                message["headers"] = [*message.get("headers", ()), self._echoed_id]
        elif kind == "http.response.body":
            self.bytes_out += len(message.get("body", b""))
            if not message.get("more_body", False):
                self.finished = True
        await self._send(message)
