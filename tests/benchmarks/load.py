"""Closed-loop HTTP load from one process: N keep-alive clients over raw asyncio streams.

A general HTTP client spends more CPU per request than the service under test does; this one spends about 60 us, so
that on a small machine the figure is the service's.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class LoadResult:
    requests: int
    seconds: float
    latencies_s: tuple[float, ...]
    failures: tuple[str, ...]
    """First line of each response that was not 2xx."""

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds

    @property
    def p50_ms(self) -> float:
        return statistics.median(self.latencies_s) * 1000

    @property
    def p99_ms(self) -> float:
        return statistics.quantiles(self.latencies_s, n=100)[98] * 1000


def request_bytes(url: str, body: bytes, content_type: str = "application/json") -> bytes:
    """One complete HTTP/1.1 POST."""
    parts = urlsplit(url)
    head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: {content_type}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def run(url: str, requests: Sequence[bytes], clients: int, seconds: float) -> LoadResult:
    """`clients` connections send `requests` in turn, each waiting for its answer, for `seconds`."""
    return asyncio.run(_run(url, lambda i: requests[i % len(requests)], clients, seconds))


async def _run(url: str, request: Callable[[int], bytes], clients: int, seconds: float) -> LoadResult:
    parts = urlsplit(url)
    latencies: list[float] = []
    failures: list[str] = []
    began = time.perf_counter()
    deadline = began + seconds

    async def client(number: int) -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        turn = number
        while time.perf_counter() < deadline:
            sent = time.perf_counter()
            writer.write(request(turn))
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            if head[9:10] == b"2":
                latencies.append(time.perf_counter() - sent)
            else:
                failures.append(head.split(b"\r\n")[0].decode())
            turn += clients
        writer.close()

    await asyncio.gather(*(client(number) for number in range(clients)))
    return LoadResult(len(latencies), time.perf_counter() - began, tuple(latencies), tuple(failures))
