"""A Pillow image of any mode -> RGB bytes: transparency over white, palettes, CMYK, 1, 16 and 32 bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image


def to_rgb(image: Image) -> NDArray[np.uint8]:
    """H x W x 3, 0..255.

    Raises:
        ValueError: a mode that Pillow does not convert.
    """
    import numpy as np
    from PIL import Image

    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return np.repeat(_to_eight_bits(np.asarray(image))[:, :, None], 3, axis=2)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        flat = Image.new("RGB", image.size, (255, 255, 255))
        flat.paste(image, mask=image.getchannel("A"))
        return np.asarray(flat)
    return np.asarray(image.convert("RGB"))


def _to_eight_bits(samples: NDArray[Any]) -> NDArray[np.uint8]:
    """Grey samples of 16 or 32 bits -> 0..255: 16-bit ones keep their scale, others are stretched to their range."""
    import numpy as np

    if samples.dtype.itemsize == 2:
        return (samples.astype(np.uint16) >> 8).astype(np.uint8)
    values = np.nan_to_num(samples.astype(np.float32), posinf=0, neginf=0)
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= 255 and samples.dtype.kind == "i":
        return values.astype(np.uint8)
    return ((values - low) * (255 / max(high - low, 1e-12))).astype(np.uint8)
