"""The container-number service inside this process, without Ray: for `sensorium container` where none is running."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

from deployments.container_number.crop_requests import ContainerNumberConfig, CropRequest, CropResult
from deployments.ocr.loading import OcrConfig
from deployments.ocr.types import OcrRequest, OcrResult
from deployments.serving.batching import Batching
from deployments.serving.engine import ModelCard
from deployments.web.health import Health

if TYPE_CHECKING:
    import httpx


@asynccontextmanager
async def local_client(
    model: ContainerNumberConfig | None = None, ocr: OcrConfig | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of a container-number service that lives as long as this context, both models loaded.

    Raises:
        SensoriumError: a model does not load.
    """
    import httpx

    from deployments.container_number.adapter_folder import AdapterFolder
    from deployments.container_number.engine import adapter_root, load_engine
    from deployments.container_number.routes import build_router
    from deployments.ocr.loading import load_engine as load_ocr
    from deployments.ocr_text_finder import OcrTextFinder
    from deployments.serving.runner import EngineRunner
    from deployments.web.app import create_app
    from deployments.web.settings import WebSettings

    config = model or ContainerNumberConfig()
    crops: EngineRunner[CropRequest, CropResult] = EngineRunner(partial(load_engine, config), Batching())
    texts: EngineRunner[OcrRequest, OcrResult] = EngineRunner(partial(load_ocr, ocr or OcrConfig()), Batching())
    await crops.start()
    await texts.start()
    card = crops.card
    adapters = AdapterFolder(adapter_root(config), str(card.notes["weights_sha256"]), card.model)
    app = create_app(
        service="container-number",
        title="Sensorium container numbers",
        version=version("sensorium"),
        routers=[build_router(crops, OcrTextFinder(texts), adapters, config.policy)],
        health=_Ready(card),
        settings=WebSettings(access_log=False, request_timeout_s=None),
    )
    try:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://here", timeout=3600
        ) as client:
            yield client
    finally:
        await crops.close()
        await texts.close()


class _Ready:
    def __init__(self, card: ModelCard) -> None:
        self._card = card

    def health(self) -> Health:
        return Health.of_card(self._card)
