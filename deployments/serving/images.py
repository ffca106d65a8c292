"""Bytes -> upright RGB pages, with the limits checked from the header, before any pixel is decoded.

JPEG, PNG, WebP, BMP and TIFF through Pillow, PDF through pdfium. Every page of a TIFF or PDF is a page here; of an
animated WebP or PNG only the first frame is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployments.serving.errors import InputTooLarge
from deployments.serving.media import MediaPolicy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "TIFF")
"""Pillow's names of the formats we let it try (a phone's MPO comes as JPEG)."""


def decode(data: bytes, policy: MediaPolicy, pages: range | None = None) -> list[NDArray[np.uint8]]:
    """Every page of an image or PDF.

    Args:
        pages: only those of them (from 0, step 1) that there are; the policy's sums are taken over these.

    Returns:
        One array per page, H x W x 3, RGB, 0..255, turned upright as its EXIF tag says, transparency over white.

    Raises:
        UnsupportedMedia: not a format we read, damaged, truncated or encrypted.
        InputTooLarge: more pixels or pages than the policy allows.
    """
    if _is_pdf(data):
        from deployments.serving.pdf_pages import render

        return render(data, policy, pages)
    from deployments.serving.pillow_pages import load

    return list(load(data, policy, pages))


def count_pages(data: bytes, policy: MediaPolicy) -> int:
    """How many pages an image or PDF has; no pixel is decoded.

    Raises:
        UnsupportedMedia: as `decode`, where the header alone tells.
    """
    if _is_pdf(data):
        from deployments.serving.pdf_pages import count

        return count(data)
    from deployments.serving import pillow_pages

    return pillow_pages.count(data, policy)


def _is_pdf(data: bytes) -> bool:
    # A PDF header may stand anywhere in the first 1,024 bytes (Adobe's implementation note 13 to PDF 1.7, appendix H).
    return b"%PDF-" in data[:1024]


def check_pixels(width: int, height: int, total_before: int, policy: MediaPolicy, page: int = 0) -> int:
    """The document's pixels with this page counted in.

    Raises:
        InputTooLarge: the page, or the document so far, is over the policy's limit.
    """
    pixels = width * height
    if pixels > policy.max_pixels:
        raise InputTooLarge(
            f"page {page + 1} has {width} x {height} = {pixels:,} pixels; the limit is {policy.max_pixels:,}. "
            "Send it at a lower resolution.",
            limit=policy.max_pixels,
            actual=pixels,
            page=page,
        )
    if total_before + pixels > policy.max_total_pixels:
        raise InputTooLarge(
            f"the document has more than {policy.max_total_pixels:,} pixels in all; send fewer pages at a time",
            limit=policy.max_total_pixels,
            page=page,
        )
    return total_before + pixels


def too_many_pages(policy: MediaPolicy, actual: int | None = None) -> InputTooLarge:
    count = f"{actual:,}" if actual else f"more than {policy.max_pages:,}"
    return InputTooLarge(
        f"the document has {count} pages; the limit is {policy.max_pages:,}. Send it in parts.",
        limit=policy.max_pages,
        actual=actual,
    )
