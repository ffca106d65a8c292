"""Finding lines of text on pages: PP-OCR's detector on OpenVINO, between RapidOCR's own resizing and post-processing.

DB: Liao et al., "Real-time Scene Text Detection with Differentiable Binarization", AAAI 2020. Sizes and thresholds are
those of `rapidocr/config.yaml` (3.10.0).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deployments.ocr.backends.openvino_session import OpenVinoSession, OpenVinoSettings, read_model, with_pixel_input

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MAX_SIDE = 2000
_MIN_SIDE = 30
_MAX_ASPECT = 8
"""Longer strips are padded: the detector scales the short side up to 736 pixels, whatever becomes of the other."""
_GRID = 32
"""The detector's stride: its input sides are multiples of this."""


@dataclass(frozen=True, slots=True, eq=False)
class FittedPage:
    """A page as the detector and the cropping see it."""

    image: NDArray[np.uint8]
    """H x W x 3, RGB."""
    scale: tuple[float, float]
    """Original pixels per pixel of `image`, (x, y)."""
    left: int
    top: int
    """Padding, in pixels of `image`."""


class TextDetector:
    def __init__(self, onnx: Path, settings: OpenVinoSettings) -> None:
        from rapidocr.ch_ppocr_det.utils import DBPostProcess, DetPreProcess

        self._session = OpenVinoSession(with_pixel_input(read_model(onnx)), settings)
        self._resizing = DetPreProcess(limit_side_len=736, limit_type="min")
        self._boxes_of = DBPostProcess(
            thresh=0.3, box_thresh=0.5, max_candidates=1000, unclip_ratio=1.6, score_mode="fast", use_dilation=True
        )

    def detect(self, pages: Sequence[FittedPage]) -> list[NDArray[np.float32]]:
        """For each page its lines as quads, N x 4 x 2, in pixels of the fitted image."""
        import numpy as np

        maps = self._session.run((self._resizing.resize(page.image)[None] for page in pages), len(pages))
        quads = []
        for page, (probability,) in zip(pages, maps, strict=True):
            found, _ = self._boxes_of(probability, page.image.shape[:2])
            quads.append(np.asarray(found, dtype=np.float32).reshape(-1, 4, 2))
        return quads


def fit(image: NDArray[np.uint8]) -> FittedPage:
    """Sides brought between 30 and 2,000 pixels, and strips padded in black to a shape the detector can take.

    The same as RapidOCR's `resize_image_within_bounds` and `apply_vertical_padding`, apart from strips so thin or so
    tall that those fail or make an image of gigabytes of them.
    """
    import cv2
    from rapidocr.utils.process_img import add_round_letterbox, apply_vertical_padding

    height, width = image.shape[:2]
    scale = min(1.0, _MAX_SIDE / max(height, width))
    if min(height, width) * scale < _MIN_SIDE and scale == 1:
        scale = max(1.0, min(_MIN_SIDE / min(height, width), _MAX_SIDE / max(height, width)))
    fitted = image
    if scale != 1:
        fitted = cv2.resize(image, (_on_grid(width * scale), _on_grid(height * scale)))
    new_height, new_width = fitted.shape[:2]
    ratio = (width / new_width, height / new_height)
    if new_height > _MAX_ASPECT * new_width:
        left = (new_height // (_MAX_ASPECT // 2) - new_width) // 2
        return FittedPage(add_round_letterbox(fitted, (0, 0, left, left)), ratio, left, 0)
    steps: dict[str, dict[str, int]] = {}
    fitted = apply_vertical_padding(fitted, steps, _MAX_ASPECT, _MIN_SIDE)[0]
    return FittedPage(fitted, ratio, 0, steps["padding_1"]["top"])


def to_page(quad: NDArray[np.float32], fitted: FittedPage, width: int, height: int) -> NDArray[np.float32]:
    """`quad` (4 x 2) in pixels of the original page of `width` x `height`."""
    import numpy as np

    moved = (quad - (fitted.left, fitted.top)) * fitted.scale
    return np.clip(moved, 0, (width, height)).astype(np.float32)


def _on_grid(side: float) -> int:
    return max(_GRID, round(int(side) / _GRID) * _GRID)
