"""The container-number service's HTTP face on real models, spoken to without a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from deployments.container_number.adapter_folder import AdapterFolder
from deployments.container_number.crop_requests import CropRequest, CropResult
from deployments.container_number.engine import ContainerNumberEngine
from deployments.container_number.found_text import TextFinder
from deployments.container_number.limits import ContainerNumberLimits
from deployments.container_number.routes import build_router
from deployments.serving.batching import Batching
from deployments.serving.engine import Engine, ModelCard, OnOutcome
from deployments.serving.media import MediaPolicy
from deployments.serving.runner import EngineRunner
from deployments.web.app import create_app
from deployments.web.health import Health
from deployments.web.settings import WebSettings


class DirectRunner:
    """A Runner without batching: each request goes through the four verbs alone."""

    def __init__(self, engine: Engine[Any, Any, Any, Any]) -> None:
        self._engine = engine

    @property
    def card(self) -> ModelCard:
        return self._engine.card

    async def run(self, request: Any, on_outcome: OnOutcome | None = None) -> Any:
        units = self._engine.prepare(request)
        outcomes = self._engine.infer(units)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome
        return self._engine.assemble(request, units, outcomes)


@dataclass(frozen=True, slots=True)
class ContainerService:
    http: httpx.AsyncClient
    media: Path

    async def read(self, *images: bytes, **fields: str) -> httpx.Response:
        files = [("files", (f"{number}.png", image)) for number, image in enumerate(images)]
        return await self.http.post("/read", files=files, data=fields)

    async def numbers(self, image: bytes, **fields: str) -> list[dict[str, Any]]:
        """What one image that can be read holds."""
        reply = await self.read(image, **fields)
        assert reply.status_code == 200, reply.text
        [result] = reply.json()["results"]
        assert result["status"] == "success", result
        numbers: list[dict[str, Any]] = result["numbers"]
        return numbers


@asynccontextmanager
async def running_service(
    engine: ContainerNumberEngine,
    text_finder: TextFinder | None,
    media: Path,
    limits: ContainerNumberLimits | None = None,
    batching: Batching | None = None,
) -> AsyncIterator[ContainerService]:
    runner: EngineRunner[CropRequest, CropResult] = EngineRunner(lambda: engine, batching or Batching())
    await runner.start()

    class Ready:
        def health(self) -> Health:
            return Health.of_card(runner.card)

    card = engine.card
    folder = AdapterFolder(Path(str(card.notes["adapter_folder"])), str(card.notes["weights_sha256"]), card.model)
    app = create_app(
        service="container-number",
        title="Container numbers",
        version="0",
        routers=[build_router(runner, text_finder, folder, MediaPolicy(media_roots=(str(media),)), limits)],
        health=Ready(),
        settings=WebSettings(access_log=False),
    )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://container", timeout=60) as http:
        yield ContainerService(http, media)
    await runner.close()
