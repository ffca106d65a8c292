"""Container numbers inside this process, without Ray: the service for `sensorium container` where none is running, and
OCR as a reader to compare fine-tuned models with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from deployments.container_number.crop_requests import ContainerNumberConfig, CropRequest, CropResult
from deployments.ocr.loading import OcrConfig
from deployments.ocr.types import OcrRequest, OcrResult
from deployments.serving.batching import Batching
from deployments.serving.engine import ModelCard, OnOutcome
from deployments.web.health import Health

if TYPE_CHECKING:
    from deployments.client import AsyncSensorium
    from deployments.ocr.engine import OcrEngine


@asynccontextmanager
async def local_client(
    model: ContainerNumberConfig | None = None, ocr: OcrConfig | None = None
) -> AsyncIterator[AsyncSensorium]:
    """A client of a container-number service that lives as long as this context, both models loaded.

    Raises:
        SensoriumError: a model does not load.
    """
    import httpx
    from starlette.applications import Starlette
    from starlette.routing import Mount

    from deployments.client import AsyncSensorium
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
        root = Starlette(routes=[Mount("/container-number", app)])
        transport = httpx.ASGITransport(root, raise_app_exceptions=False)
        async with AsyncSensorium("http://here", transport=transport) as client:
            yield client
    finally:
        await crops.close()
        await texts.close()


class _Ready:
    def __init__(self, card: ModelCard) -> None:
        self._card = card

    def health(self) -> Health:
        return Health.of_card(self._card)


def ocr_crop_reader(config: OcrConfig | None = None) -> Callable[[Sequence[Path]], list[tuple[str, float]]]:
    """OCR as a reader of labelled crops, to set beside Florence-2 in a fine-tuning report: pictures in, for each the
    text that its number was made of (all text, where there was no number) and OCR's confidence, 0..1."""
    from deployments.container_number.framing import framed
    from deployments.container_number.ocr_reader import find_numbers
    from deployments.ocr.loading import load_engine as load_ocr
    from deployments.ocr_text_finder import OcrTextFinder
    from deployments.serving.media import MediaPolicy

    finder = OcrTextFinder(_Direct(load_ocr(config or OcrConfig())))

    def read(picture: Path) -> tuple[str, float]:
        data = picture.read_bytes()
        crop = framed(data, MediaPolicy())
        texts = asyncio.run(finder.find(crop.data if crop else data)).texts
        numbers = find_numbers(texts)
        if numbers:
            return numbers[0].reading.text, numbers[0].reading.confidence
        return " ".join(text.text for text in texts), min((text.confidence for text in texts), default=0.0)

    return lambda pictures: [read(picture) for picture in pictures]


class _Direct:
    """A Runner of one caller: no batching, no threads."""

    def __init__(self, engine: OcrEngine) -> None:
        self._engine = engine

    @property
    def card(self) -> ModelCard:
        return self._engine.card

    async def run(self, request: OcrRequest, on_outcome: OnOutcome | None = None) -> OcrResult:
        units = self._engine.prepare(request)
        pages = []
        for outcome in self._engine.infer(units):
            if isinstance(outcome, Exception):
                raise outcome
            pages.append(outcome)
        return self._engine.assemble(request, units, pages)
