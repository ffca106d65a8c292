"""Reads one picture with the reader that was asked for: OCR, Florence-2, or both. Knows neither HTTP nor Ray."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from deployments.container_number import second_look
from deployments.container_number.adapters import BASE
from deployments.container_number.crop_requests import CropRequest, CropResult, Region
from deployments.container_number.florence import CropText
from deployments.container_number.found_text import FoundText, Quad, TextFinder, TextFinding
from deployments.container_number.framing import framed, is_crop
from deployments.container_number.lookalikes import read_number
from deployments.container_number.ocr_reader import LocatedNumber, find_numbers, unread_lines
from deployments.container_number.reconcile import alike, confirmed, reconcile
from deployments.container_number.size_codes import is_code
from deployments.container_number.types import Reading
from deployments.serving.engine import Runner
from deployments.serving.errors import BackendMissing
from deployments.serving.media import InlineMedia, MediaPolicy

CropRunner = Runner[CropRequest, CropResult]
ReaderName = Literal["auto", "ocr", "florence"]
READERS: tuple[ReaderName, ...] = ("auto", "ocr", "florence")

_LEAST_CONFIDENCE = 0.35
_LEAST_UNCONFIRMED = 0.5
"""A reader of crops says something of every picture. Below these there was no number to read: the nano model stays
under 0.22 on blank walls, noise, receipts and whole yards, and over 0.8 on crops it is trained for; a text whose check
digit does not fit must be read more surely than one whose does."""
MOST_REGIONS = 64
"""Places of one picture that are cut out and read again."""


@dataclass(frozen=True, slots=True)
class ReadNumber:
    """A number, where it stands and who read it."""

    reading: Reading
    page: int
    box: Quad
    size_type: str | None
    reader: str
    """`ocr`, `florence`, or `ocr+florence` where both had a say."""
    model: str
    adapter: str | None
    """None where no Florence-2 had a say."""


@dataclass(frozen=True, slots=True)
class PictureNumbers:
    """Everything found in one picture; no numbers is an answer, too."""

    numbers: tuple[ReadNumber, ...]
    pages: tuple[tuple[int, int], ...]
    """(width, height) in pixels of each upright page."""


class NumberReader:
    """
    Args:
        crops: runs the Florence-2 engine.
        finder: the OCR service; None where there is none, `florence` is then the only reader.
        policy: limits on the pictures.
    """

    def __init__(self, crops: CropRunner, finder: TextFinder | None, policy: MediaPolicy | None = None) -> None:
        self._crops = crops
        self._finder = finder
        self._policy = policy or MediaPolicy()

    async def read(self, data: bytes, reader: ReaderName, adapter: str = BASE) -> PictureNumbers:
        """
        Raises:
            SensoriumError: this picture cannot be read, the adapter cannot be used, or a model is not there.
        """
        match reader:
            case "ocr":
                return await self._with_ocr(data)
            case "florence":
                return await self._with_florence(data, adapter)
            case "auto":
                return await self._with_both(data, adapter)

    async def _with_ocr(self, data: bytes) -> PictureNumbers:
        found, located = await self._locate(data)
        return PictureNumbers(tuple(_by_ocr(number, found.model) for number in located), found.pages)

    async def _with_florence(self, data: bytes, adapter: str) -> PictureNumbers:
        """The whole picture is the crop."""
        result = await self._crops.run(CropRequest(InlineMedia(data), adapter))
        numbers = []
        for page, ((width, height), text) in enumerate(zip(result.pages, result.texts, strict=True)):
            reading = read_crop(text)
            if reading is not None:
                box: Quad = ((0.0, 0.0), (width, 0.0), (width, height), (0.0, height))
                numbers.append(self._by_florence(reading, page, box, _code_in(text.text), adapter))
        return PictureNumbers(tuple(numbers), result.pages)

    async def _with_both(self, data: bytes, adapter: str) -> PictureNumbers:
        """OCR locates, Florence-2 reads the same places, also those where OCR made no number of what it saw."""
        found, located = await self._locate(data)
        located = located[:MOST_REGIONS]
        doubtful = unread_lines(found.texts, located)[: MOST_REGIONS - len(located)]
        if not located and not doubtful:
            if any(is_crop(*size) for size in found.pages):
                return await self._with_florence(data, adapter)
            return PictureNumbers((), found.pages)
        regions = [Region(number.lines, number.page) for number in located]
        regions += [Region((text.quad,), text.page) for text in doubtful]
        result = await self._crops.run(CropRequest(InlineMedia(data), adapter, tuple(regions)))
        seen = result.texts
        numbers = [
            self._by_both(number, text, found.model, adapter)
            for number, text in zip(located, seen[: len(located)], strict=True)
        ]
        numbers += self._rescued(doubtful, seen[len(located) :], adapter)
        return PictureNumbers(tuple(numbers), found.pages)

    def _by_both(self, number: LocatedNumber, text: CropText, ocr_model: str, adapter: str) -> ReadNumber:
        both = f"{ocr_model} + {self._crops.card.model}"
        crop = read_number(text.text, text.confidence, text.character_confidences)
        if read_crop(text) is None:  # it saw nothing there that it would stand for: OCR's word alone
            return replace(_by_ocr(number, ocr_model), reader="ocr+florence", model=both, adapter=adapter)
        reading = reconcile(number.reading, crop)
        return ReadNumber(reading, number.page, number.box, number.size_type, "ocr+florence", both, adapter)

    def _rescued(self, doubtful: Sequence[FoundText], texts: Sequence[CropText], adapter: str) -> list[ReadNumber]:
        """Numbers that only Florence-2 made out. OCR saw another text there, so they need review."""
        numbers = []
        for place, text in zip(doubtful, texts, strict=True):
            reading = read_crop(text)
            if reading and reading.number and confirmed(reading) and alike(place.text, reading.number.number):
                reasons = (*reading.review_reasons, f"OCR read {place.text!r} there.")
                reading = replace(reading, needs_review=True, review_reasons=reasons)
                numbers.append(self._by_florence(reading, place.page, place.quad, None, adapter))
        return numbers

    def _by_florence(self, reading: Reading, page: int, box: Quad, code: str | None, adapter: str) -> ReadNumber:
        return ReadNumber(reading, page, box, code, "florence", self._crops.card.model, adapter)

    async def _locate(self, data: bytes) -> tuple[TextFinding, list[LocatedNumber]]:
        """All text, and the numbers in it."""
        if self._finder is None:
            raise BackendMissing(
                "this service runs without OCR, so only `reader=florence` is there; deploy the OCR application",
                field="reader",
                available=["florence"],
            )
        crop = await asyncio.to_thread(framed, data, self._policy)
        if crop is None:
            found = await self._finder.find(data)
        else:
            found = crop.without_margin(await self._finder.find(crop.data))
        located = await asyncio.to_thread(find_numbers, found.texts)
        return found, await second_look.complete(located, data, self._finder, self._policy)


def read_crop(text: CropText) -> Reading | None:
    """The container number that a reader of crops saw; None where the crop held none."""
    reading = read_number(text.text, text.confidence, text.character_confidences)
    least = _LEAST_CONFIDENCE if confirmed(reading) else _LEAST_UNCONFIRMED
    return reading if reading.number is not None and text.confidence >= least else None


def _by_ocr(number: LocatedNumber, model: str) -> ReadNumber:
    return ReadNumber(number.reading, number.page, number.box, number.size_type, "ocr", model, None)


def _code_in(text: str) -> str | None:
    return next((word for word in re.split(r"[^A-Z0-9]+", text.upper()) if is_code(word)), None)
