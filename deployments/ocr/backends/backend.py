"""What an OCR library must offer to stand behind the engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from deployments.ocr.page import Page
from deployments.ocr.types import PageText


class OcrBackend(Protocol):
    """One loaded library. Constructed, used and closed in the engine's one thread."""

    @property
    def name(self) -> str:
        """What a request's `backend` calls it, e.g. `rapidocr`."""
        ...

    @property
    def library(self) -> str:
        """Library and version that run the model, e.g. `openvino 2026.4.1`."""
        ...

    @property
    def version(self) -> str:
        """Identifies the weights of the default recogniser."""
        ...

    @property
    def languages(self) -> tuple[str, ...]:
        """Canonical names of the languages it can read, as loaded."""
        ...

    def model(self, language: str) -> str:
        """Name of the recogniser that reads `language`, as its publisher writes it."""
        ...

    def read(self, pages: Sequence[Page]) -> Sequence[PageText | Exception]:
        """One outcome or error value per page, in order. May raise for all: the engine then tries pages one by one."""
        ...

    def close(self) -> None: ...
