"""A local image or PDF as the upright pages that the service saw: its boxes are in their pixels."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deployments.cli.exit_status import CommandFailed

if TYPE_CHECKING:
    from PIL.Image import Image

_LARGEST_PIXELS = 500_000_000
"""Of one page: more than the service reads, so that Pillow's own guard does not refuse what the service took."""
_NEW_SUBFILE_TYPE = 254
_REDUCED = 1
"""TIFF 6.0, section 8: a bit that marks thumbnails, which are no pages of the document."""


def check_installed() -> None:
    """
    Raises:
        CommandFailed: Pillow is missing.
    """
    try:
        import PIL.Image  # noqa: F401 - only whether it is there
    except ModuleNotFoundError as error:
        raise CommandFailed("--annotate draws with Pillow, which is not installed: pip install pillow") from error


def open_pages(content: Path | bytes, sizes: Sequence[tuple[int, int]]) -> list[Image]:
    """The pages as RGB: upright as the EXIF tag says, transparency over white.

    Args:
        sizes: width and height in pixels of each page as the service saw it; pages come out in these.

    Raises:
        CommandFailed: a PDF, and pypdfium2 is missing.
        OSError: it cannot be read, or not as an image.
    """
    data = content if isinstance(content, bytes) else content.read_bytes()
    pages = _pdf_pages(data, sizes) if b"%PDF-" in data[:1024] else _image_pages(data, len(sizes))
    return [page if page.size == size else page.resize(size) for page, size in zip(pages, sizes, strict=False)]


def _image_pages(data: bytes, count: int) -> list[Image]:
    from PIL import Image as Images
    from PIL import ImageOps

    Images.MAX_IMAGE_PIXELS = _LARGEST_PIXELS
    pages: list[Image] = []
    with Images.open(io.BytesIO(data)) as file:
        for frame in range(getattr(file, "n_frames", 1)):
            if len(pages) == count:
                break
            file.seek(frame)
            if not getattr(file, "tag_v2", {}).get(_NEW_SUBFILE_TYPE, 0) & _REDUCED:
                pages.append(_over_white(ImageOps.exif_transpose(file)))
    return pages


def _over_white(image: Image) -> Image:
    from PIL import Image as Images

    if image.mode.startswith("I"):  # 16 bits a pixel, in one of Pillow's modes; the upper 8 are what one sees
        image = image.point(lambda value: value / 256).convert("L")
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    flat = Images.new("RGB", image.size, "white")
    flat.paste(image, mask=image.getchannel("A"))
    return flat


def _pdf_pages(data: bytes, sizes: Sequence[tuple[int, int]]) -> list[Image]:
    try:
        import pypdfium2
    except ModuleNotFoundError as error:
        raise CommandFailed(
            "--annotate draws PDFs with pypdfium2, which is not installed: pip install pypdfium2"
        ) from error
    document = pypdfium2.PdfDocument(data)
    try:
        document.init_forms()
        pages = []
        for number, (width, _) in enumerate(sizes):
            page = document[number]
            bitmap = page.render(scale=width / page.get_width(), rev_byteorder=True)
            pages.append(bitmap.to_pil().convert("RGB"))
            bitmap.close()
            page.close()
        return pages
    finally:
        document.close()
