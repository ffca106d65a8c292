"""A server that fails as it is told: the next step of a script answers each request."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

Step = bytes | Callable[[BaseHTTPRequestHandler], bytes]


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that arrived whole."""

    path: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)


def response(status: int, body: Any, **headers: str) -> bytes:
    """A whole response; `body` as JSON, or as plain text if it is a string."""
    kind = "text/plain" if isinstance(body, str) else "application/json"
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Reason", f"Content-Type: {kind}", f"Content-Length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + content


def error(status: int, code: str, **headers: str) -> bytes:
    """A response in the services' envelope."""
    envelope = {"code": code, "message": f"it is {code}", "request_id": "from-server", "type": "t", "param": None}
    return response(status, {"error": envelope}, **headers)


CLOSE = b""
"""Closes without an answer."""
RESTARTING = response(404, "Not Found\n")
"""HAProxy before Ray has told it the routes."""
NOT_ROUTED = response(404, {"error": {"code": "not_found", "message": "no service at this path", "request_id": None}})
"""HAProxy when it knows other services' routes already, tightened by `launch.haproxy_edge`."""


class ScriptedServer:
    """
    Args:
        script: one step a request, the last for all that follow. Bytes are sent as they are, then the connection is
            closed; a function makes them.
    """

    def __init__(self, *script: Step, port: int = 0) -> None:
        self.seen: list[Seen] = []
        self.over = threading.Event()
        """Set when the server ends; a step that hangs waits for it."""
        self._script = list(script)
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                server.seen.append(Seen(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                step = server._script.pop(0) if len(server._script) > 1 else server._script[0]
                self.wfile.write(step if isinstance(step, bytes) else step(self))
                self.close_connection = True

            do_GET = do_POST  # noqa: N815 - the name that http.server calls

            def log_message(self, *arguments: object) -> None: ...

        self._http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def hang(self, handler: BaseHTTPRequestHandler) -> bytes:
        """A step: no answer until the server ends."""
        self.over.wait(30)
        return b""

    def then_hang(self) -> Self:
        """All further requests hang."""
        self._script.append(self.hang)
        return self

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
