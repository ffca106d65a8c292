"""JPEG, PNG, WebP, BMP and TIFF -> upright RGB pages with Pillow. Only TIFF has more than one."""

from __future__ import annotations

import re
import struct
import warnings
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING, Any

from deployments.serving.errors import InputTooLarge, UnsupportedMedia
from deployments.serving.images import FORMATS, check_pixels, too_many_pages
from deployments.serving.media import PILLOW_MAX_PIXELS, MediaPolicy
from deployments.serving.rgb import to_rgb

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

_DAMAGED = (
    OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, AttributeError, EOFError, OverflowError,
    ZeroDivisionError, struct.error,
)  # fmt: skip
"""What Pillow's parsers raise on bytes that lie."""

_PILLOW = re.compile(r"PIL\.")

_REDUCED_IMAGE = 1
"""TIFF 6.0, tag 254 (NewSubfileType), bit 0: a thumbnail of another image in the file."""


def load(data: bytes, policy: MediaPolicy, pages: range | None = None) -> Iterator[NDArray[np.uint8]]:
    """Pages of an image, H x W x 3, RGB, upright; all, or only `pages`.

    Raises:
        UnsupportedMedia, InputTooLarge: see `images.decode`.
    """
    _filter_warnings()
    with _open(data, policy) as image:
        total = taken = 0
        for page, frame in enumerate(_frames(image, policy)):
            if pages is not None and page not in pages:
                continue
            if taken == policy.max_pages:
                raise too_many_pages(policy)
            taken += 1
            total = check_pixels(*image.size, total, policy, page)
            try:
                image.load()
                yield to_rgb(_upright(image))
            except _DAMAGED as error:
                raise UnsupportedMedia(
                    f"the {image.format} image is damaged or cut off (page {frame + 1}: {error}); send it again",
                    page=frame,
                ) from error


def count(data: bytes, policy: MediaPolicy) -> int:
    """Pages of an image; no pixel is decoded.

    Raises:
        UnsupportedMedia, InputTooLarge: the header is damaged, or claims too much.
    """
    _filter_warnings()
    with _open(data, policy) as image:
        return sum(1 for _ in _frames(image, policy))


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


def _filter_warnings() -> None:
    """A warning of size is an error, others (of odd metadata) say nothing: pixels that are wrong raise anyway.

    For the whole process, but for Pillow's modules only: `warnings.catch_warnings` is not safe between threads.
    """
    from PIL.Image import DecompressionBombWarning

    if ("ignore", None, UserWarning, _PILLOW, 0) not in warnings.filters:
        warnings.filterwarnings("ignore", category=UserWarning, module=_PILLOW.pattern)
    if ("error", None, DecompressionBombWarning, None, 0) not in warnings.filters:
        warnings.filterwarnings("error", category=DecompressionBombWarning)
