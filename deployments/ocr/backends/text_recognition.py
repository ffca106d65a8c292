"""Reading line crops: PP-OCR's recogniser (SVTR with CTC) on OpenVINO, over the crops of all pages at once.

Crops are sorted by aspect ratio, so that a batch holds crops of nearly one width and little of it is padding.
CTC: Graves et al., "Connectionist Temporal Classification", ICML 2006; decoded greedily.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployments.ocr.backends.openvino_session import OpenVinoSession, OpenVinoSettings, read_model, with_top_class
from deployments.serving.weights import WeightsCorrupt, WeightsMissing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_HEIGHT = 48
_MIN_WIDTH = 320
"""Input size of the recogniser: `rec_img_shape` in `rapidocr/config.yaml` (3.10.0)."""
_WIDTH_STEP = 32
"""Padded widths are multiples of this: OpenVINO takes 10 to 20 % longer over a width that it has not met yet."""
_MAX_BATCH_WIDTH = 24_000
"""Pixels, padding included, of all crops of a batch: 18,710 classes take 9 kB a pixel inside the graph."""


class TextRecognizer:
    """
    Raises:
        WeightsMissing: no list of characters, neither given nor in the ONNX file's metadata.
        WeightsCorrupt: the list does not fit the model.
    """

    def __init__(
        self, onnx: Path, settings: OpenVinoSettings, batch: int, characters: Sequence[str] | None = None
    ) -> None:
        from rapidocr.ch_ppocr_rec.utils import CTCLabelDecode

        model = read_model(onnx)
        self._decoder = CTCLabelDecode(list(characters or _characters(model, onnx)))
        classes = model.outputs[0].get_partial_shape()[2]
        if classes.is_static and classes.get_length() != len(self._decoder.character):
            raise WeightsCorrupt(f"{onnx} has {classes} classes, its list of characters {len(self._decoder.character)}")
        self._session = OpenVinoSession(with_top_class(model), settings)
        self._batch = batch

    def recognize(self, crops: Sequence[NDArray[np.uint8]]) -> list[tuple[str, float]]:
        """Text and confidence (0..1, mean over its characters) of each crop (H x W x 3, RGB)."""
        size = min(self._batch, math.ceil(len(crops) / self._session.width) or 1)
        batches = list(_batches(crops, size))
        outputs = self._session.run((_tensor([crops[i] for i in batch]) for batch in batches), len(batches))
        read: dict[int, tuple[str, float]] = {}
        for batch, (classes, probabilities) in zip(batches, outputs, strict=True):
            lines, _ = self._decoder.decode(classes[:, :, 0], probabilities[:, :, 0], remove_duplicate=True)
            read.update(zip(batch, lines, strict=True))
        return [read[i] for i in range(len(crops))]


def _characters(model: Any, onnx: Path) -> list[str]:
    information = model.get_rt_info()
    if "framework" not in information or "character" not in information["framework"]:
        raise WeightsMissing(f"{onnx} names no characters; put PaddleOCR's inference.yml beside it", file=str(onnx))
    return str(information["framework"]["character"].value).splitlines()


def _batches(crops: Sequence[NDArray[np.uint8]], size: int) -> Iterator[list[int]]:
    """Indices of `crops`, by rising aspect ratio, cut by count and by padded width."""
    batch: list[int] = []
    for index in sorted(range(len(crops)), key=lambda i: _aspect(crops[i])):
        width = _padded_width(_aspect(crops[index]))
        if batch and (len(batch) == size or width * (len(batch) + 1) > _MAX_BATCH_WIDTH):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _aspect(crop: NDArray[np.uint8]) -> float:
    return float(crop.shape[1] / crop.shape[0])


def _padded_width(aspect: float) -> int:
    return max(_MIN_WIDTH, math.ceil(_HEIGHT * aspect / _WIDTH_STEP) * _WIDTH_STEP)


def _tensor(crops: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """N x 3 x 48 x W, BGR from -1 to 1, zero right of each crop: as RapidOCR's `resize_norm_img`."""
    import cv2
    import numpy as np

    padded = _padded_width(max(map(_aspect, crops)))
    batch = np.zeros((len(crops), 3, _HEIGHT, padded), np.float32)
    for row, crop in zip(batch, crops, strict=True):
        width = min(padded, math.ceil(_HEIGHT * _aspect(crop)))
        row[:, :, :width] = cv2.resize(crop, (width, _HEIGHT))[:, :, ::-1].transpose(2, 0, 1)
        row[:, :, :width] = (row[:, :, :width] - 127.5) / 127.5
    return batch
