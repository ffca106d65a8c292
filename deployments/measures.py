"""What each service's results were worth to their callers: amounts by kind, the keys of `serving.metrics.WORK`."""

from __future__ import annotations

from collections.abc import Mapping

from deployments.container_number.crop_requests import CropResult
from deployments.embedding.types import EmbeddingResult
from deployments.ocr.types import OcrResult
from deployments.speech.types import SpeechResult


def ocr(result: OcrResult) -> Mapping[str, float]:
    return {"pages": len(result.pages), "text_boxes": len(result.text_boxes)}


def embedding(result: EmbeddingResult) -> Mapping[str, float]:
    return {"tokens": result.tokens_read}


def speech(result: SpeechResult) -> Mapping[str, float]:
    return {"audio_seconds": result.duration_s}


def crops(result: CropResult) -> Mapping[str, float]:
    return {"crops": len(result.texts)}
