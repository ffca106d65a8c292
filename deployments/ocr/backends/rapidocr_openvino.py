"""PP-OCR on OpenVINO, from the files that the `rapidocr` wheel carries: the first choice on CPU.

Detection, cropping and CTC decoding are RapidOCR's; the crops of all pages of a call are recognised together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from deployments.ocr.backends import korean_model, paddle_folder, second_look
from deployments.ocr.backends.openvino_session import OpenVinoSettings
from deployments.ocr.languages import KOREAN, PP_OCR_V6
from deployments.ocr.page import Page
from deployments.ocr.types import PageText, Quad, TextBox
from deployments.serving import weights

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from deployments.ocr.backends.text_detection import FittedPage
    from deployments.ocr.backends.text_recognition import TextRecognizer

_MIN_LEGIBLE = 5
"""Pixels: nothing can be read on a page that is less wide or high."""
ORIENTATION_FILE = "ch_ppocr_mobile_v2.0_cls_mobile.onnx"


@dataclass(frozen=True, slots=True)
class RapidOcrOptions:
    kind: Literal["rapidocr"] = "rapidocr"
    source: str = "package:rapidocr/models"
    """Folder of the three ONNX files, as `weights.resolve` takes it."""
    recognition_batch: int = 8
    """Crops in one call of the recogniser; 6 to 16 measured equal."""
    precision: str | None = None
    """See `OpenVinoSettings`."""


@dataclass(slots=True, eq=False)
class _Line:
    """One line on its way through: cut out, perhaps turned, read."""

    page: int
    quad: NDArray[np.float32]
    crop: NDArray[np.uint8]
    rotation: int = 0
    text: str = ""
    confidence: float = 0.0


class RapidOcrOpenVino:
    """
    Raises:
        WeightsMissing, WeightsCorrupt: see `weights.resolve`.
    """

    name = "rapidocr"

    def __init__(
        self,
        options: RapidOcrOptions,
        *,
        threads: int | None = None,
        cache_dir: str | None = None,
        korean_source: str | None = None,
    ) -> None:
        import openvino
        from rapidocr.utils.process_img import get_rotate_crop_image

        from deployments.ocr.backends.line_orientation import LineOrientation
        from deployments.ocr.backends.text_detection import TextDetector
        from deployments.ocr.backends.text_recognition import TextRecognizer

        folder = weights.resolve(options.source)
        settings = OpenVinoSettings(threads, options.precision, cache_dir)
        self.library = f"openvino {openvino.__version__.split('-')[0]}"
        self.version = weights.fingerprint(folder / paddle_folder.RECOGNITION_FILE)
        self._crop = get_rotate_crop_image
        self._detector = TextDetector(folder / paddle_folder.DETECTION_FILE, settings)
        self._orientation = LineOrientation(folder / ORIENTATION_FILE, settings)
        general = TextRecognizer(folder / paddle_folder.RECOGNITION_FILE, settings, options.recognition_batch)
        self._recognizers: dict[str, tuple[str, TextRecognizer]] = dict.fromkeys(
            PP_OCR_V6, ("PP-OCRv6_small_rec", general)
        )
        try:
            korean = paddle_folder.read_recognizer(korean_model.find(korean_source))
        except weights.WeightsMissing as error:
            self.korean_missing: str = error.message
        else:
            self.korean_missing = ""
            reader = TextRecognizer(korean.onnx, settings, options.recognition_batch, korean.characters)
            self._recognizers[KOREAN] = (korean.name, reader)

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(self._recognizers)

    def model(self, language: str) -> str:
        return self._recognizers[language][0]

    def read(self, pages: Sequence[Page]) -> list[PageText]:
        from deployments.ocr.backends.text_detection import fit

        fitted = [fit(page.image) for page in pages]
        legible = [i for i, page in enumerate(pages) if min(page.width, page.height) >= _MIN_LEGIBLE]
        lines = self._find_lines(fitted, legible)
        self._turn_upside_down([line for line in lines if pages[line.page].use_angle_cls])
        for recognizer in dict.fromkeys(self._recognizers[page.language][1] for page in pages):
            own = [line for line in lines if self._recognizers[pages[line.page].language][1] is recognizer]
            _recognize(recognizer, own)
            _look_again(recognizer, [line for line in own if pages[line.page].use_angle_cls])
        boxes: list[list[TextBox]] = [[] for _ in pages]
        for line in lines:
            if line.text.strip():
                quad = _quad(line.quad, fitted[line.page], pages[line.page])
                boxes[line.page].append(TextBox(line.text, line.confidence, quad, rotation=line.rotation))
        return [PageText(tuple(found), page.width, page.height) for found, page in zip(boxes, pages, strict=True)]

    def close(self) -> None:
        self._recognizers.clear()
        del self._detector, self._orientation

    def _find_lines(self, fitted: Sequence[FittedPage], legible: Sequence[int]) -> list[_Line]:
        """The lines of the pages with these indices."""
        return [
            _Line(page, quad, self._crop(fitted[page].image, quad.copy()))
            for page, quads in zip(legible, self._detector.detect([fitted[page] for page in legible]), strict=True)
            for quad in quads
        ]

    def _turn_upside_down(self, lines: Sequence[_Line]) -> None:
        """Turns, in place, the crops that stand upside down."""
        for line, turned in zip(lines, self._orientation.upside_down([line.crop for line in lines]), strict=True):
            if turned:
                line.crop, line.rotation = _turned(line.crop), 180


def _recognize(recognizer: TextRecognizer, lines: Sequence[_Line]) -> None:
    for line, (text, confidence) in zip(lines, recognizer.recognize([line.crop for line in lines]), strict=True):
        line.text, line.confidence = text, confidence


def _look_again(recognizer: TextRecognizer, lines: Sequence[_Line]) -> None:
    """Reads doubtful lines the other way up, and keeps that where it is read better."""
    doubtful = [line for line in lines if second_look.is_doubtful(line.confidence)]
    readings = recognizer.recognize([_turned(line.crop) for line in doubtful])
    for line, (text, confidence) in zip(doubtful, readings, strict=True):
        if second_look.wins(confidence, line.confidence):
            line.text, line.confidence, line.rotation = text, confidence, 180 - line.rotation


def _turned(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    import numpy as np

    return np.ascontiguousarray(crop[::-1, ::-1])


def _quad(quad: NDArray[np.float32], fitted: FittedPage, page: Page) -> Quad:
    from deployments.ocr.backends.text_detection import to_page

    first, second, third, fourth = to_page(quad, fitted, page.width, page.height).tolist()
    return (tuple(first), tuple(second), tuple(third), tuple(fourth))
