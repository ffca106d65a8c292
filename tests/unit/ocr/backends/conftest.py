"""Real backends, each loaded once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from deployments.ocr.backends.backend import OcrBackend
from deployments.ocr.backends.paddleocr import PaddleOcr, PaddleOcrOptions
from deployments.ocr.backends.rapidocr_openvino import RapidOcrOpenVino, RapidOcrOptions
from deployments.ocr.page import Page
from deployments.ocr.reading_order import reading_order
from deployments.ocr.types import PageText
from deployments.serving.images import decode
from deployments.serving.media import MediaPolicy
from tests.assets.ocr.draw_samples import SAMPLES

PICTURES = Path(__file__).parents[5] / "shared" / "data"


@pytest.fixture(scope="package")
def rapidocr() -> Iterator[RapidOcrOpenVino]:
    backend = RapidOcrOpenVino(RapidOcrOptions(), threads=1)
    yield backend
    backend.close()


@pytest.fixture(scope="package")
def paddleocr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PaddleOcr]:
    backend = PaddleOcr(PaddleOcrOptions(), threads=1, cache_dir=str(tmp_path_factory.mktemp("cache")))
    yield backend
    backend.close()


@pytest.fixture(scope="package")
def sample() -> Callable[[str], list[NDArray[np.uint8]]]:
    """The pages of a file in `samples/`."""
    return lambda name: decode((SAMPLES / name).read_bytes(), MediaPolicy(pdf_dpi=120))


@pytest.fixture(scope="package")
def picture() -> Callable[[str], NDArray[np.uint8]]:
    """A photograph that no one here made; see the README beside them."""

    def load(name: str) -> NDArray[np.uint8]:
        if not (PICTURES / name).is_file():
            pytest.skip(f"{PICTURES / name} is not at hand")
        return decode((PICTURES / name).read_bytes(), MediaPolicy())[0]

    return load


def read(backend: OcrBackend, *pages: Page) -> list[PageText]:
    outcomes = backend.read(pages)
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
    return [outcome for outcome in outcomes if isinstance(outcome, PageText)]


def page(image: NDArray[np.uint8], language: str = "en", *, use_angle_cls: bool = True) -> Page:
    return Page(image, "any", language, use_angle_cls)


def texts(found: PageText) -> list[str]:
    return [box.text for box in reading_order(found.boxes)]
