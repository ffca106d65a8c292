"""How a crop is brought into the shape a reader expects."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

TALL = 1.5
"""A crop this many times taller than wide holds a vertical number."""


def is_tall(width: int, height: int) -> bool:
    return height >= TALL * width


def turned_if_tall(image: Image) -> Image:
    """A vertical number's crop lain on its side, counter-clockwise: its first character comes to the left.

    A reader with a wide, flat input (the nano model: 160 x 24) would otherwise squeeze eleven characters into 24
    rows. Others are returned as they are.
    """
    from PIL import Image

    return image.transpose(Image.Transpose.ROTATE_90) if is_tall(*image.size) else image
