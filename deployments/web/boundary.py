"""The one middleware: request id, keys, limits, deadline, last resort for errors, access log.

One pure ASGI class instead of six: the request's headers are read once and there is one `send` to pass. A
cancellation (Ray Serve cancels the request when its client leaves) is logged as 499 and passed on.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from deployments.serving.errors import SensoriumError
from deployments.serving.metrics import HttpMetrics, NoMetrics
from deployments.web.access_log import CLIENT_CLOSED, AccessLog
from deployments.web.auth import ApiKeys
from deployments.web.errors import error_response
from deployments.web.exchange import Exchange
from deployments.web.limits import check_declared_length, too_slow
from deployments.web.request_id import accept_or_make, request_id
from deployments.web.settings import WebSettings

logger = logging.getLogger("sensorium.web")


class Boundary:
    """Everything between the server and the routes of `service`. `open_paths` (without the base path) need no key."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        service: str,
        settings: WebSettings,
        open_paths: Collection[str],
        metrics: HttpMetrics | None = None,
    ) -> None:
        self._app = app
        self._keys = ApiKeys(settings.api_keys)
        self._open_paths = frozenset(open_paths)
        self._max_body_bytes = settings.max_body_bytes
        self._timeout_s = settings.request_timeout_s
        self._echo_id = settings.echo_request_id
        self._log = AccessLog(service) if settings.access_log else None
        self._metrics = metrics or NoMetrics()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "http":
            await self._serve(scope, receive, send)
        elif kind == "websocket":  # no service speaks it; a socket that passed here would pass without a key
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "WebSockets are not served here"})
        else:
            await self._app(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        offered_id = content_length = authorization = api_key = None
        for name, value in scope["headers"]:
            if name == b"x-request-id":
                offered_id = value
            elif name == b"content-length":
                content_length = value
            elif name == b"authorization":
                authorization = value
            elif name == b"x-api-key":
                api_key = value
        exchange = Exchange(
            scope,
            receive,
            send,
            request_id=accept_or_make(offered_id),
            echo_id=self._echo_id,
            body_limit=self._max_body_bytes,
        )
        token = request_id.set(exchange.request_id)
        try:
            if self._keys and _route_path(scope) not in self._open_paths:
                self._keys.check(authorization, api_key)
            check_declared_length(content_length, self._max_body_bytes)
            async with asyncio.timeout(self._timeout_s) as exchange.deadline:
                await self._app(scope, exchange.receive, exchange.send)
        except asyncio.CancelledError:
            exchange.client_left = not exchange.finished
            raise
        except ClientDisconnect:
            exchange.client_left = True
        except Exception as error:  # noqa: BLE001  # the last resort: `_answer` logs what it does not know
            await self._answer(error, exchange, scope)
        finally:
            request_id.reset(token)
            self._record(exchange, scope)

    async def _answer(self, error: Exception, exchange: Exchange, scope: Scope) -> None:
        """Answer what no handler inside has answered. Once the response has started, only cutting it is honest."""
        deadline, exchange.deadline = exchange.deadline, None
        if isinstance(error, SensoriumError):
            problem = error
        elif isinstance(error.__cause__, SensoriumError):  # raised in a stream: Starlette had no answer left to give
            problem = error.__cause__
        elif isinstance(error, TimeoutError) and deadline is not None and deadline.expired():
            assert self._timeout_s is not None
            problem = too_slow(self._timeout_s)
        else:
            problem = SensoriumError(f"Internal error. The server's log names it under {exchange.request_id}.")
            logger.error(
                "unhandled %s in %s %a (request id %s)",
                type(error).__name__,
                scope["method"],
                scope["path"],
                exchange.request_id,
                exc_info=error,
            )
        exchange.error = problem.code
        if exchange.status:
            raise error
        response = error_response(problem, exchange.request_id)
        await response(scope, exchange.receive, exchange.send)

    def _record(self, exchange: Exchange, scope: Scope) -> None:
        status = CLIENT_CLOSED if exchange.client_left else exchange.status
        error = "client_closed" if exchange.client_left else exchange.error
        seconds = time.perf_counter() - exchange.began
        if _route_path(scope) not in self._open_paths:  # probes would drown the latencies of real work
            self._metrics.exchange(status, error or "ok", seconds)
        if self._log is not None:
            client = scope.get("client")
            self._log.write(
                method=scope["method"],
                path=scope["path"],
                status=status,
                seconds=seconds,
                bytes_in=exchange.bytes_in,
                bytes_out=exchange.bytes_out,
                request_id=exchange.request_id,
                error=error,
                client=client[0] if client else None,
            )


def _route_path(scope: Scope) -> str:
    """The path below the base path, by the same rule that Starlette's router uses to match."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if root and path.startswith(root) and path[len(root) : len(root) + 1] in ("", "/"):
        return path[len(root) :]
    return path
