"""Tesseract the program: Korean here, several pages at once, a time limit."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from deployments.ocr.backends.tesseract import Tesseract, TesseractOptions
from deployments.ocr.types import PageText
from deployments.serving.errors import BackendMissing, DeadlineExceeded, EngineFailed
from tests.assets.ocr.draw_samples import KOREAN, LETTER, RECEIPT
from tests.unit.ocr.backends.conftest import page, read, texts

Sample = Callable[[str], list[NDArray[np.uint8]]]


@pytest.fixture(scope="module")
def tesseract() -> Iterator[Tesseract]:
    if shutil.which("tesseract") is None:
        pytest.skip("Tesseract is not installed (apt-get install tesseract-ocr tesseract-ocr-kor)")
    backend = Tesseract(TesseractOptions(), threads=2)
    if not {"korean", "en"} <= set(backend.languages):
        pytest.skip("Tesseract has no Korean or no English (apt-get install tesseract-ocr-kor tesseract-ocr-eng)")
    yield backend
    backend.close()


@pytest.mark.system
def test_reads_korean(tesseract: Tesseract, sample: Sample) -> None:
    (found,) = read(tesseract, page(sample("korean.png")[0], "korean"))
    assert texts(found) == list(KOREAN)
    assert all(0.8 < box.confidence <= 1 for box in found.boxes)
    assert tesseract.model("korean") == "tessdata kor+eng"
    assert tesseract.version.startswith("sha256:")


@pytest.mark.system
def test_reads_a_korean_photograph(tesseract: Tesseract, picture: Callable[[str], NDArray[np.uint8]]) -> None:
    (found,) = read(tesseract, page(picture("korean.jpg"), "korean"))
    assert texts(found) == ["베이징 차오양, 디지털 기술로 농업 새로운 발전 이끌어"]


@pytest.mark.system
def test_pages_in_order_with_boxes(tesseract: Tesseract, sample: Sample) -> None:
    images = [*sample("receipt.png"), *sample("letter.pdf")]
    found = read(tesseract, *map(page, images))
    assert [texts(one) for one in found] == [list(RECEIPT), *map(list, LETTER)]
    for box in found[0].boxes:
        (left, top), (right, _), (_, bottom), _ = (tuple(map(int, corner)) for corner in box.bbox)
        assert images[0][top:bottom, left:right].min() < 60
        assert images[0][top - 6 : top - 2, left:right].min() > 200


@pytest.mark.system
def test_upside_down_pages(tesseract: Tesseract, sample: Sample) -> None:
    (image,) = sample("korean.png")
    turned = np.ascontiguousarray(image[::-1, ::-1])
    with_turning, without = read(tesseract, page(turned, "korean"), page(turned, "korean", use_angle_cls=False))
    assert texts(with_turning)[::-1] == list(KOREAN)
    assert {box.rotation for box in with_turning.boxes} == {180}
    assert not set(texts(without)) & set(KOREAN)


@pytest.mark.system
def test_strange_shapes(tesseract: Tesseract) -> None:
    images = [np.full((*shape, 3), 255, np.uint8) for shape in ((1, 1), (2, 3000), (3000, 2), (300, 300))]
    assert [one.boxes for one in read(tesseract, *map(page, images))] == [()] * 4


def script(folder: Path, body: str) -> str:
    """A program that says it is Tesseract with English, and then does `body` to a page."""
    program = folder / "tesseract"
    listing = f'List of available languages in "{folder}/" (1):\\neng\\n'
    program.write_text(
        f"#!/bin/sh\ncase $1 in\n--list-langs) printf '{listing}';;\n--version) echo tesseract 9;;\n*) {body};;\nesac\n"
    )
    program.chmod(0o755)
    return str(program)


def test_a_page_that_takes_too_long_fails_alone(tmp_path: Path) -> None:
    # A page that is 7 pixels wide hangs, others are empty.
    body = "read -r magic width rest; cat >/dev/null; test $width != 7 || exec sleep 30"
    backend = Tesseract(TesseractOptions(program=script(tmp_path, body), timeout_s=0.5), threads=2)
    images = [np.full((9, width, 3), 255, np.uint8) for width in (5, 7, 6)]
    started = time.monotonic()
    first, second, third = backend.read([page(image) for image in images])
    assert time.monotonic() - started < 10
    assert isinstance(first, PageText)
    assert isinstance(second, DeadlineExceeded)
    assert isinstance(third, PageText)
    backend.close()


def test_a_program_that_fails_is_an_error_value(tmp_path: Path) -> None:
    backend = Tesseract(TesseractOptions(program=script(tmp_path, "echo 'out of luck' >&2; exit 3")), threads=1)
    (outcome,) = backend.read([page(np.zeros((9, 9, 3), np.uint8))])
    assert isinstance(outcome, EngineFailed)
    assert "out of luck" in outcome.message
    backend.close()


def test_not_installed_or_without_languages(tmp_path: Path) -> None:
    with pytest.raises(BackendMissing, match="apt-get install tesseract-ocr tesseract-ocr-kor"):
        Tesseract(TesseractOptions(program="no-such-tesseract"))
    program = tmp_path / "tesseract"
    program.write_text("#!/bin/sh\necho 'List of available languages in \"/none/\" (0):'\n")
    program.chmod(0o755)
    with pytest.raises(BackendMissing, match="language data"):
        Tesseract(TesseractOptions(program=str(program)))
    program.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(BackendMissing, match="does not run"):
        Tesseract(TesseractOptions(program=str(program)))
