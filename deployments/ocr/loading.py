"""From a configuration to a loaded engine."""

from __future__ import annotations

import logging
import os
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

from deployments.ocr.backends.backend import OcrBackend
from deployments.ocr.backends.fake import FakeOcr, FakeOptions
from deployments.ocr.backends.paddleocr import PaddleOcr, PaddleOcrOptions
from deployments.ocr.backends.rapidocr_openvino import RapidOcrOpenVino, RapidOcrOptions
from deployments.ocr.backends.tesseract import Tesseract, TesseractOptions
from deployments.ocr.engine import OcrEngine
from deployments.ocr.languages import KOREAN
from deployments.serving.engine import BackendStatus
from deployments.serving.errors import BackendMissing
from deployments.serving.media import MediaPolicy

_log = logging.getLogger(__name__)

BackendOptions = RapidOcrOptions | PaddleOcrOptions | TesseractOptions | FakeOptions
"""Told apart by `kind`, which is also the backend's name."""


def default_cache_dir() -> str:
    """`$XDG_CACHE_HOME/sensorium`, else `~/.cache/sensorium` (XDG Base Directory specification)."""
    return str(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sensorium")


@dataclass(frozen=True, slots=True)
class OcrConfig:
    backends: tuple[BackendOptions, ...] = (RapidOcrOptions(), TesseractOptions())
    """In order of preference: the first that reads a language is its default."""
    device: str = "cpu"
    """`cpu`, or `cuda` for PaddleOCR on a GPU."""
    threads: int | None = None
    """For one model call, and Tesseract processes at a time; None takes every core."""
    cache_dir: str = field(default_factory=default_cache_dir)
    """For what can be made again: compiled models, folders in PaddleOCR's form."""
    korean_model: str | None = None
    """Weights source of `korean_PP-OCRv5_mobile_rec` in ONNX form (for PaddleOCR: in its engine's form). None takes the
    local hub cache's, if it is there."""
    policy: MediaPolicy = field(default_factory=MediaPolicy)


def load_engine(config: OcrConfig) -> OcrEngine:
    """The engine with every backend that loads; the card says why others did not. Does not warm up.

    Raises:
        BackendMissing: none loads.
    """
    config = replace(config, cache_dir=_usable(config.cache_dir))
    loaded: list[OcrBackend] = []
    status: list[BackendStatus] = []
    for options in config.backends:
        try:
            backend = _load(options, config)
        except BackendMissing as error:
            _log.warning("OCR backend %s is not loaded: %s", options.kind, error.message)
            status.append(BackendStatus(options.kind, loaded=False, reason=error.message))
        except (ImportError, OSError, RuntimeError, ValueError) as error:
            reason = f"a package or file of it is missing or broken ({type(error).__name__}: {error})"
            _log.warning("OCR backend %s is not loaded", options.kind, exc_info=error)
            status.append(BackendStatus(options.kind, loaded=False, reason=reason))
        else:
            loaded.append(backend)
            status.append(BackendStatus(backend.name, True, backend.model(backend.languages[0]), _korean_note(backend)))
    if not loaded:
        reasons = "; ".join(f"{one.name}: {one.reason}" for one in status) or "none is configured"
        raise BackendMissing(f"no OCR backend loads. {reasons}")
    return OcrEngine(loaded, config.policy, status=status, device=config.device)


def _load(options: BackendOptions, config: OcrConfig) -> OcrBackend:
    match options:
        case RapidOcrOptions():
            return RapidOcrOpenVino(
                options, threads=config.threads, cache_dir=config.cache_dir, korean_source=config.korean_model
            )
        case PaddleOcrOptions():
            return PaddleOcr(
                options,
                device=config.device,
                threads=config.threads,
                cache_dir=config.cache_dir,
                korean_source=config.korean_model,
            )
        case TesseractOptions():
            return Tesseract(options, threads=config.threads)
        case FakeOptions():
            return FakeOcr(options)


def _usable(cache_dir: str) -> str:
    """`cache_dir`, or a temporary folder where that one cannot be written."""
    try:
        Path(cache_dir).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache_dir):
            return cache_dir
    except OSError as error:
        folder = tempfile.mkdtemp(prefix="sensorium-")
        _log.warning("the cache folder %s cannot be written (%s); using %s", cache_dir, error, folder)
        return folder


def _korean_note(backend: OcrBackend) -> str:
    """Why a loaded backend lacks the language that is asked for by default; empty if it does not."""
    if KOREAN in backend.languages:
        return ""
    missing = getattr(backend, "korean_missing", "")
    return f"reads no Korean: {missing}" if missing else "reads no Korean"
