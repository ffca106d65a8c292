"""The speech service over ASGI, on loaded engines."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI

from deployments.serving.batching import Batching
from deployments.serving.engine import BackendStatus
from deployments.serving.runner import EngineRunner
from deployments.speech.engine import SpeechEngine
from deployments.speech.routes import build_router
from deployments.speech.types import ChunkTranscript, SpeechChunk, SpeechLimits, SpeechRequest, SpeechResult
from deployments.web.app import create_app
from deployments.web.health import Health
from deployments.web.settings import WebSettings

NOT_LOADED = BackendStatus("faster-whisper", loaded=False, reason="no model folder at /models/turbo")


class Lent:
    """An engine that other tests use too: closing the runner leaves it open."""

    def __init__(self, engine: SpeechEngine) -> None:
        self._engine = engine
        self.card = engine.card
        self.batches: list[int] = []

    def prepare(self, request: SpeechRequest) -> Sequence[SpeechChunk]:
        return self._engine.prepare(request)

    def cost(self, unit: SpeechChunk) -> int:
        return self._engine.cost(unit)

    def infer(self, units: Sequence[SpeechChunk]) -> Sequence[ChunkTranscript | Exception]:
        self.batches.append(len(units))
        return self._engine.infer(units)

    def assemble(
        self, request: SpeechRequest, units: Sequence[SpeechChunk], outcomes: Sequence[ChunkTranscript]
    ) -> SpeechResult:
        return self._engine.assemble(request, units, outcomes)

    def warm_up(self) -> None: ...

    def close(self) -> None: ...


class HealthOf:
    def health(self) -> Health:
        return Health(status="ready")


@asynccontextmanager
async def serving(
    engines: Mapping[str, SpeechEngine | Lent],
    *,
    limits: SpeechLimits | None = None,
    batching: Batching | None = None,
    **settings: Any,
) -> AsyncIterator[FastAPI]:
    """The app, its runners started; the first engine is the default."""
    runners: dict[str, EngineRunner[SpeechRequest, SpeechResult]] = {}
    for name, engine in engines.items():
        lent = engine if isinstance(engine, Lent) else Lent(engine)
        runners[name] = EngineRunner(lambda lent=lent: lent, batching or Batching())  # type: ignore[misc]
        await runners[name].start()
    statuses = [*(BackendStatus(name, loaded=True) for name in engines), NOT_LOADED]
    try:
        yield create_app(
            service="speech",
            title="Speech",
            version="0",
            routers=[build_router(runners, lambda: statuses, limits or SpeechLimits())],
            health=HealthOf(),
            settings=WebSettings(access_log=False, **settings),
        )
    finally:
        for runner in runners.values():
            await runner.close()


def client_of(app: FastAPI) -> httpx.AsyncClient:
    """As Ray Serve does it: the base path is part of the path too."""
    transport = httpx.ASGITransport(app, root_path="/speech")
    return httpx.AsyncClient(transport=transport, base_url="http://test/speech", timeout=60)


def events(body: str) -> list[dict[str, Any]]:
    """Data of server-sent events, by the rules of html.spec.whatwg.org: blocks between empty lines."""
    blocks = [block for block in body.split("\n\n") if block and not block.startswith(":")]
    assert all(block.startswith("data: ") and "\n" not in block for block in blocks)
    found: list[dict[str, Any]] = [json.loads(block.removeprefix("data: ")) for block in blocks]
    return found
