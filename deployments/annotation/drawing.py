"""A page with the boxes that were read, and beside it the text of each, where it stands.

The text has a pale copy of the page to itself, as in PaddleOCR's own pictures: on dense pages, labels among the lines
would hide what they label.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from deployments.annotation.fonts import Fonts

if TYPE_CHECKING:
    from PIL.Image import Image

    from deployments.client.ocr_replies import TextBox

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
"""M. Okabe and K. Ito, "Color Universal Design", 2008: told apart by colour-blind people, too; without their yellow."""
_GAP = 12
_FADED = 0.86
"""How much white is in the pale copy."""
_FILL = 46
"""Of 255: opacity inside a box."""
_OF_HEIGHT = 1.15
"""Most that letters are set in, over the height of their box: some OCR boxes are tight around capitals."""
_STACKED = 0.86
"""The same of letters one below the other, which need room between them."""
_MARGIN = 2
"""Pixels around a text: letters may reach a little beyond the box that Pillow tells."""
_VEIL = 215
"""Of 255: how much of the pale copy is hidden under a text, so that it does not shine through the letters."""
_SMALLEST = 8
_UPRIGHT = 1.5
"""A box this many times as high as wide holds letters one below the other."""
_LEVEL = math.radians(2)


def draw(page: Image, boxes: Sequence[TextBox], fonts: Fonts) -> Image:
    """Twice the page: with boxes, and pale with the text. Side by side, or one below the other where pages are wide.

    Args:
        page: RGB, upright.
        boxes: of this page, in its pixels.
    """
    from PIL import Image as Images

    width, height = page.size
    side_by_side = width <= 1.25 * height
    size = (2 * width + _GAP, height) if side_by_side else (width, 2 * height + _GAP)
    picture = Images.new("RGB", size, "#707070")
    picture.paste(_with_boxes(page, boxes), (0, 0))
    picture.paste(_with_text(page, boxes, fonts), (width + _GAP, 0) if side_by_side else (0, height + _GAP))
    return picture


def _with_boxes(page: Image, boxes: Sequence[TextBox]) -> Image:
    from PIL import Image as Images
    from PIL import ImageDraw

    layer = Images.new("RGBA", page.size)
    pen = ImageDraw.Draw(layer)
    line = max(1, round(min(page.size) / 400))
    for number, box in enumerate(boxes):
        corners = [(point[0], point[1]) for point in box.bbox]
        colour = _COLOURS[number % len(_COLOURS)]
        pen.polygon(corners, fill=f"{colour}{_FILL:02x}", outline=colour, width=line)
    return Images.alpha_composite(page.convert("RGBA"), layer).convert("RGB")


def _with_text(page: Image, boxes: Sequence[TextBox], fonts: Fonts) -> Image:
    from PIL import Image as Images
    from PIL import ImageDraw

    pale = Images.blend(page, Images.new("RGB", page.size, "white"), _FADED)
    veil = Images.new("L", page.size)
    for box in boxes:
        ImageDraw.Draw(veil).polygon([(point[0], point[1]) for point in box.bbox], fill=_VEIL)
    pale.paste("white", mask=veil)
    for number, box in enumerate(boxes):
        label, corner = _label(box, _COLOURS[number % len(_COLOURS)], fonts)
        pale.paste(label, corner, label)
    return pale


def _label(box: TextBox, colour: str, fonts: Fonts) -> tuple[Image, tuple[int, int]]:
    """The text on glass, as large as its box and turned like it, and where its top left corner belongs."""
    from PIL import Image as Images
    from PIL import ImageDraw

    (x, y), (right, right_y), *_, (low_x, low_y) = (point[:2] for point in box.bbox)
    width = max(1.0, math.hypot(right - x, right_y - y))
    height = max(1.0, math.hypot(low_x - x, low_y - y))
    angle = math.atan2(right_y - y, right - x)
    text = " ".join(box.text.split())
    if height > _UPRIGHT * width and len(text) > 1:
        text = "\n".join(text.replace(" ", ""))
    font = fonts.font(text, _fitting(text, width, height, fonts))
    # Long words in small boxes stay readable, and then stand out of their box a little.
    pen = ImageDraw.Draw(Images.new("L", (1, 1)))
    x0, y0, x1, y1 = pen.multiline_textbbox((0, 0), text, font=font, spacing=0, align="center")
    size = (math.ceil(max(width, x1 - x0)) + 2 * _MARGIN, math.ceil(max(height, y1 - y0)) + 2 * _MARGIN)
    label = Images.new("RGBA", size)
    # Whole pixels: Pillow cuts the edge off letters that are drawn at a negative fraction of one.
    left = round((size[0] - (x1 - x0)) / 2 - x0 if "\n" in text else _MARGIN - x0)
    top = round((size[1] - (y1 - y0)) / 2 - y0)
    pen = ImageDraw.Draw(label)
    pen.multiline_text((left, top), text, fill=_dark(colour), font=font, spacing=0, align="center")
    if abs(angle) > _LEVEL:
        label = label.rotate(-math.degrees(angle), expand=True, resample=Images.Resampling.BICUBIC)
    centre_x = sum(point[0] for point in box.bbox) / len(box.bbox)
    centre_y = sum(point[1] for point in box.bbox) / len(box.bbox)
    return label, (round(centre_x - label.width / 2), round(centre_y - label.height / 2))


def _fitting(text: str, width: float, height: float, fonts: Fonts) -> float:
    """Pixels of the letters, so that the text is as wide as its box, if that does not make it much higher."""
    lines = text.split("\n")
    size = height / len(lines) * (_OF_HEIGHT if len(lines) == 1 else _STACKED)
    longest = max(fonts.font(text, size).getlength(line) for line in lines)
    return max(_SMALLEST, min(size, size * width / longest) if longest else size)


def _dark(colour: str) -> str:
    """The same hue, dark enough to read on white."""
    return "#" + "".join(f"{round(int(colour[at : at + 2], 16) * 0.62):02x}" for at in (1, 3, 5))
