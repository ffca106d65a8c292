"""Near-duplicates of pictures, by perceptual hash.

A difference hash (dHash, Krawetz 2013, https://www.hackerfactor.com/blog/index.php?/archives/529) with two changes
for crops of container numbers, which differ in small strokes on a plain wall: 768 bits instead of 64, and a bit is
set only where the step to the right neighbour is a real one, so that noise on a plain wall sets none.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL.Image import Image

ROWS, COLUMNS = 16, 48
BITS = ROWS * COLUMNS
STEP = 0.2
"""A step counts from this many standard deviations of the picture's grey values."""
NEAR = 72
"""Pictures that differ in at most this many of the 768 bits are near-duplicates. Measured on 900 drawn crops and walls:
pictures of different numbers differ in 83 bits and more (median 275 and more); of copies with other size (0.6 to 1.4),
brightness (0.8 to 1.2) and JPEG quality (40 to 90) nine in ten differ in at most 45."""


def difference_hash(image: Image) -> npt.NDArray[np.uint8]:
    """96 bytes (768 bits, packed)."""
    from PIL.Image import Resampling

    grey = np.asarray(image.convert("L").resize((COLUMNS + 1, ROWS), Resampling.BOX), np.float32)
    return np.packbits(grey[:, :-1] > grey[:, 1:] + STEP * grey.std())


def hash_files(paths: Sequence[Path]) -> npt.NDArray[np.uint8]:
    """Hashes of readable pictures, N x 96 bytes."""
    from PIL import Image

    hashes = np.zeros((len(paths), BITS // 8), np.uint8)
    for row, path in enumerate(paths):
        with Image.open(path) as image:
            hashes[row] = difference_hash(image)
    return hashes


def groups(hashes: npt.NDArray[np.uint8], near: int = NEAR) -> list[list[int]]:
    """Indices of pictures, near-duplicates (and their near-duplicates) together, in order of first appearance."""
    count = len(hashes)
    leader = list(range(count))

    def find(index: int) -> int:
        while leader[index] != index:
            leader[index] = leader[leader[index]]
            index = leader[index]
        return index

    for index in range(1, count):
        distances = np.bitwise_count(hashes[:index] ^ hashes[index]).sum(axis=1)
        for other in np.flatnonzero(distances <= near):
            leader[find(index)] = find(int(other))
    gathered: dict[int, list[int]] = {}
    for index in range(count):
        gathered.setdefault(find(index), []).append(index)
    return list(gathered.values())
