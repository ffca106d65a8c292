"""Asking the services how they are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Protocol

import httpx
from pydantic import ValidationError

from deployments.front.types import ServiceEntry, ServiceReport
from deployments.web.health import HealthBody


class Probe(Protocol):
    """A way to look at a service."""

    async def look(self, entry: ServiceEntry) -> ServiceReport:
        """What `entry` says about itself. Raises nothing: a failure to reach it is a report."""
        ...

    async def aclose(self) -> None:
        """Free what the probe holds."""
        ...


class HttpProbe:
    """Asks `base_url` + base path + `/health`, with `timeout_s` seconds for all of it.

    On a cluster `base_url` is the Serve port of the node that the front runs on, e.g. `http://127.0.0.1:8000`.
    """

    def __init__(self, base_url: str, timeout_s: float = 2.0) -> None:
        self._base_url = base_url.rstrip("/")
        self._timeout_s = timeout_s
        self._client: httpx.AsyncClient | None = None

    async def look(self, entry: ServiceEntry) -> ServiceReport:
        if self._client is None:  # made here, in the loop that uses it; a proxy in the environment is not for this
            self._client = httpx.AsyncClient(timeout=self._timeout_s, trust_env=False)
        url = f"{self._base_url}{entry.base_path}/health"
        try:
            async with asyncio.timeout(self._timeout_s):
                response = await self._client.get(url)
        except (TimeoutError, httpx.TimeoutException):
            reason = f"no answer within {self._timeout_s:g} s: it is starting, or too busy to answer"
            return ServiceReport(entry, "unreachable", reason)
        except httpx.HTTPError as error:
            return ServiceReport(entry, "unreachable", f"{url} cannot be reached: {error or type(error).__name__}")
        try:
            health = HealthBody.model_validate_json(response.content)
        except ValidationError:
            reason = f"not running (yet): {url} answered {response.status_code} without a health report"
            return ServiceReport(entry, "unreachable", reason)
        return ServiceReport(entry, health.status, health.reason, health)

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None


class HealthBoard:
    """All services at a glance: asked in parallel, and at most once in `fresh_s` seconds however many look."""

    def __init__(self, entries: Sequence[ServiceEntry], probe: Probe, fresh_s: float = 1.0) -> None:
        self._entries = tuple(entries)
        self._probe = probe
        self._fresh_s = fresh_s
        self._lock = asyncio.Lock()
        self._seen: tuple[ServiceReport, ...] = ()
        self._seen_at = float("-inf")

    async def look(self) -> tuple[ServiceReport, ...]:
        """One report per service, in the order of the entries, not older than `fresh_s`."""
        async with self._lock:
            if time.monotonic() - self._seen_at > self._fresh_s:
                self._seen = tuple(await asyncio.gather(*(self._probe.look(entry) for entry in self._entries)))
                self._seen_at = time.monotonic()
            return self._seen
