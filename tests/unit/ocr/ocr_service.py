"""The OCR service's HTTP face on a fake model and a real SQLite store, spoken to without a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from deployments.ocr.limits import OcrLimits
from deployments.ocr.routes import build_router
from deployments.ocr.store.execution_store import ExecutionStore
from deployments.ocr.store.open_store import open_store
from deployments.ocr.store.records import ExecutionFilter, StoredExecution
from deployments.web.app import create_app
from deployments.web.health import Health
from deployments.web.settings import WebSettings
from tests.unit.ocr.fake_runner import FakeRunner

LIMITS = OcrLimits(max_images=10, max_file_bytes=2 * 2**20, parallel_images=4)


class Ready:
    def health(self) -> Health:
        return Health("ready")


@dataclass(frozen=True, slots=True)
class Service:
    http: httpx.AsyncClient
    runner: FakeRunner
    store: ExecutionStore

    async def rows(self) -> list[StoredExecution]:
        """Every stored execution with its boxes, in the order of storing."""
        page = await self.store.find(ExecutionFilter(), limit=1000)
        return [await self.store.get(row.id) for row in reversed(page.executions)]

    async def extract(self, **body: Any) -> httpx.Response:
        return await self.http.post("/extract_text", **body)

    async def extract_batch(self, **body: Any) -> httpx.Response:
        return await self.http.post("/extract_text_batch", **body)


@asynccontextmanager
async def running_service(
    folder: Path, limits: OcrLimits = LIMITS, store: ExecutionStore | None = None
) -> AsyncIterator[Service]:
    runner = FakeRunner()
    if store is None:
        store = await open_store(f"sqlite:///{folder}/ocr.db")
    app = create_app(
        service="ocr",
        title="OCR",
        version="0",
        routers=[build_router(runner, store, limits)],
        health=Ready(),
        settings=WebSettings(access_log=False),
    )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://ocr") as http:
        yield Service(http, runner, store)
    await store.close()
