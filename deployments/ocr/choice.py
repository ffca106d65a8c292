"""Which loaded backend reads a request."""

from __future__ import annotations

from collections.abc import Mapping

from deployments.ocr.backends.backend import OcrBackend
from deployments.ocr.languages import KOREAN, canonical
from deployments.ocr.types import OcrOptions
from deployments.serving.errors import BackendMissing, UnsupportedOption

KOREAN_HELP = (
    "no loaded backend reads Korean: run `hf download PaddlePaddle/korean_PP-OCRv5_mobile_rec_onnx`, or set "
    "`korean_model` to its folder in the YAML, or install Tesseract (`apt-get install tesseract-ocr "
    "tesseract-ocr-kor`); then restart"
)


def choose(backends: Mapping[str, OcrBackend], options: OcrOptions) -> tuple[OcrBackend, str]:
    """The backend that will read for these options, and the language's canonical name.

    Args:
        backends: the loaded ones by name, in order of preference.

    Raises:
        InvalidInput: the language is not a name.
        UnsupportedOption: no such backend is loaded, or none (or not that one) reads the language.
        BackendMissing: Korean, which is the default language, but what reads it is not installed.
    """
    language = canonical(options.language)
    if options.backend is not None:
        return _named(backends, options.backend, options.language), language
    for backend in backends.values():
        if language in backend.languages:
            return backend, language
    if language == KOREAN:
        raise BackendMissing(KOREAN_HELP, language=language)
    available = sorted({name for backend in backends.values() for name in backend.languages})
    raise UnsupportedOption(
        f"no loaded backend reads {options.language!r}; available: {', '.join(available)}",
        field="language",
        available=available,
    )


def _named(backends: Mapping[str, OcrBackend], name: str, language: str) -> OcrBackend:
    backend = backends.get(name)
    if backend is None:
        raise UnsupportedOption(
            f"backend {name!r} is not loaded; available: {', '.join(backends)}",
            field="backend",
            available=list(backends),
        )
    if canonical(language) not in backend.languages:
        raise UnsupportedOption(
            f"backend {name!r} does not read {language!r}; it reads: {', '.join(backend.languages)}",
            field="language",
            available=list(backend.languages),
        )
    return backend
