"""Closed-loop HTTP load from one process: N keep-alive clients over raw asyncio streams.

A general HTTP client spends more CPU per request than the service under test does; this one spends about 60 us, so
that on a small machine the figure is the service's.
"""

from __future__ import annotations

import asyncio
import ssl
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

_PAUSE_S = 0.2
"""After a connection that failed: one must not count thousands of refusals a second."""


@dataclass(frozen=True, slots=True)
class LoadResult:
    requests: int
    """Answered with 2xx."""
    seconds: float
    latencies_s: tuple[float, ...]
    failures: tuple[str, ...]
    """First line of each response that was not 2xx, and what became of each connection that failed."""

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds

    @property
    def p50_ms(self) -> float:
        return self.percentile_ms(50)

    @property
    def p99_ms(self) -> float:
        return self.percentile_ms(99)

    def percentile_ms(self, percent: int) -> float:
        """Of the latencies of what succeeded, at least one, as `statistics.quantiles` interpolates."""
        if len(self.latencies_s) < 2:
            return sum(self.latencies_s) * 1000
        return statistics.quantiles(self.latencies_s, n=100, method="inclusive")[percent - 1] * 1000


def request_bytes(url: str, body: bytes, content_type: str = "application/json", api_key: str = "") -> bytes:
    """One complete HTTP/1.1 POST."""
    parts = urlsplit(url)
    head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: {content_type}\r\n"
    if api_key:
        head += f"Authorization: Bearer {api_key}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def run(url: str, requests: Sequence[bytes], clients: int, seconds: float) -> LoadResult:
    """`clients` connections send `requests` in turn, each waiting for its answer, for `seconds`."""
    return asyncio.run(load(url, requests, clients, seconds))


async def load(
    url: str,
    requests: Sequence[bytes],
    clients: int,
    seconds: float,
    patience_s: float = 60.0,
) -> LoadResult:
    """As `run`, inside a loop; a connection that breaks is opened again.

    Args:
        patience_s: for answers that are still out at the end; those that do not come by then are failures.
    """
    latencies: list[float] = []
    failures: list[str] = []
    began = time.perf_counter()
    deadline = began + seconds

    async def client(number: int) -> None:
        turn = number
        while time.perf_counter() < deadline:
            try:
                reader, writer = await _open(url)
                try:
                    while time.perf_counter() < deadline:
                        sent = time.perf_counter()
                        writer.write(requests[turn % len(requests)])
                        status, closing = await _answer(reader)
                        turn += clients
                        if status[9:10] == "2":
                            latencies.append(time.perf_counter() - sent)
                        else:
                            failures.append(status)
                        if closing:
                            break
                finally:
                    writer.close()
            except (OSError, EOFError, ValueError) as error:  # refused, reset, cut off, not HTTP
                failures.append(f"{type(error).__name__}: {error}")
                await asyncio.sleep(_PAUSE_S)

    tasks = [asyncio.create_task(client(number)) for number in range(clients)]
    done, late = await asyncio.wait(tasks, timeout=seconds + patience_s)
    for task in late:
        task.cancel()
        failures.append(f"no answer {patience_s:g} s after the end")
    await asyncio.gather(*late, return_exceptions=True)
    for task in done:
        task.result()
    return LoadResult(len(latencies), time.perf_counter() - began, tuple(latencies), tuple(failures))


async def _open(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    context = ssl.create_default_context() if secure else None
    return await asyncio.open_connection(parts.hostname, parts.port or (443 if secure else 80), ssl=context)


async def _answer(reader: asyncio.StreamReader) -> tuple[str, bool]:
    """The first line of a response that has been read whole, and whether the server closes the connection.

    Raises:
        OSError, EOFError: the connection broke.
        ValueError: a response without a length.
    """
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    fields = head.lower()
    _, found, rest = fields.partition("\r\ncontent-length:")
    if not found:
        raise ValueError("the response has no Content-Length")
    await reader.readexactly(int(rest.split("\r\n")[0]))
    return head.split("\r\n")[0], "\r\nconnection: close" in fields
