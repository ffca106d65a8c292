"""Which line crops stand upside down: PP-OCR's orientation classifier on OpenVINO (0 or 180 degrees)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deployments.ocr.backends.openvino_session import OpenVinoSession, OpenVinoSettings, read_model

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_HEIGHT, _WIDTH = 48, 192
_THRESHOLD = 0.9
"""Certainty needed to turn a line; input size and threshold as in `rapidocr/config.yaml` (3.10.0)."""
_BATCH = 16


class LineOrientation:
    def __init__(self, onnx: Path, settings: OpenVinoSettings) -> None:
        self._session = OpenVinoSession(read_model(onnx), settings)

    def upside_down(self, crops: Sequence[NDArray[np.uint8]]) -> list[bool]:
        """For each crop (H x W x 3, RGB): must it be turned by 180 degrees?"""
        import numpy as np

        batches = [crops[i : i + _BATCH] for i in range(0, len(crops), _BATCH)]
        outputs = self._session.run((np.stack([_tensor(crop) for crop in batch]) for batch in batches), len(batches))
        return [bool(row[1] > row[0] and row[1] > _THRESHOLD) for (probabilities,) in outputs for row in probabilities]


def _tensor(crop: NDArray[np.uint8]) -> NDArray[np.float32]:
    import cv2
    import numpy as np

    height, width = crop.shape[:2]
    width = min(_WIDTH, math.ceil(_HEIGHT * width / height))
    tensor = np.zeros((3, _HEIGHT, _WIDTH), np.float32)
    tensor[:, :, :width] = cv2.resize(crop, (width, _HEIGHT))[:, :, ::-1].transpose(2, 0, 1)
    tensor[:, :, :width] = (tensor[:, :, :width] - 127.5) / 127.5
    return tensor
