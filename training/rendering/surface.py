"""The steel wall under the letters and what weather and camera do to it. Images are float arrays H x W x 3, 0..255."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL.Image import Image

Pixels = npt.NDArray[np.float32]

# Liveries seen in any yard: (red, green, blue) of the wall.
LIVERIES: tuple[tuple[int, int, int], ...] = (
    (122, 40, 34),
    (168, 62, 30),
    (20, 60, 110),
    (28, 92, 140),
    (24, 84, 58),
    (70, 74, 78),
    (96, 60, 42),
    (140, 28, 44),
    (44, 44, 60),
)


def colours(dark_on_light: bool, rng: np.random.Generator) -> tuple[Pixels, Pixels]:
    """(wall, paint), each 3 values, far enough apart to be read."""
    livery = np.array(LIVERIES[rng.integers(len(LIVERIES))], np.float32)
    dark = np.clip(livery + rng.normal(0, 18, 3), 8, 150).astype(np.float32)
    light = np.clip(rng.uniform(195, 250) + rng.normal(0, 10, 3), 0, 255).astype(np.float32)
    return (light, dark * np.float32(0.55)) if dark_on_light else (dark, light)


def wall(height: int, width: int, colour: Pixels) -> Pixels:
    """An even wall."""
    return np.broadcast_to(colour, (height, width, 3)).astype(np.float32)


def corrugate(pixels: Pixels, rng: np.random.Generator, along_x: bool = True) -> Pixels:
    """The trapezoid profile of a container's side as light and dark bands (period 18..60 px)."""
    extent = pixels.shape[1] if along_x else pixels.shape[0]
    phase = (np.arange(extent) / rng.uniform(18, 60) + rng.random()) * 2 * np.pi
    profile = np.clip(np.sin(phase) * 2.0, -1, 1) * rng.uniform(0.04, 0.2)
    gain = (1 + profile).astype(np.float32)
    return pixels * (gain[None, :, None] if along_x else gain[:, None, None])


def rust(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Blotches of rust over wall and paint alike, 0 to about 12 % of the area."""
    height, width = pixels.shape[:2]
    blotches = smooth_noise(height, width, rng, cells=10)
    threshold = np.quantile(blotches, rng.uniform(0.88, 0.99))
    cover = np.clip((blotches - threshold) * 6, 0, 1)[..., None] * np.float32(rng.uniform(0.4, 0.85))
    colour = np.array([118, 66, 34], np.float32) + rng.normal(0, 12, 3).astype(np.float32)
    return pixels * (1 - cover) + colour * cover


def light(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Slow change of light over the picture, sometimes with the hard edge of a shadow."""
    height, width = pixels.shape[:2]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    gain = 1 + np.float32(rng.uniform(-0.25, 0.25)) * x + np.float32(rng.uniform(-0.15, 0.15)) * y
    if rng.random() < 0.3:
        edge = x * np.float32(rng.normal()) + y * np.float32(rng.normal()) > np.float32(rng.uniform(-0.6, 0.6))
        gain = gain * np.where(edge, np.float32(rng.uniform(0.55, 0.85)), np.float32(1))
    return pixels * gain[..., None]


def sensor_noise(pixels: Pixels, rng: np.random.Generator, sigma: float) -> Pixels:
    """Gaussian noise of `sigma` grey levels, the same in all three channels."""
    noise = rng.standard_normal(pixels.shape[:2], dtype=np.float32) * np.float32(sigma)
    return pixels + noise[..., None]


def smooth_noise(height: int, width: int, rng: np.random.Generator, cells: int) -> Pixels:
    """Noise in 0..1 that varies over about `height / cells * 4` pixels. H x W."""
    from PIL import Image

    rows = max(2, cells // 3)
    columns = max(2, cells * width // max(height * 3, 1))
    coarse = (rng.random((rows, columns)) * 255).astype(np.uint8)
    return np.asarray(
        Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC), np.float32
    ) / np.float32(255)


def to_image(pixels: Pixels) -> Image:
    """RGB image of float pixels."""
    from PIL import Image

    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
