"""The unit of OCR work: one decoded page. (Apart from `types.py`, which a client without numpy can import.)"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    image: NDArray[np.uint8]
    """H x W x 3, RGB, upright."""
    backend: str
    """Name of the backend that reads it."""
    language: str
    """Canonical name, see `languages.py`."""
    use_angle_cls: bool = True
    number: int = 0
    """From 0, within its document."""
    decode_ms: float = 0.0
    """Time the whole document took to read and decode."""

    @property
    def width(self) -> int:
        return int(self.image.shape[1])

    @property
    def height(self) -> int:
        return int(self.image.shape[0])
