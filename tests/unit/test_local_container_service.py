"""OCR as a reader of crops, beside Florence-2 in a report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from deployments.container_number.lookalikes import read_number
from deployments.local_container_service import ocr_crop_reader
from deployments.ocr.backends.rapidocr_openvino import RapidOcrOptions
from deployments.ocr.loading import OcrConfig
from training.rendering.crop import random_number, render_crop
from training.rendering.styles import PAINTED


def test_reads_drawn_crops_and_sees_nothing_on_a_bare_wall(tmp_path: Path) -> None:
    rng = np.random.default_rng(21)
    numbers = [random_number(rng) for _ in range(6)]
    paths = [tmp_path / f"{number.number}.png" for number in numbers]
    for path, number in zip(paths, numbers, strict=True):
        render_crop(number, PAINTED, rng).save(path)
    wall = tmp_path / "wall.png"
    Image.new("RGB", (340, 60), (120, 40, 40)).save(wall)
    *read, bare = ocr_crop_reader(OcrConfig(backends=(RapidOcrOptions(),), threads=2))([*paths, wall])
    right = sum(
        reading.number == number for reading, number in zip((read_number(*one) for one in read), numbers, strict=True)
    )
    assert right >= 5
    assert bare == ("", 0.0)
