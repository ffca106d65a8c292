"""Constant load on services by plain HTTP clients and by our SDK, and what became of every request."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import httpx

from deployments.client import AsyncSensorium

#: Seconds between one client's answer and its next request: an open tap, not a closed loop, so that refusals, which
#: come at once, do not outnumber the answers.
PAUSE_S = 0.2
#: Of one attempt, by HTTP or SDK. Long, because a replica may do the work of two on half a core.
PATIENCE_S = 150.0


class Outcome(StrEnum):
    """How one request ended."""

    OK = "ok"
    TYPED = "typed error"
    """5xx with our JSON envelope."""
    CLOSED = "closed"
    """The connection ended without an answer, or there was nobody to connect to."""
    UNTYPED = "untyped error"
    """Anything else that is no success: never acceptable."""
    LATE = "no answer"
    """Nothing within `PATIENCE_S`: never acceptable."""


@dataclass(frozen=True, slots=True)
class Failure:
    at: float
    """`time.monotonic()` when it was known."""
    outcome: Outcome
    reason: str


@dataclass(slots=True)
class Report:
    """Of all requests of one kind."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    longest_s: float = 0.0
    last_ok: float = 0.0

    def note(self, began: float, outcome: Outcome, reason: str = "") -> None:
        now = time.monotonic()
        self.outcomes[outcome] += 1
        if outcome is Outcome.OK:
            self.last_ok = now
            self.longest_s = max(self.longest_s, now - began)
        else:
            self.failures.append(Failure(now, outcome, reason))

    def recovered_after(self, event: float) -> float:
        """Seconds from `event` to the last failure: from then on everything was answered. 0 if nothing failed."""
        return max((failure.at - event for failure in self.failures), default=0.0)

    def reasons(self, outcome: Outcome) -> Counter[str]:
        return Counter(failure.reason for failure in self.failures if failure.outcome is outcome)


Send = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Sample:
    """One kind of request: as plain HTTP, and the same through the SDK."""

    name: str
    path: str
    request: Mapping[str, Any]
    """Arguments of httpx's `post`."""
    call: Callable[[AsyncSensorium], Awaitable[Any]]
    clients: int = 2


@asynccontextmanager
async def constant_load(url: str, samples: Iterable[Sample]) -> AsyncIterator[dict[str, Report]]:
    """While the block runs, `clients` plain clients and one SDK client send each sample; its end awaits the last.

    Yields:
        name of the sample -> what became of its plain requests, and `"<name> sdk"` of the SDK's.
    """
    samples = list(samples)
    reports = {name: Report() for sample in samples for name in (sample.name, f"{sample.name} sdk")}
    stop = asyncio.Event()
    async with AsyncExitStack() as closing:
        sdk = await closing.enter_async_context(AsyncSensorium(url))
        tasks = []
        for sample in samples:
            tasks.append(_repeat(stop, _through_sdk(sdk, sample), reports[f"{sample.name} sdk"]))
            for _ in range(sample.clients):
                http = await closing.enter_async_context(httpx.AsyncClient(base_url=url, timeout=PATIENCE_S))
                tasks.append(_repeat(stop, _through_http(http, sample), reports[sample.name]))
        running = asyncio.gather(*tasks)
        try:
            yield reports
        finally:
            stop.set()
            await running


async def _repeat(stop: asyncio.Event, send: Callable[[], Awaitable[tuple[Outcome, str]]], report: Report) -> None:
    while not stop.is_set():
        began = time.monotonic()
        outcome, reason = await send()
        report.note(began, outcome, reason)
        await asyncio.sleep(PAUSE_S)


def _through_http(http: httpx.AsyncClient, sample: Sample) -> Callable[[], Awaitable[tuple[Outcome, str]]]:
    async def send() -> tuple[Outcome, str]:
        try:
            answer = await http.post(sample.path, **sample.request)
        except httpx.TimeoutException as error:
            return Outcome.LATE, type(error).__name__
        except httpx.TransportError as error:
            return Outcome.CLOSED, type(error).__name__
        return _outcome_of(answer)

    return send


def _outcome_of(answer: httpx.Response) -> tuple[Outcome, str]:
    if answer.is_success:
        return Outcome.OK, ""
    try:
        error = answer.json()["error"]
        code, typed = error["code"], answer.status_code >= 500 and bool(error["code"] and error["message"])
    except (ValueError, KeyError, TypeError):
        code, typed = answer.text[:80], False
    return (Outcome.TYPED if typed else Outcome.UNTYPED), f"{answer.status_code} {code}"


def _through_sdk(sdk: AsyncSensorium, sample: Sample) -> Callable[[], Awaitable[tuple[Outcome, str]]]:
    async def send() -> tuple[Outcome, str]:
        try:
            await sample.call(sdk)
        except Exception as error:  # noqa: BLE001 - whatever a caller would have seen
            return Outcome.UNTYPED, f"{type(error).__name__}: {error}"
        return Outcome.OK, ""

    return send
