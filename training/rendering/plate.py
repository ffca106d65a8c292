"""One wall of a container: the number among the other markings, and where it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from deployments.container_number.types import ContainerNumber
from training.rendering import surface
from training.rendering.crop import camera, faces, weather
from training.rendering.lettering import horizontal_mask, vertical_mask
from training.rendering.styles import CropStyle

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

SIZE_TYPES = ("22G1", "42G1", "45G1", "45R1", "22U1", "22T6", "L5G1", "25G1")
WIDTH, HEIGHT = 640, 400


@dataclass(frozen=True, slots=True)
class Plate:
    image: Image
    """RGB, 640 x 400."""
    number: ContainerNumber
    box: tuple[int, int, int, int]
    """Left, top, right, bottom of the number in pixels (before the camera's roll, which is small)."""
    size_type: str
    layout: str
    """`one_line`, `two_lines` or `vertical`."""


def render_plate(
    number: ContainerNumber, style: CropStyle, rng: np.random.Generator, layout: str | None = None
) -> Plate:
    """A container's wall with its number, size/type code and weights. `layout` is drawn from `rng` where None."""
    layout = layout or ("one_line", "one_line", "two_lines", "vertical")[rng.integers(4)]
    choice = faces(style)
    face = choice[rng.integers(len(choice))]
    size_type = SIZE_TYPES[rng.integers(len(SIZE_TYPES))]
    wall_colour, paint = surface.colours(rng.random() < style.dark_on_light_share, rng)
    pixels = surface.corrugate(surface.wall(HEIGHT, WIDTH, wall_colour), rng)
    ink = np.zeros((HEIGHT, WIDTH), np.float32)
    left, top = int(rng.integers(30, 90)), int(rng.integers(24, 60))
    font = face.at(int(rng.integers(36, 46)))
    box, right = _paint_number(ink, number, font, style, rng, layout, (left, top))
    below = (left, box[3] + 14) if layout != "vertical" else (right + 40, top)
    size_box = _stamp(ink, horizontal_mask(size_type, font, style, rng, boxed=False), below)
    _paint_weights(ink, face.at(17), style, rng, (below[0], size_box[3] + 24))
    cover = ink[..., None] / np.float32(255)
    pixels = pixels * (1 - cover) + paint * cover
    roll = replace(style, tilt_degrees=min(style.tilt_degrees, 1.5), corrugation_share=0.0)
    image = camera(weather(pixels, roll, rng), replace(roll, distance_share=0.0), rng)
    return Plate(image, number, box, size_type, layout)


def _paint_number(
    ink: surface.Pixels,
    number: ContainerNumber,
    font: FreeTypeFont,
    style: CropStyle,
    rng: np.random.Generator,
    layout: str,
    at: tuple[int, int],
) -> tuple[tuple[int, int, int, int], int]:
    """(box of the number, its right edge)."""
    prefix = number.owner_code + number.category
    if layout == "vertical":
        small = font.font_variant(size=24)
        box = _stamp(ink, vertical_mask(number.number, small, rng), at)
        return box, box[2]
    lines = [number.formatted] if layout == "one_line" else [prefix, f"{number.serial_number} {number.check_digit}"]
    boxes: list[tuple[int, int, int, int]] = []
    for line in lines:
        boxed = line[-2] == " " and rng.random() < style.boxed_check_digit_share
        start = at if not boxes else (at[0], boxes[-1][3] + 8)
        boxes.append(_stamp(ink, horizontal_mask(line, font, style, rng, boxed), start))
    left, top, right, bottom = zip(*boxes, strict=True)
    return (min(left), min(top), max(right), max(bottom)), max(right)


def _paint_weights(
    ink: surface.Pixels, font: FreeTypeFont, style: CropStyle, rng: np.random.Generator, at: tuple[int, int]
) -> None:
    """The block of weights that every container carries: text that is no container number."""
    tare = int(rng.integers(2100, 4900))
    x, y = at
    plain = replace(style, stencil_share=0.0, slant=(0.0, 0.0))
    for line in ("MAX GROSS 30480 KG", f"TARE {tare} KG", f"NET {30480 - tare} KG"):
        bottom = _stamp(ink, horizontal_mask(line, font, plain, rng, boxed=False), (x, y))[3]
        y = bottom + 4


def _stamp(ink: surface.Pixels, mask: Image, at: tuple[int, int]) -> tuple[int, int, int, int]:
    """Paint a mask onto `ink`, cut at the wall's edges; the painted box."""
    left, top = at
    right, bottom = min(WIDTH, left + mask.width), min(HEIGHT, top + mask.height)
    if right <= left or bottom <= top:
        return left, top, left, top
    part = np.asarray(mask, np.float32)[: bottom - top, : right - left]
    ink[top:bottom, left:right] = np.maximum(ink[top:bottom, left:right], part)
    return left, top, right, bottom
