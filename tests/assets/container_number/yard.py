"""A drawn container yard: walls of several containers with their markings, and the numbers that stand there.

Drawn with DejaVu (Debian: fonts-dejavu-core) or, with `font=None`, with the font that Pillow carries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from training.rendering import surface

Layout = Literal["one_line", "two_lines", "vertical", "vertical_groups"]
DEJAVU_BOLD = "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf"
_GAP = 14


@dataclass(frozen=True, slots=True)
class Wall:
    """One container's end or side, as painted."""

    number: str
    """Eleven characters; may be invalid."""
    size_type: str
    layout: Layout
    colour: tuple[int, int, int]
    dark_on_light: bool = False
    owner_name: str = ""


SIX = (
    Wall("CSQU3054383", "22G1", "one_line", (168, 62, 30), owner_name="CASTLE LINE"),
    Wall("MSKU1234565", "45G1", "two_lines", (20, 60, 110)),
    Wall("TEMU6079348", "22G1", "vertical", (24, 84, 58)),
    Wall("HLXU8089911", "45R1", "one_line", (222, 224, 226), dark_on_light=True),
    Wall("TRHU4290170", "42G1", "two_lines", (70, 74, 78), owner_name="TRIDENT"),
    Wall("OOLU1548969", "45G1", "vertical", (140, 28, 44)),
)
"""Three layouts, six colours. Every number is valid."""


def draw_yard(
    walls: tuple[Wall, ...],
    seed: int = 0,
    columns: int = 3,
    size: tuple[int, int] = (600, 460),
    font: str | None = DEJAVU_BOLD,
    weather: bool = True,
) -> Image.Image:
    """RGB picture of `walls` in rows of `columns`, each `size` (width, height) pixels."""
    rng = np.random.default_rng(seed)
    width, height = size
    rows = -(-len(walls) // columns)
    yard = Image.new("RGB", (columns * (width + _GAP) + _GAP, rows * (height + _GAP) + _GAP), (38, 40, 44))
    for index, wall in enumerate(walls):
        row, column = divmod(index, columns)
        yard.paste(
            _draw_wall(wall, size, font, rng, weather),
            (_GAP + column * (width + _GAP), _GAP + row * (height + _GAP)),
        )
    return yard


def _draw_wall(
    wall: Wall, size: tuple[int, int], font: str | None, rng: np.random.Generator, weather: bool
) -> Image.Image:
    width, height = size
    ink = Image.new("L", size, 0)
    pen = ImageDraw.Draw(ink)
    large, small = _font(font, height // 11), _font(font, height // 24)
    _PAINT[wall.layout](pen, wall, (width * 3 // 20, height // 12), large)
    weights_at = (width // 2, height * 5 // 8)
    for line, text in enumerate(("MAX GROSS 30480 KG", "TARE 2230 KG", "NET 28250 KG")):
        pen.text((weights_at[0], weights_at[1] + line * height // 16), text, font=small, fill=255)
    if wall.owner_name:
        pen.text((width // 10, height * 4 // 5), wall.owner_name, font=_font(font, height // 8), fill=255)
    pixels = surface.wall(height, width, np.array(wall.colour, np.float32))
    paint = np.array((34, 36, 48) if wall.dark_on_light else (236, 236, 230), np.float32)
    cover = np.asarray(ink, np.float32)[..., None] / np.float32(255)
    pixels = surface.corrugate(pixels, rng)
    pixels = pixels * (1 - cover) + paint * cover
    if weather:
        pixels = surface.sensor_noise(surface.light(pixels, rng), rng, 3.0)
    return surface.to_image(pixels)


def _one_line(pen: ImageDraw.ImageDraw, wall: Wall, at: tuple[int, int], font: ImageFont.FreeTypeFont) -> None:
    x, y = at
    text = f"{wall.number[:4]} {wall.number[4:10]} "
    pen.text((x, y), text, font=font, fill=255)
    digit_x = x + pen.textlength(text, font=font)
    pen.text((digit_x, y), wall.number[10], font=font, fill=255)
    left, top, right, bottom = pen.textbbox((digit_x, y), wall.number[10], font=font)
    pen.rectangle((left - 7, top - 7, right + 7, bottom + 7), outline=255, width=2)
    pen.text((x, y + font.size * 1.6), wall.size_type, font=font, fill=255)


def _two_lines(pen: ImageDraw.ImageDraw, wall: Wall, at: tuple[int, int], font: ImageFont.FreeTypeFont) -> None:
    for line, text in enumerate((wall.number[:4], f"{wall.number[4:10]} {wall.number[10]}", wall.size_type)):
        pen.text((at[0], at[1] + line * font.size * 1.4), text, font=font, fill=255)


def _vertical(pen: ImageDraw.ImageDraw, wall: Wall, at: tuple[int, int], font: ImageFont.FreeTypeFont) -> None:
    smaller = font.font_variant(size=int(font.size * 0.76))
    step = smaller.size * 1.04
    for row, character in enumerate(wall.number):
        offset = (smaller.size * 0.8 - pen.textlength(character, font=smaller)) / 2
        pen.text((at[0] + offset, at[1] / 2 + row * step), character, font=smaller, fill=255)
    pen.text((at[0] + 4 * font.size, at[1]), wall.size_type, font=font, fill=255)


def _vertical_groups(pen: ImageDraw.ImageDraw, wall: Wall, at: tuple[int, int], font: ImageFont.FreeTypeFont) -> None:
    """Owner, serial number in two halves, check digit: one below the other."""
    groups = (wall.number[:4], wall.number[4:7], wall.number[7:10], wall.number[10], wall.size_type)
    for row, text in enumerate(groups):
        pen.text((at[0], at[1] + row * font.size * 1.3), text, font=font, fill=255)


_PAINT = {
    "one_line": _one_line,
    "two_lines": _two_lines,
    "vertical": _vertical,
    "vertical_groups": _vertical_groups,
}


def _font(file: str | None, size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size) if file is None else ImageFont.truetype(file, size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font
