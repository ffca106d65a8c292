"""Regions of a page as crops for a reader."""

from __future__ import annotations

from math import hypot
from typing import TYPE_CHECKING

from deployments.container_number.found_text import Quad

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

_MARGIN = 0.12
"""Of a line's smaller side, added all round: detectors of text cut close, and the nano model is trained on crops with
2 to 11 pixels around letters of 40."""
_MAX_SIDE = 2048
"""Pixels; a larger crop is scaled down. Florence-2 sees 768 x 768."""


def cut(page: NDArray[np.uint8], lines: tuple[Quad, ...]) -> Image:
    """The lines of one number, set upright and laid side by side.

    Args:
        page: H x W x 3, RGB.
        lines: corners in pixels of the page, clockwise from the top left; parts outside the page repeat its edge.
    """
    from PIL import Image

    source = Image.fromarray(page)
    pieces = [_upright(source, quad) for quad in lines]
    if len(pieces) == 1:
        return pieces[0]
    height = max(piece.height for piece in pieces)
    pieces = [piece.resize((max(1, round(piece.width * height / piece.height)), height)) for piece in pieces]
    strip = Image.new("RGB", (sum(piece.width for piece in pieces), height))
    left = 0
    for piece in pieces:
        strip.paste(piece, (left, 0))
        left += piece.width
    return strip


def _upright(page: Image, quad: Quad) -> Image:
    """What stands inside `quad`, and a margin, as a level rectangle."""
    from PIL.Image import Resampling, Transform

    first, second, third, fourth = quad
    width = max(hypot(second[0] - first[0], second[1] - first[1]), hypot(third[0] - fourth[0], third[1] - fourth[1]))
    height = max(hypot(fourth[0] - first[0], fourth[1] - first[1]), hypot(third[0] - second[0], third[1] - second[1]))
    margin = _MARGIN * min(width, height)
    scale = min(1.0, _MAX_SIDE / max(width + 2 * margin, height + 2 * margin, 1.0))
    size = (max(1, round((width + 2 * margin) * scale)), max(1, round((height + 2 * margin) * scale)))
    x_share, y_share = margin / max(width, 1.0), margin / max(height, 1.0)

    def corner(x: float, y: float) -> tuple[float, float]:
        """Bilinear: (0, 0) is the first corner of the quad, (1, 1) the third."""
        weights = ((1 - x) * (1 - y), x * (1 - y), x * y, (1 - x) * y)
        across = sum(weight * point[0] for weight, point in zip(weights, quad, strict=True))
        down = sum(weight * point[1] for weight, point in zip(weights, quad, strict=True))
        return min(max(across, 0.0), float(page.width)), min(max(down, 0.0), float(page.height))

    # Pillow wants the source's corners counter-clockwise from the top left.
    corners = (
        *corner(-x_share, -y_share),
        *corner(-x_share, 1 + y_share),
        *corner(1 + x_share, 1 + y_share),
        *corner(1 + x_share, -y_share),
    )
    return page.transform(size, Transform.QUAD, corners, Resampling.BICUBIC)
