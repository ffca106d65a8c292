"""PaddleOCR's own pipeline, on ONNX Runtime and the wheel-borne files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from deployments.ocr.backends import paddle_folder
from deployments.ocr.backends.paddleocr import PaddleOcr, PaddleOcrOptions
from deployments.serving.errors import BackendMissing
from tests.assets.ocr.draw_samples import INVOICE, RECEIPT
from tests.unit.ocr.backends.conftest import page, read, texts

Sample = Callable[[str], list[NDArray[np.uint8]]]


def test_reads_a_document(paddleocr: PaddleOcr, sample: Sample) -> None:
    (found,) = read(paddleocr, page(sample("invoice.jpg")[0]))
    assert texts(found) == list(INVOICE)
    assert all(box.confidence > 0.9 for box in found.boxes)


def test_boxes_of_a_page_that_is_scaled_down_are_in_its_own_pixels(
    paddleocr: PaddleOcr, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    (image,) = sample("receipt.png")
    (whole,) = read(paddleocr, page(image))
    monkeypatch.setattr(paddleocr, "_options", PaddleOcrOptions(max_side=450))
    (scaled,) = read(paddleocr, page(image))
    assert texts(scaled) == texts(whole)
    assert (scaled.width, scaled.height) == (560, 504)
    for one, other in zip(whole.boxes, scaled.boxes, strict=True):
        assert np.abs(np.array(one.bbox) - np.array(other.bbox)).max() < 8


def test_upside_down_lines(paddleocr: PaddleOcr, sample: Sample) -> None:
    (image,) = sample("receipt.png")
    turned = image.copy()
    turned[420:476] = image[420:476][::-1, ::-1]  # "Thank you for your visit"
    with_turning, without = read(paddleocr, page(turned), page(turned, use_angle_cls=False))
    assert texts(with_turning) == list(RECEIPT)
    assert [box.rotation for box in with_turning.boxes if box.text == RECEIPT[-1]] == [180]
    assert RECEIPT[-1] not in texts(without)


def test_strange_shapes(paddleocr: PaddleOcr) -> None:
    images = [np.full((*shape, 3), 255, np.uint8) for shape in ((1, 1), (3, 2000), (2000, 3), (300, 300))]
    assert [one.boxes for one in read(paddleocr, *map(page, images))] == [()] * 4


def test_an_engine_that_is_not_installed(tmp_path: Path) -> None:
    with pytest.raises(BackendMissing, match="paddle"):
        PaddleOcr(PaddleOcrOptions(engine="paddle"), cache_dir=str(tmp_path))


def test_folders_in_its_form_are_made_once(tmp_path: Path) -> None:
    first = paddle_folder.recognition("package:rapidocr/models", "PP-OCRv6_small_rec", tmp_path)
    made = (first / "inference.yml").stat().st_mtime_ns
    assert paddle_folder.recognition("package:rapidocr/models", "PP-OCRv6_small_rec", tmp_path) == first
    assert (first / "inference.yml").stat().st_mtime_ns == made
    assert sorted(file.name for file in tmp_path.iterdir()) == [first.name]
    folder = paddle_folder.read_recognizer(first)
    assert folder.name == "PP-OCRv6_small_rec"
    assert len(folder.characters) == 18_708
    assert paddle_folder.fingerprint(first) == "sha256:6f327246b503"
