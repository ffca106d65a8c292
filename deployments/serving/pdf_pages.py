"""PDF -> RGB pages with pdfium, which is not thread-safe: every call into it is made under one lock."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from deployments.serving.errors import InputTooLarge, UnsupportedMedia
from deployments.serving.images import check_pixels, too_many_pages
from deployments.serving.media import MediaPolicy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PDFIUM = threading.Lock()
_POINTS_PER_INCH = 72
"""ISO 32000-1, 8.3.2.3: the default user-space unit."""


def render(data: bytes, policy: MediaPolicy, pages: range | None = None) -> list[NDArray[np.uint8]]:
    """Every page of a PDF at `policy.pdf_dpi`, form fields and annotations included, on white.

    Args:
        pages: only those of them that there are.

    Returns:
        One array per page, H x W x 3, RGB.

    Raises:
        UnsupportedMedia: damaged, encrypted, or without pages.
        InputTooLarge: more pages or pixels than the policy allows; sizes are checked before anything is drawn.
    """
    import pypdfium2

    document = _open(data)
    try:
        with _PDFIUM:
            there = range(len(document))
        if not there:
            raise UnsupportedMedia("the PDF has no pages")
        numbers = there if pages is None else there[pages.start : pages.stop]
        if len(numbers) > policy.max_pages:
            raise too_many_pages(policy, len(numbers))
        scale = policy.pdf_dpi / _POINTS_PER_INCH
        total = 0
        for number in numbers:
            with _PDFIUM:
                width, height = document.get_page_size(number)
            total = check_pixels(round(width * scale), round(height * scale), total, policy, number)
        return [_render_page(document, number, scale, policy) for number in numbers]
    except pypdfium2.PdfiumError as error:
        raise UnsupportedMedia(f"the PDF is damaged ({error}); send it again") from error
    finally:
        with _PDFIUM:
            document.close()


def count(data: bytes) -> int:
    """Pages of a PDF.

    Raises:
        UnsupportedMedia: damaged or encrypted.
    """
    document = _open(data)
    with _PDFIUM:
        pages = len(document)
        document.close()
    return pages


def _open(data: bytes) -> Any:
    import pypdfium2

    with _PDFIUM:
        try:
            document = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as error:
            if "password" in str(error).lower() or "security" in str(error).lower():
                raise UnsupportedMedia("the PDF is encrypted; send it without its password") from error
            raise UnsupportedMedia(f"the PDF is damaged ({error}); send it again") from error
        document.init_forms()
        return document


def _render_page(document: Any, number: int, scale: float, policy: MediaPolicy) -> NDArray[np.uint8]:
    import pypdfium2

    # The lock is taken per page, so that a long document does not keep a short one waiting.
    with _PDFIUM:
        page = document[number]
        bitmap = None
        try:
            for embedded in page.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE]):
                width, height = embedded.get_px_size()
                _check_embedded(width, height, policy, number)
            bitmap = page.render(scale=scale, rev_byteorder=True)  # pdfium's BGR, reversed: RGB
            pixels: NDArray[np.uint8] = bitmap.to_numpy().copy()
            return pixels
        finally:
            if bitmap is not None:
                bitmap.close()
            page.close()


def _check_embedded(width: int, height: int, policy: MediaPolicy, page: int) -> None:
    """pdfium decodes an embedded image whole before it scales it: a small page can hold a large bomb."""
    if width * height > policy.max_total_pixels:
        raise InputTooLarge(
            f"page {page + 1} embeds an image of {width} x {height} pixels; the limit is {policy.max_total_pixels:,}",
            limit=policy.max_total_pixels,
            actual=width * height,
            page=page,
        )
