"""Bytes -> upright RGB pages, with the limits checked from the header, before any pixel is decoded.

JPEG, PNG, WebP, BMP and TIFF through Pillow, PDF through pdfium. Every page of a TIFF or PDF is a page here; of an
animated WebP or PNG only the first frame is.
"""

from __future__ import annotations

import re
import struct
import warnings
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING, Any

from deployments.serving.errors import InputTooLarge, UnsupportedMedia
from deployments.serving.media import PILLOW_MAX_PIXELS, MediaPolicy
from deployments.serving.rgb import to_rgb

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "TIFF")
"""Pillow's names of the formats we let it try (a phone's MPO comes as JPEG)."""

_DAMAGED = (
    OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, AttributeError, EOFError, OverflowError,
    ZeroDivisionError, struct.error,
)  # fmt: skip
"""What Pillow's parsers raise on bytes that lie."""

_PILLOW = re.compile(r"PIL\.")

_REDUCED_IMAGE = 1
"""TIFF 6.0, tag 254 (NewSubfileType), bit 0: a thumbnail of another image in the file."""


def decode(data: bytes, policy: MediaPolicy) -> list[NDArray[np.uint8]]:
    """Every page of an image or PDF.

    Returns:
        One array per page, H x W x 3, RGB, 0..255, turned upright as its EXIF tag says, transparency over white.

    Raises:
        UnsupportedMedia: not a format we read, damaged, truncated or encrypted.
        InputTooLarge: more pixels or pages than the policy allows.
    """
    # A PDF header may stand anywhere in the first 1,024 bytes (Adobe's implementation note 13 to PDF 1.7, appendix H).
    if b"%PDF-" in data[:1024]:
        from deployments.serving.pdf_pages import render

        return render(data, policy)
    _filter_pillow_warnings()
    return list(_pages(data, policy))


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


def _pages(data: bytes, policy: MediaPolicy) -> Iterator[NDArray[np.uint8]]:
    with _open(data, policy) as image:
        total = 0
        for page, frame in enumerate(_frames(image, policy)):
            if page == policy.max_pages:
                raise too_many_pages(policy)
            total = check_pixels(*image.size, total, policy, page)
            try:
                image.load()
                yield to_rgb(_upright(image))
            except _DAMAGED as error:
                raise UnsupportedMedia(
                    f"the {image.format} image is damaged or cut off (page {frame + 1}: {error}); send it again",
                    page=frame,
                ) from error


def _open(data: bytes, policy: MediaPolicy) -> Image:
    from PIL import Image, UnidentifiedImageError

    try:
        return Image.open(BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise UnsupportedMedia(
            "these bytes are not an image we read; send JPEG, PNG, WebP, BMP, TIFF or PDF",
            available=["jpeg", "png", "webp", "bmp", "tiff", "pdf"],
        ) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _over_pillows_limit(policy) from error
    except _DAMAGED as error:
        raise UnsupportedMedia(f"the image's header is damaged ({error}); send it again") from error


def _over_pillows_limit(policy: MediaPolicy, page: int = 0) -> InputTooLarge:
    return InputTooLarge(
        f"page {page + 1} claims more than {PILLOW_MAX_PIXELS:,} pixels; the limit is {policy.max_pixels:,}. "
        "Send it at a lower resolution.",
        limit=policy.max_pixels,
        page=page,
    )


def _frames(image: Any, policy: MediaPolicy) -> Iterator[int]:
    """Seeks `image` to each of its pages in turn; only TIFF has more than one."""
    from PIL.Image import DecompressionBombError, DecompressionBombWarning

    yield 0
    frame = 1
    while image.format == "TIFF":
        try:
            image.seek(frame)
            if image.tag_v2.get(254, 0) & _REDUCED_IMAGE:
                frame += 1
                continue
        except EOFError:
            return
        except (DecompressionBombError, DecompressionBombWarning) as error:
            raise _over_pillows_limit(policy, frame) from error
        except _DAMAGED as error:
            raise UnsupportedMedia(
                f"page {frame + 1} of the TIFF is damaged ({error}); send it again", page=frame
            ) from error
        yield frame
        frame += 1


def _upright(image: Image) -> Image:
    """`image` as its EXIF tag wants it seen. Where that tag cannot be read, the image is taken as it is."""
    from PIL import ImageOps

    try:
        return ImageOps.exif_transpose(image)
    except _DAMAGED:
        return image


def _filter_pillow_warnings() -> None:
    """A warning of size is an error, others (of odd metadata) say nothing: pixels that are wrong raise anyway.

    For the whole process, but for Pillow's modules only: `warnings.catch_warnings` is not safe between threads.
    """
    from PIL.Image import DecompressionBombWarning

    if ("ignore", None, UserWarning, _PILLOW, 0) not in warnings.filters:
        warnings.filterwarnings("ignore", category=UserWarning, module=_PILLOW.pattern)
    if ("error", None, DecompressionBombWarning, None, 0) not in warnings.filters:
        warnings.filterwarnings("error", category=DecompressionBombWarning)
