"""OCR behind the Engine contract: a document becomes pages, pages of many requests are read together, per backend."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from deployments.ocr.backends.backend import OcrBackend
from deployments.ocr.choice import choose
from deployments.ocr.page import Page
from deployments.ocr.reading_order import reading_order
from deployments.ocr.types import OcrRequest, OcrResult, PageText
from deployments.serving import images, media
from deployments.serving.engine import BackendStatus, ModelCard
from deployments.serving.errors import BackendMissing, EngineFailed, InvalidInput, SensoriumError
from deployments.serving.media import MediaPolicy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_log = logging.getLogger(__name__)


class OcrEngine:
    """Implements `serving.engine.Engine[OcrRequest, Page, PageText, OcrResult]`.

    Args:
        backends: loaded ones, in order of preference: the first that reads a language is its default.
        policy: limits on the documents.
        status: every configured backend for the card, those that did not load included.
        device: what the card names.
    """

    def __init__(
        self,
        backends: Sequence[OcrBackend],
        policy: MediaPolicy | None = None,
        *,
        status: Sequence[BackendStatus] = (),
        device: str = "cpu",
    ) -> None:
        if not backends:
            raise BackendMissing("no OCR backend is loaded; see the reasons in /health")
        self._backends = {backend.name: backend for backend in backends}
        self._policy = policy or MediaPolicy()
        first = backends[0]
        self._card = ModelCard(
            model=first.model(first.languages[0]),
            backend=first.name,
            version=first.version,
            device=device,
            languages=tuple(dict.fromkeys(name for backend in backends for name in backend.languages)),
            backends=tuple(status) or tuple(BackendStatus(b.name, True, b.model(b.languages[0])) for b in backends),
            notes={f"library.{backend.name}": backend.library for backend in backends},
        )

    @property
    def card(self) -> ModelCard:
        return self._card

    def prepare(self, request: OcrRequest) -> list[Page]:
        """Raises: see `media.read`, `images.decode` and `choice.choose`; InvalidInput for a threshold outside 0..1."""
        options = request.options
        threshold = options.confidence_threshold
        if not 0 <= threshold <= 1:
            raise InvalidInput(
                f"confidence_threshold must be from 0 to 1, not {threshold}", field="confidence_threshold"
            )
        backend, language = choose(self._backends, options)
        started = time.perf_counter()
        arrays = images.decode(media.read(request.source, self._policy), self._policy, request.pages)
        decode_ms = 1000 * (time.perf_counter() - started)
        return [
            Page(array, backend.name, language, options.use_angle_cls, number, decode_ms)
            for number, array in enumerate(arrays, request.pages.start if request.pages else 0)
        ]

    def cost(self, unit: Page) -> int:
        """Pixels."""
        return unit.width * unit.height

    def infer(self, units: Sequence[Page]) -> list[PageText | Exception]:
        outcomes: list[PageText | Exception] = [EngineFailed("not run")] * len(units)
        for name, backend in self._backends.items():
            own = [index for index, unit in enumerate(units) if unit.backend == name]
            if own:
                for index, outcome in zip(own, _read(backend, [units[i] for i in own]), strict=True):
                    outcomes[index] = outcome
        return outcomes

    def assemble(self, request: OcrRequest, units: Sequence[Page], outcomes: Sequence[PageText]) -> OcrResult:
        backend, language = choose(self._backends, request.options)
        kept = []
        for unit, text in zip(units, outcomes, strict=True):
            certain = (box for box in text.boxes if box.confidence >= request.options.confidence_threshold)
            kept += [replace(box, page=unit.number) for box in reading_order(certain)]
        return OcrResult(
            text_boxes=tuple(kept),
            pages=tuple((unit.width, unit.height) for unit in units),
            backend=backend.name,
            model=backend.model(language),
            language=language,
            timings_ms={
                "decode": round(units[0].decode_ms, 2) if units else 0.0,
                "inference": round(sum(text.inference_ms for text in outcomes), 2),
            },
        )

    def warm_up(self) -> None:
        """Reads one drawn line with every model of every backend, so that each has loaded what it needs."""
        image = _warm_up_image()
        for backend in self._backends.values():
            one_language_each = {backend.model(name): name for name in reversed(backend.languages)}
            for language in one_language_each.values():
                for outcome in backend.read([Page(image, backend.name, language)]):
                    if isinstance(outcome, Exception):
                        raise outcome

    def close(self) -> None:
        for backend in self._backends.values():
            backend.close()


def _read(backend: OcrBackend, pages: Sequence[Page]) -> list[PageText | Exception]:
    """All pages at once; if that raises, each by itself, so that only the culprits fail."""
    started = time.perf_counter()
    outcomes: Sequence[PageText | Exception] | None = None
    try:
        outcomes = backend.read(pages)
    except Exception as error:  # noqa: BLE001  (a model library may raise anything; here it becomes a value)
        if len(pages) == 1:
            _log.warning("%s failed on %d x %d pixels", backend.name, pages[0].width, pages[0].height, exc_info=error)
            outcomes = [error]
    if outcomes is None:
        return [outcome for page in pages for outcome in _read(backend, [page])]
    spent = 1000 * (time.perf_counter() - started)
    pixels = sum(page.width * page.height for page in pages)
    return [
        replace(outcome, inference_ms=spent * page.width * page.height / pixels)
        if isinstance(outcome, PageText)
        else _as_failure(backend, outcome)
        for page, outcome in zip(pages, outcomes, strict=True)
    ]


def _as_failure(backend: OcrBackend, error: Exception) -> SensoriumError:
    if isinstance(error, SensoriumError):
        return error
    return EngineFailed(f"{backend.name} could not read this page ({type(error).__name__})", backend=backend.name)


def _warm_up_image() -> NDArray[np.uint8]:
    import numpy as np
    from PIL import Image, ImageDraw

    page = Image.new("RGB", (640, 160), "white")
    ImageDraw.Draw(page).text((20, 50), "Warm-up 123", fill="black", font_size=48)
    return np.asarray(page)
