"""One crop: a container number alone, as a text detector would cut it out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deployments.container_number.iso6346 import complete
from deployments.container_number.types import ContainerNumber
from training.rendering import surface
from training.rendering.fonts import Typeface, typefaces
from training.rendering.lettering import GLYPH_PX, horizontal_mask, layout_text, vertical_mask
from training.rendering.styles import CropStyle

if TYPE_CHECKING:
    from PIL.Image import Image

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def random_number(rng: np.random.Generator, owners: tuple[str, ...] = ()) -> ContainerNumber:
    """A valid number; 8 of 10 are freight containers (U). `owners` limits the owner codes."""
    owner = owners[rng.integers(len(owners))] if owners else "".join(_LETTERS[i] for i in rng.integers(0, 26, 3))
    category = "UUUUUUUUJZ"[rng.integers(10)]
    serial = "".join(str(digit) for digit in rng.integers(0, 10, 6))
    return complete(f"{owner}{category}{serial}")


def faces(style: CropStyle) -> tuple[Typeface, ...]:
    """The fonts a style draws with on this machine."""
    return typefaces() if style.pillow_font_only else typefaces(*style.font_kinds)


def render_crop(number: ContainerNumber, style: CropStyle, rng: np.random.Generator) -> Image:
    """RGB crop of `number`, about 60 x 340 pixels (a vertical one about 480 x 60)."""
    from PIL import Image

    choice = faces(style)
    font = choice[rng.integers(len(choice)) if not style.plain else len(choice) - 1].at(GLYPH_PX)
    text = layout_text(number, rng) if not style.plain else number.number
    vertical = rng.random() < style.vertical_share
    if vertical:
        mask = vertical_mask(text, font, rng)
    else:
        boxed = text[-2] == " " and rng.random() < style.boxed_check_digit_share
        mask = horizontal_mask(text, font, style, rng, boxed)
    margins = rng.integers(2, 12, 4) if not style.plain else np.full(4, 6)
    height, width = mask.height + int(margins[0] + margins[1]), mask.width + int(margins[2] + margins[3])
    ink = Image.new("L", (width, height), 0)
    ink.paste(mask, (int(margins[2]), int(margins[0])))
    wall_colour, paint = surface.colours(rng.random() < style.dark_on_light_share, rng)
    pixels = surface.wall(height, width, wall_colour)
    cover = np.asarray(ink, np.float32)[..., None] / np.float32(255)
    pixels = pixels * (1 - cover) + paint * cover
    if style.plain:
        return surface.to_image(pixels)
    return camera(weather(pixels, style, rng), style, rng)


def weather(pixels: surface.Pixels, style: CropStyle, rng: np.random.Generator) -> surface.Pixels:
    """Corrugation, rust and light, each with its style's share."""
    if rng.random() < style.corrugation_share:
        pixels = surface.corrugate(pixels, rng)
    if rng.random() < style.rust_share:
        pixels = surface.rust(pixels, rng)
    if rng.random() < style.light_share:
        pixels = surface.light(pixels, rng)
    return pixels


def camera(pixels: surface.Pixels, style: CropStyle, rng: np.random.Generator) -> Image:
    """Roll of the camera, distance and sensor noise."""
    from PIL import Image

    image = surface.to_image(pixels)
    edge = np.median(pixels.reshape(-1, 3)[:: max(1, pixels.size // 3000)], axis=0)
    red, green, blue = (int(channel) for channel in np.clip(edge, 0, 255))
    angle = rng.uniform(-style.tilt_degrees, style.tilt_degrees)
    image = image.rotate(angle, resample=Image.Resampling.BILINEAR, fillcolor=(red, green, blue))
    if rng.random() < style.distance_share:
        # Short side of a seen letter: 11..22 pixels instead of about 40.
        scale = rng.uniform(0.3, 0.55)
        small = (max(8, round(image.width * scale)), max(8, round(image.height * scale)))
        image = image.resize(small, Image.Resampling.BOX).resize(image.size, Image.Resampling.BICUBIC)
    return surface.to_image(surface.sensor_noise(np.asarray(image, np.float32), rng, rng.uniform(1, 8)))
