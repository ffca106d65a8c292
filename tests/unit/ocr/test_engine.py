"""The four verbs, on the fake backend: choice, batching across requests, faults that stay with their page."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from deployments.ocr.backends.fake import FakeOcr, FakeOptions
from deployments.ocr.engine import OcrEngine
from deployments.ocr.page import Page
from deployments.ocr.types import OcrOptions, OcrRequest, OcrResult, PageText, TextBox
from deployments.serving.engine import Engine
from deployments.serving.errors import (
    AccessDenied,
    BackendMissing,
    EngineFailed,
    InputTooLarge,
    InvalidInput,
    UnsupportedMedia,
    UnsupportedOption,
)
from deployments.serving.media import InlineMedia, MediaPolicy, StoredMedia

FAULT, ERROR, GOOD = (255, 0, 255), (0, 255, 255), (250, 250, 250)


class NamedFake(FakeOcr):
    """A fake under another name, with its own languages; counts its calls."""

    def __init__(self, name: str, languages: Sequence[str], **options: Any) -> None:
        super().__init__(FakeOptions(languages=tuple(languages), fault_color=FAULT, error_color=ERROR, **options))
        self.name = name
        self.calls: list[int] = []

    def read(self, pages: Sequence[Page]) -> list[PageText | Exception]:
        self.calls.append(len(pages))
        return super().read(pages)


class FixedBoxes(FakeOcr):
    """Always reads the same boxes."""

    def __init__(self, *boxes: TextBox) -> None:
        super().__init__(FakeOptions())
        self.boxes = boxes

    def read(self, pages: Sequence[Page]) -> list[PageText | Exception]:
        return [PageText(self.boxes, page.width, page.height) for page in pages]


@pytest.fixture
def latin() -> NamedFake:
    return NamedFake("first", ("en", "latin"))


@pytest.fixture
def korean() -> NamedFake:
    return NamedFake("second", ("korean", "en"))


def test_it_is_an_engine(latin: NamedFake) -> None:
    engine: Engine[OcrRequest, Page, PageText, OcrResult] = OcrEngine([latin])  # checked by mypy
    assert engine.card.backend == "first"


@pytest.fixture
def engine(latin: NamedFake, korean: NamedFake) -> OcrEngine:
    return OcrEngine([latin, korean], MediaPolicy(max_bytes=100_000))


def png(
    *, color: tuple[int, int, int] = GOOD, bars: int = 1, size: tuple[int, int] = (60, 80), kind: str = "PNG"
) -> bytes:
    """A page with dark bars, each one "line" to the fake backend."""
    image = Image.new("RGB", size, color)
    for bar in range(bars):
        image.paste((0, 0, 0), (5, 10 + 20 * bar, 40 + bar, 18 + 20 * bar))
    stream = BytesIO()
    image.save(stream, kind)
    return stream.getvalue()


def request(data: bytes, **options: Any) -> OcrRequest:
    return OcrRequest(InlineMedia(data), OcrOptions(**{"language": "en", **options}))


def answer(engine: OcrEngine, one: OcrRequest) -> OcrResult:
    units = engine.prepare(one)
    outcomes = []
    for outcome in engine.infer(units):
        assert isinstance(outcome, PageText), outcome
        outcomes.append(outcome)
    return engine.assemble(one, units, outcomes)


def test_a_page_becomes_its_lines(engine: OcrEngine) -> None:
    result = answer(engine, request(png(bars=2)))
    assert [box.bbox[0] for box in result.text_boxes] == [(5, 10), (5, 30)]
    assert result.pages == ((60, 80),)
    assert (result.backend, result.model, result.language) == ("first", "fake-en", "en")
    assert result.timings_ms["decode"] > 0
    assert result.timings_ms["inference"] > 0


def test_every_page_of_a_document_is_a_unit(engine: OcrEngine) -> None:
    stream = BytesIO()
    pages = [Image.open(BytesIO(png(bars=bars))) for bars in (1, 3, 0)]
    pages[0].save(stream, "TIFF", save_all=True, append_images=pages[1:])
    one = request(stream.getvalue())
    assert [unit.number for unit in engine.prepare(one)] == [0, 1, 2]
    result = answer(engine, one)
    assert [box.page for box in result.text_boxes] == [0, 1, 1, 1]
    assert result.pages == ((60, 80),) * 3


def test_cost_is_pixels(engine: OcrEngine) -> None:
    (unit,) = engine.prepare(request(png(size=(60, 80))))
    assert engine.cost(unit) == 4800
    (unit,) = engine.prepare(request(png(size=(1, 1), bars=0)))
    assert engine.cost(unit) == 1


def test_units_of_many_requests_go_to_each_backend_at_once(
    engine: OcrEngine, latin: NamedFake, korean: NamedFake
) -> None:
    requests = [
        request(png(bars=bars), language=language)
        for bars, language in ((1, "en"), (2, "korean"), (3, "fr"), (0, "ko"))
    ]
    units = [engine.prepare(one)[0] for one in requests]
    outcomes = engine.infer(units)
    assert latin.calls == [2]
    assert korean.calls == [2]
    assert [len(outcome.boxes) for outcome in outcomes if isinstance(outcome, PageText)] == [1, 2, 3, 0]


def test_a_page_that_crashes_the_library_fails_alone(engine: OcrEngine, latin: NamedFake) -> None:
    colors = [GOOD, FAULT, GOOD, ERROR, GOOD]
    units = [engine.prepare(request(png(color=color, bars=number)))[0] for number, color in enumerate(colors)]
    outcomes = engine.infer([units[0], units[1], units[2], units[4]])
    assert latin.calls == [4, 1, 1, 1, 1]
    failure = outcomes.pop(1)
    assert isinstance(failure, EngineFailed)
    assert failure.details == {"backend": "first"}
    assert [len(outcome.boxes) for outcome in outcomes if isinstance(outcome, PageText)] == [0, 2, 4]
    latin.calls.clear()
    outcomes = engine.infer([units[0], units[3]])
    assert latin.calls == [2]
    assert isinstance(outcomes[0], PageText)
    assert isinstance(outcomes[1], EngineFailed)


def test_one_backends_crash_leaves_the_others_pages_alone(engine: OcrEngine, korean: NamedFake) -> None:
    units = [*engine.prepare(request(png(color=FAULT))), *engine.prepare(request(png(), language="korean"))]
    failed, fine = engine.infer(units)
    assert isinstance(failed, EngineFailed)
    assert isinstance(fine, PageText)
    assert korean.calls == [1]


def test_threshold_and_order() -> None:
    def box(text: str, confidence: float, top: float) -> TextBox:
        return TextBox(text, confidence, ((0, top), (9, top), (9, top + 5), (0, top + 5)))

    engine = OcrEngine([FixedBoxes(box("low", 0.3, 0), box("second", 0.5, 40), box("first", 1.0, 20))])
    for threshold, wanted in ((0.5, ["first", "second"]), (0, ["low", "first", "second"]), (1, ["first"])):
        result = answer(engine, request(png(), confidence_threshold=threshold))
        assert [found.text for found in result.text_boxes] == wanted


@pytest.mark.parametrize("threshold", [1.5, -0.1, float("nan"), float("inf")])
def test_a_threshold_outside_its_range(engine: OcrEngine, threshold: float) -> None:
    with pytest.raises(InvalidInput, match="confidence_threshold"):
        engine.prepare(request(png(), confidence_threshold=threshold))


def test_an_unknown_language_lists_those_there_are(engine: OcrEngine) -> None:
    with pytest.raises(UnsupportedOption, match="klingon") as caught:
        engine.prepare(request(png(), language="klingon"))
    assert caught.value.details["available"] == ["en", "korean", "latin"]
    assert type(caught.value) is UnsupportedOption


def test_a_backend_by_name(engine: OcrEngine) -> None:
    assert answer(engine, request(png(), backend="second")).backend == "second"
    with pytest.raises(UnsupportedOption, match="not loaded; available: first, second"):
        engine.prepare(request(png(), backend="tesseract"))
    with pytest.raises(UnsupportedOption, match="does not read 'ko'; it reads: en, latin"):
        engine.prepare(request(png(), backend="first", language="ko"))


def test_korean_without_a_backend_says_what_to_install(latin: NamedFake) -> None:
    engine = OcrEngine([latin])
    with pytest.raises(BackendMissing, match=r"korean_PP-OCRv5_mobile_rec.*tesseract-ocr-kor"):
        engine.prepare(OcrRequest(InlineMedia(png())))


def test_options_are_checked_before_the_image_is(engine: OcrEngine) -> None:
    with pytest.raises(UnsupportedOption):
        engine.prepare(request(b"", language="klingon"))


@pytest.mark.parametrize(
    ("source", "error"),
    [
        (InlineMedia(b""), InvalidInput),
        (InlineMedia(b"not an image"), UnsupportedMedia),
        (InlineMedia(png()[:60]), UnsupportedMedia),
        (InlineMedia(b"x" * 100_001), InputTooLarge),
        (StoredMedia("/etc/passwd"), AccessDenied),
    ],
)
def test_bad_sources(engine: OcrEngine, source: InlineMedia | StoredMedia, error: type[Exception]) -> None:
    with pytest.raises(error):
        engine.prepare(OcrRequest(source, OcrOptions(language="en")))


def test_one_pixel_is_an_empty_result(engine: OcrEngine) -> None:
    result = answer(engine, request(png(size=(1, 1), bars=0)))
    assert result.text_boxes == ()
    assert result.pages == ((1, 1),)


def test_card(engine: OcrEngine) -> None:
    card = engine.card
    assert (card.model, card.backend, card.languages) == ("fake-en", "first", ("en", "latin", "korean"))
    assert [status.name for status in card.backends] == ["first", "second"]


def test_warm_up_runs_every_model(engine: OcrEngine, latin: NamedFake, korean: NamedFake) -> None:
    engine.warm_up()
    assert latin.calls == korean.calls == [1, 1]
    engine.close()


def test_without_backends() -> None:
    with pytest.raises(BackendMissing):
        OcrEngine([])


def test_the_fake_reads_pixels() -> None:
    backend = FakeOcr(FakeOptions())
    one, other = (Page(np.asarray(Image.open(BytesIO(png(bars=bars)))), "fake", "en") for bars in (2, 2))
    third = Page(np.asarray(Image.open(BytesIO(png(bars=2, color=(200, 200, 200))))), "fake", "en")
    first, same, different = backend.read([one, other, third])
    assert first == same
    assert isinstance(different, PageText)
    assert isinstance(first, PageText)
    assert [box.bbox for box in different.boxes] == [box.bbox for box in first.boxes]
