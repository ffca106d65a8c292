"""The letters of a container number as a mask: 0 wall, 255 paint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deployments.container_number.types import ContainerNumber
from training.rendering.styles import CropStyle

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

GLYPH_PX = 40
"""Font size of the drawn letters; the picture is brought to the model's size afterwards."""


def layout_text(number: ContainerNumber, rng: np.random.Generator) -> str:
    """One of the spacings seen on containers: `MSKU 123456 7`, `MSKU 1234567`, `MSKU1234567`."""
    prefix = number.owner_code + number.category
    draw = rng.random()
    if draw < 0.55:
        return f"{prefix} {number.serial_number} {number.check_digit}"
    if draw < 0.75:
        return f"{prefix} {number.serial_number}{number.check_digit}"
    return number.number


def horizontal_mask(text: str, font: FreeTypeFont, style: CropStyle, rng: np.random.Generator, boxed: bool) -> Image:
    """Letters from left to right, last one in a box if `boxed`. L image, tightly around the letters."""
    from PIL import Image, ImageDraw

    spacing = rng.uniform(0, 5) if not style.plain else 0.0
    top, bottom = font.getbbox("H0")[1], font.getbbox("H0")[3]
    height = int(bottom - top) + 12
    advances = [font.getlength(character) + spacing for character in text]
    mask = Image.new("L", (int(sum(advances)) + 24, height), 0)
    pen = ImageDraw.Draw(mask)
    x = 8.0
    for character, advance in zip(text, advances, strict=True):
        pen.text((x, 6 - top), character, font=font, fill=255)
        x += advance
    if boxed:
        left = x - advances[-1] - 5
        pen.rectangle([left, 0, x + 3 - spacing, height - 1], outline=255, width=2)
    if rng.random() < style.stencil_share:
        cut_bridges(mask, advances, text, rng)
    slant = rng.uniform(*style.slant) if style.slant[1] else 0.0
    return sheared(mask, slant) if slant else mask


def vertical_mask(text: str, font: FreeTypeFont, rng: np.random.Generator) -> Image:
    """Characters one below the other, each centred in its column. L image."""
    from PIL import Image, ImageDraw

    characters = text.replace(" ", "")
    top, bottom = font.getbbox("H0")[1], font.getbbox("H0")[3]
    step = int((bottom - top) + rng.uniform(5, 12))
    width = int(max(font.getlength(character) for character in characters)) + 12
    mask = Image.new("L", (width, step * len(characters) + 10), 0)
    pen = ImageDraw.Draw(mask)
    for row, character in enumerate(characters):
        x = (width - font.getlength(character)) / 2
        pen.text((x, 6 - top + row * step), character, font=font, fill=255)
    return mask


def cut_bridges(mask: Image, advances: list[float], text: str, rng: np.random.Generator) -> None:
    """Take a horizontal bridge out of every letter, as a stencil leaves it."""
    from PIL import ImageDraw

    pen = ImageDraw.Draw(mask)
    x = 8.0
    # Off the middle, where it would take the crossbars that tell H from II and B from D.
    middle = mask.height * 0.66 + rng.uniform(-1, 1)
    for character, advance in zip(text, advances, strict=True):
        if character != " ":
            pen.rectangle([x, middle - 1.5, x + advance, middle + 1.5], fill=0)
        x += advance


def sheared(mask: Image, slant: float) -> Image:
    """Lean the letters to the right by `slant` pixels per pixel of height."""
    from PIL import Image

    shift = int(abs(slant) * mask.height) + 1
    matrix = (1.0, slant, -slant * mask.height, 0.0, 1.0, 0.0)
    return mask.transform((mask.width + shift, mask.height), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
