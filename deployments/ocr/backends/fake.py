"""A backend without a model, for trying out everything around it. What it "reads" it derives from the pixels.

Each band of rows that holds dark pixels becomes a box whose text is `band-WIDTHxHEIGHT-SUM`, so that two pages
never give one text and a page always gives the same. It can be slow, and fail, on demand.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from deployments.ocr.languages import KOREAN, PP_OCR_V6
from deployments.ocr.page import Page
from deployments.ocr.types import PageText, TextBox

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_DARK = 128
_CONFIDENCE = 0.9


@dataclass(frozen=True, slots=True)
class FakeOptions:
    kind: Literal["fake"] = "fake"
    delay_ms: float = 0.0
    """For each call of `read`."""
    delay_per_page_ms: float = 0.0
    fault_color: tuple[int, int, int] | None = None
    """RGB of the top left pixel of pages that make the whole call raise, as a crashing library does."""
    error_color: tuple[int, int, int] | None = None
    """The same, but only that page's outcome is an error value."""
    languages: tuple[str, ...] = (*PP_OCR_V6, KOREAN)


class FakeFault(RuntimeError):
    """A failure that was asked for."""


class FakeOcr:
    name = "fake"
    library = "fake"
    version = "fake-1"

    def __init__(self, options: FakeOptions) -> None:
        self._options = options

    @property
    def languages(self) -> tuple[str, ...]:
        return self._options.languages

    def model(self, language: str) -> str:
        return f"fake-{language}"

    def read(self, pages: Sequence[Page]) -> list[PageText | Exception]:
        options = self._options
        time.sleep((options.delay_ms + options.delay_per_page_ms * len(pages)) / 1000)
        if any(_corner(page) == options.fault_color for page in pages):
            raise FakeFault(f"a page with the colour {options.fault_color} was in the batch")
        return [
            FakeFault("this page has the colour of an error") if _corner(page) == options.error_color else _read(page)
            for page in pages
        ]

    def close(self) -> None:
        """Nothing to free."""


def _corner(page: Page) -> tuple[int, ...]:
    return tuple(int(value) for value in page.image[0, 0])


def _read(page: Page) -> PageText:
    dark = page.image.min(axis=2) < _DARK
    boxes = []
    for top, bottom in _bands(dark.any(axis=1)):
        columns = dark[top:bottom].any(axis=0).nonzero()[0]
        left, right = int(columns[0]), int(columns[-1]) + 1
        total = int(page.image[top:bottom, left:right].sum(dtype="int64"))
        corners = ((left, top), (right, top), (right, bottom), (left, bottom))
        boxes.append(TextBox(f"band-{right - left}x{bottom - top}-{total}", _CONFIDENCE, corners))
    return PageText(tuple(boxes), page.width, page.height)


def _bands(rows: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(first, one past last) of each run of True."""
    import numpy as np

    edges = np.flatnonzero(np.diff(np.concatenate([[False], rows, [False]]).astype(np.int8))).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))
