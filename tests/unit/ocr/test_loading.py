"""From a configuration to an engine: what does not load is said, not hidden."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from deployments.ocr import loading
from deployments.ocr.backends.fake import FakeOptions
from deployments.ocr.backends.paddleocr import PaddleOcrOptions
from deployments.ocr.backends.rapidocr_openvino import RapidOcrOptions
from deployments.ocr.backends.tesseract import TesseractOptions
from deployments.ocr.loading import OcrConfig, load_engine
from deployments.ocr.types import OcrOptions, OcrRequest, PageText
from deployments.serving.errors import BackendMissing
from deployments.serving.media import InlineMedia, MediaPolicy
from tests.assets.ocr.draw_samples import RECEIPT, SAMPLES


def test_a_configuration_crosses_processes() -> None:
    config = OcrConfig(backends=(RapidOcrOptions(recognition_batch=4), FakeOptions()), policy=MediaPolicy(max_pages=3))
    assert pickle.loads(pickle.dumps(config)) == config


def test_what_does_not_load_is_in_the_card_with_its_reason(tmp_path: Path) -> None:
    config = OcrConfig(
        backends=(
            TesseractOptions(program="no-such-program"),
            RapidOcrOptions(source=str(tmp_path / "nowhere")),
            FakeOptions(),
        )
    )
    engine = load_engine(config)
    tesseract, rapidocr, fake = engine.card.backends
    assert (tesseract.name, tesseract.loaded) == ("tesseract", False)
    assert "apt-get install" in tesseract.reason
    assert (rapidocr.name, rapidocr.loaded) == ("rapidocr", False)
    assert "nowhere" in rapidocr.reason
    assert (fake.name, fake.loaded, engine.card.backend) == ("fake", True, "fake")


def test_a_broken_package_is_a_reason_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **options: object) -> None:
        raise ImportError("libGL.so.1: cannot open shared object file")

    monkeypatch.setattr(loading, "PaddleOcr", broken)
    engine = load_engine(OcrConfig(backends=(PaddleOcrOptions(), FakeOptions())))
    assert "libGL" in engine.card.backends[0].reason


def test_a_cache_folder_that_cannot_be_written_is_no_reason_to_fail() -> None:
    engine = load_engine(OcrConfig(backends=(RapidOcrOptions(),), threads=1, cache_dir="/dev/null/cache"))
    assert engine.card.backends[0].loaded


def test_when_nothing_loads_all_reasons_are_told() -> None:
    with pytest.raises(BackendMissing, match=r"tesseract: the program 'none-such'"):
        load_engine(OcrConfig(backends=(TesseractOptions(program="none-such"),)))
    with pytest.raises(BackendMissing, match="none is configured"):
        load_engine(OcrConfig(backends=()))


def test_the_default_engine_reads_a_sample(tmp_path: Path) -> None:
    engine = load_engine(OcrConfig(backends=(RapidOcrOptions(),), threads=1, cache_dir=str(tmp_path)))
    engine.warm_up()
    request = OcrRequest(InlineMedia((SAMPLES / "receipt.png").read_bytes()), OcrOptions(language="english"))
    units = engine.prepare(request)
    outcomes = [outcome for outcome in engine.infer(units) if isinstance(outcome, PageText)]
    result = engine.assemble(request, units, outcomes)
    assert [box.text for box in result.text_boxes] == list(RECEIPT)
    assert (result.backend, result.model) == ("rapidocr", "PP-OCRv6_small_rec")
    assert engine.card.version == "sha256:6f327246b503"
    engine.close()
