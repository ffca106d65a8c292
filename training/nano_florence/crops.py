"""Pools of drawn crops as arrays, ready for batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deployments.container_number.crops import turned_if_tall
from training.nano_florence.architecture import NanoSize
from training.rendering.crop import random_number, render_crop
from training.rendering.styles import CropStyle

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, slots=True)
class CropPool:
    numbers: tuple[str, ...]
    pixels: npt.NDArray[np.uint8]
    """N x height x width x 3, as the processor resizes them."""

    def __len__(self) -> int:
        return len(self.numbers)


def fit(image: Image, size: NanoSize) -> npt.NDArray[np.uint8]:
    """A crop as the model's processor sees it: a tall one turned, then resized (bicubic)."""
    from PIL.Image import Resampling

    upright = turned_if_tall(image)
    resized = upright.resize((size.image_width, size.image_height), Resampling.BICUBIC)
    return np.asarray(resized, np.uint8)


def draw_pool(count: int, style: CropStyle, seed: int, size: NanoSize) -> CropPool:
    """`count` crops of random numbers; the same seed gives the same crops on a machine with the same fonts."""
    rng = np.random.default_rng(seed)
    numbers = [random_number(rng) for _ in range(count)]
    pixels = np.stack([fit(render_crop(number, style, rng), size) for number in numbers])
    return CropPool(tuple(number.number for number in numbers), pixels)


def shuffled_indices(count: int, batch: int, rng: np.random.Generator) -> Iterator[npt.NDArray[np.int64]]:
    """Index batches without end, a new order each time through."""
    while True:
        order = rng.permutation(count)
        for start in range(0, count - batch + 1, batch):
            yield order[start : start + batch]
