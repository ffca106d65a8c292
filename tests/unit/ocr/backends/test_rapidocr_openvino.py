"""PP-OCR on OpenVINO: right text, the same as plain RapidOCR's and PaddleOCR's, pooled or not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from deployments.ocr.backends import paddle_folder
from deployments.ocr.backends.paddleocr import PaddleOcr
from deployments.ocr.backends.rapidocr_openvino import RapidOcrOpenVino, RapidOcrOptions
from deployments.ocr.backends.text_detection import fit
from deployments.serving import weights
from tests.assets.ocr.draw_samples import INVOICE, LETTER, RECEIPT, draw_lines
from tests.unit.ocr.backends.conftest import page, read, texts

if TYPE_CHECKING:
    from rapidocr import RapidOCR

Sample = Callable[[str], list[NDArray[np.uint8]]]
Picture = Callable[[str], NDArray[np.uint8]]
_SERIF = "/usr/share/fonts/truetype/dejavu/DejaVuSerif.ttf"
_SANS = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
_LINES = (
    "order price quantity 2054",
    "your harbor payment address March 1011",
    "thank street quantity this harbor 5204",
    "delivery customer address 4270",
    "weight container order receipt 5091",
)


def drawn(lines: tuple[str, ...] = _LINES, font: str = _SANS, size: int = 26) -> NDArray[np.uint8]:
    if not Path(font).is_file():
        pytest.skip(f"{font} is not installed (fonts-dejavu-core)")
    return np.asarray(draw_lines(lines, font, size, 760))


@pytest.fixture(scope="module")
def plain() -> RapidOCR:
    from rapidocr import EngineType, RapidOCR

    engines = {f"{stage}.engine_type": EngineType.OPENVINO for stage in ("Det", "Cls", "Rec")}
    return RapidOCR(params={**engines, "Global.log_level": "error", "EngineConfig.openvino.inference_num_threads": 1})


def test_reads_the_samples(rapidocr: RapidOcrOpenVino, sample: Sample) -> None:
    found = read(rapidocr, *map(page, [*sample("receipt.png"), *sample("invoice.jpg"), *sample("letter.pdf")]))
    assert [texts(one) for one in found] == [list(lines) for lines in (RECEIPT, INVOICE, *LETTER)]
    assert all(box.confidence > 0.9 and box.rotation == 0 for one in found for box in one.boxes)
    assert (found[0].width, found[0].height) == (560, 504)


def test_boxes_lie_around_the_text(rapidocr: RapidOcrOpenVino, sample: Sample) -> None:
    (image,) = sample("receipt.png")
    (found,) = read(rapidocr, page(image))
    uncovered = image.copy()
    for box in found.boxes:
        (left, top), (right, _), (_, bottom), _ = box.bbox
        assert 0 <= left < right <= 560
        assert 0 <= top < bottom <= 504
        uncovered[int(top) : int(bottom) + 1, int(left) : int(right) + 1] = 255
    assert (uncovered < 128).sum() < 0.001 * (image < 128).sum()


def test_boxes_of_a_large_page_are_in_its_own_pixels(rapidocr: RapidOcrOpenVino, sample: Sample) -> None:
    (image,) = sample("receipt.png")
    (small,) = read(rapidocr, page(image))
    (large,) = read(rapidocr, page(image.repeat(5, axis=0).repeat(5, axis=1)))
    assert texts(large) == texts(small)
    for one, other in zip(small.boxes, large.boxes, strict=True):
        assert np.abs(5 * np.array(one.bbox) - np.array(other.bbox)).max() < 5 * 6


@pytest.mark.parametrize(
    ("name", "language", "wanted"),
    [
        (
            "en.jpg",
            "en",
            [
                "To facilitate the shot type analysis in videos, we collect MovieShots, a large-scale",
                "shot type annotation set that contains 46K shots from 7858 movies. The details",
                "of this dataset are specified as follows.",
            ],
        ),
        ("ch_en_num.jpg", "ch", ["正品促销", "大桶装更划算"]),
        ("img_exif_orientation.jpg", "ch", ["我是中国人"]),
    ],
)
def test_reads_photographs(
    rapidocr: RapidOcrOpenVino, picture: Picture, name: str, language: str, wanted: list[str]
) -> None:
    (found,) = read(rapidocr, page(picture(name), language))
    assert [text for text in texts(found) if text in wanted] == wanted


def test_same_text_and_boxes_as_plain_rapidocr(
    rapidocr: RapidOcrOpenVino, plain: RapidOCR, sample: Sample, picture: Picture
) -> None:
    images = [*sample("receipt.png"), *sample("invoice.jpg"), drawn(font=_SERIF)]
    for image, found in zip(images, read(rapidocr, *map(page, images)), strict=True):
        wanted = plain(np.ascontiguousarray(image[:, :, ::-1]))
        ours = {box.text: box for box in found.boxes}
        assert sorted(ours) == sorted(wanted.txts)
        for text, score, quad in zip(wanted.txts, wanted.scores, wanted.boxes, strict=True):
            assert np.abs(np.array(ours[text].bbox) - quad).max() <= 1
            assert abs(ours[text].confidence - score) < 0.1  # it depends on the padding, so on the neighbours
    # A narrow space may come or go with the padding.
    photograph = picture("en.jpg")
    (found,) = read(rapidocr, page(photograph))
    wanted = plain(np.ascontiguousarray(photograph[:, :, ::-1]))
    assert sorted(box.text.replace(" ", "") for box in found.boxes) == sorted(t.replace(" ", "") for t in wanted.txts)


def test_same_text_as_paddleocr(
    rapidocr: RapidOcrOpenVino, paddleocr: PaddleOcr, sample: Sample, picture: Picture
) -> None:
    images = [*sample("receipt.png"), *sample("invoice.jpg"), drawn(), drawn(font=_SERIF, size=22)]
    pages = [*map(page, images), page(picture("img_exif_orientation.jpg"), "ch")]
    assert [texts(one) for one in read(rapidocr, *pages)] == [texts(one) for one in read(paddleocr, *pages)]


def test_pooled_with_other_pages_or_alone_the_text_is_the_same(rapidocr: RapidOcrOpenVino, sample: Sample) -> None:
    images = [*sample("receipt.png"), drawn(size=18), drawn(font=_SERIF, size=34), *sample("invoice.jpg")]
    together = read(rapidocr, *map(page, images))
    alone = [read(rapidocr, page(image))[0] for image in images]
    assert [texts(one) for one in together] == [texts(one) for one in alone]
    assert [[box.bbox for box in one.boxes] for one in together] == [[box.bbox for box in one.boxes] for one in alone]


def test_upside_down_lines(rapidocr: RapidOcrOpenVino) -> None:
    image = drawn()
    turned = image.copy()
    turned[78:130] = image[78:130][::-1, ::-1]  # the second line alone
    with_turning, without = read(rapidocr, page(turned), page(turned, use_angle_cls=False))
    assert texts(with_turning) == list(_LINES)
    assert [box.rotation for box in sorted(with_turning.boxes, key=lambda box: box.bbox[0][1])] == [0, 180, 0, 0, 0]
    assert _LINES[1] not in texts(without)
    assert [text for text in _LINES if text in texts(without)] == [_LINES[0], *_LINES[2:]]
    assert all(box.rotation == 0 for box in without.boxes)


def test_a_page_upside_down(rapidocr: RapidOcrOpenVino, sample: Sample) -> None:
    (image,) = sample("receipt.png")
    (found,) = read(rapidocr, page(np.ascontiguousarray(image[::-1, ::-1])))
    assert sorted(texts(found)) == sorted(RECEIPT)
    assert {box.rotation for box in found.boxes} == {180}


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 5000), (5000, 1), (3, 2000), (6, 2000), (2000, 6), (40, 8000), (8000, 40), (29, 29)]
)
def test_strange_shapes_hold_no_text_and_stay_small(rapidocr: RapidOcrOpenVino, shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), 255, np.uint8)
    assert fit(image).image.size <= 3 * 2100 * 2100
    (found,) = read(rapidocr, page(image))
    assert (found.height, found.width) == shape
    assert [box.text for box in found.boxes if box.confidence > 0.8] == []
    if min(shape) < 5:
        assert found.boxes == ()


def test_a_strip_of_one_line(rapidocr: RapidOcrOpenVino) -> None:
    text = "weight container order receipt 5091 delivery customer address 4270 thank street"
    strip = np.asarray(draw_lines((text,), _SANS, 24, 1200))[28:84]
    assert strip.shape[1] / strip.shape[0] > 20
    (found,) = read(rapidocr, page(strip))
    assert " ".join(texts(found)) == text


def test_a_blank_page_beside_a_full_one(rapidocr: RapidOcrOpenVino, sample: Sample) -> None:
    blank = np.full((300, 300, 3), 255, np.uint8)
    first, second, third = read(rapidocr, page(blank), page(sample("receipt.png")[0]), page(blank))
    assert first.boxes == third.boxes == ()
    assert texts(second) == list(RECEIPT)
    assert rapidocr.read([]) == []


def test_korean_needs_its_model(rapidocr: RapidOcrOpenVino) -> None:
    assert ("korean" in rapidocr.languages) != ("korean_PP-OCRv5_mobile_rec" in rapidocr.korean_missing)


@pytest.fixture
def recognizer_folder(tmp_path: Path) -> Path:
    """A recogniser in PaddleOCR's form. Its weights are PP-OCRv6's: the Korean ones are in no Python package."""
    return paddle_folder.recognition("package:rapidocr/models", "korean_PP-OCRv5_mobile_rec", tmp_path)


def test_a_korean_recogniser_from_a_folder(recognizer_folder: Path, sample: Sample) -> None:
    backend = RapidOcrOpenVino(RapidOcrOptions(), threads=1, korean_source=str(recognizer_folder))
    assert "korean" in backend.languages
    assert backend.model("korean") == "korean_PP-OCRv5_mobile_rec"
    assert backend.model("en") == "PP-OCRv6_small_rec"
    pages = [page(sample("receipt.png")[0], "korean"), page(sample("receipt.png")[0])]
    assert [texts(one) for one in read(backend, *pages)] == [list(RECEIPT)] * 2
    backend.close()


def test_a_recogniser_whose_characters_do_not_fit_is_refused(recognizer_folder: Path) -> None:
    settings = recognizer_folder / "inference.yml"
    content = yaml.safe_load(settings.read_text())
    content["PostProcess"]["character_dict"].pop()
    settings.write_text(yaml.safe_dump(content))
    with pytest.raises(weights.WeightsCorrupt, match="classes"):
        RapidOcrOpenVino(RapidOcrOptions(), korean_source=str(recognizer_folder))


def test_a_korean_source_without_a_model_says_what_is_missing(tmp_path: Path) -> None:
    backend = RapidOcrOpenVino(RapidOcrOptions(), threads=1, korean_source=str(tmp_path))
    assert "inference.onnx" in backend.korean_missing
    assert "korean" not in backend.languages
