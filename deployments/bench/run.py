"""One service after the other under load, and the figures."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from deployments.bench.load import LoadResult, load, request_bytes
from deployments.bench.samples import Load, load_of
from deployments.cli.exit_status import FAILED, CommandFailed, complain
from deployments.cli.output import Output
from deployments.cli.server import connected, server_url

if TYPE_CHECKING:
    from rich.table import Table

    from deployments.client import AsyncSensorium

_MOST_KINDS = 3


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one service."""

    service: str
    clients: int
    seconds: float
    requests: int
    """Answered with 2xx."""
    requests_per_second: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    longest_ms: float
    failed: int
    failures: dict[str, int]
    """Kind of failure to how often."""

    @classmethod
    def of(cls, service: str, clients: int, result: LoadResult) -> Figures:
        some = bool(result.latencies_s)
        p50, p90, p99 = (round(result.percentile_ms(percent), 2) if some else 0.0 for percent in (50, 90, 99))
        return cls(
            service=service,
            clients=clients,
            seconds=round(result.seconds, 3),
            requests=result.requests,
            requests_per_second=round(result.per_second, 2),
            p50_ms=p50,
            p90_ms=p90,
            p99_ms=p99,
            longest_ms=round(max(result.latencies_s, default=0.0) * 1000, 2),
            failed=len(result.failures),
            failures=dict(Counter(result.failures).most_common(_MOST_KINDS)),
        )


async def measure_all(
    services: Sequence[str],
    clients: int | None,
    seconds: float,
    files: Sequence[Path],
    language: str,
    *,
    url: str,
    api_key: str,
    output: Output,
) -> bool:
    """Print the figures of every service; whether a request failed.

    Raises:
        CommandFailed: a service is not there, refuses its sample, or there are no samples.
    """
    loads = {service: load_of(service, files, language) for service in services}
    address = server_url(url).rstrip("/")
    done: list[Figures] = []
    for service, wanted in loads.items():
        async with connected(address, api_key, wanted.service) as client:
            await _try(service, wanted, client)
        at_once = clients or wanted.clients
        requests = [request_bytes(*parts, api_key) for parts in _bodies(wanted, address)]
        with _clock(f"{service}, {at_once} clients", seconds):
            result = await load(address, requests, at_once, seconds)
        figures = Figures.of(service, at_once, result)
        done.append(figures)
        for failure, count in figures.failures.items():
            complain(f"{service}: {count} times {failure}")
        if output.json:
            output.record(asdict(figures))
    if not output.json:
        output.show(_table(done))
    return any(figures.failed for figures in done)


async def _try(service: str, wanted: Load, client: AsyncSensorium) -> None:
    """Every request once: warms the server up, and shows what it thinks of the input."""
    from deployments.client import ClientError

    for call in wanted.calls:
        try:
            await client.send(call)
        except (ClientError, OSError) as error:
            raise CommandFailed(f"{service}: {error}", FAILED) from error


def _bodies(wanted: Load, address: str) -> Iterator[tuple[str, bytes, str]]:
    """URL, body and content type of every call, as httpx makes them for the client."""
    for call in wanted.calls:
        with call.sendable("bench") as arguments:
            request = httpx.Request(
                "POST",
                f"{address}{call.path}",
                **{name: arguments[name] for name in ("json", "data", "files") if name in arguments},
            )
            yield str(request.url), request.read(), request.headers["content-type"]


@contextmanager
def _clock(what: str, seconds: float) -> Iterator[None]:
    """A bar that runs as long as the measurement, on a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=seconds)

        async def tick() -> None:
            while True:
                await asyncio.sleep(0.5)
                bar.advance(task, 0.5)

        ticking = asyncio.get_running_loop().create_task(tick())
        try:
            yield
        finally:
            ticking.cancel()


def _table(rows: Sequence[Figures]) -> Table:
    from rich.table import Table

    grid = Table(box=None, header_style="dim")
    grid.add_column("service")
    for name in ("clients", "requests/s", "p50 ms", "p90 ms", "p99 ms", "longest ms", "requests", "failed"):
        grid.add_column(name, justify="right")
    for row in rows:
        grid.add_row(
            row.service,
            str(row.clients),
            f"[bold]{row.requests_per_second:,.1f}[/]",
            *(f"{value:,.0f}" if value >= 10 else f"{value:.1f}" for value in (row.p50_ms, row.p90_ms, row.p99_ms)),
            f"{row.longest_ms:,.0f}",
            f"{row.requests:,}",
            f"[red]{row.failed:,}[/]" if row.failed else "0",
        )
    return grid
