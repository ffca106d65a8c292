"""A transcript in the five response formats, in the service's own shape and in OpenAI's."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal

import orjson
from starlette.responses import Response

from deployments.speech import subtitles
from deployments.speech.languages import language_name
from deployments.speech.types import Segment, SpeechResult, Word

ResponseFormat = Literal["json", "text", "srt", "vtt", "verbose_json"]
Granularity = Literal["word", "segment"]


def service_answer(result: SpeechResult, response_format: ResponseFormat) -> Response:
    """`/transcribe`'s: the old service's fields and ours; `verbose_json` adds the model's figures per segment."""
    if response_format not in ("json", "verbose_json"):
        return _plain(result, response_format)
    return json_response(transcript(result, verbose=response_format == "verbose_json"))


def transcript(result: SpeechResult, *, verbose: bool = False) -> dict[str, Any]:
    """The service's JSON for one recording."""
    return {
        "success": True,
        "text": result.text,
        "language": result.language,
        "duration": round(result.duration_s, 3),
        "backend": result.backend,
        "model": result.model,
        "task": result.task,
        "language_probability": _rounded(result.language_probability),
        "processing_time": round(result.processing_s, 3),
        "real_time_factor": round(result.real_time_factor, 4),
        "segments": [
            service_segment(number, segment) | (_figures(segment, result) if verbose else {})
            for number, segment in enumerate(result.segments)
        ],
    }


def plain_text(result: SpeechResult, response_format: ResponseFormat) -> str:
    """The transcript as text, SubRip or WebVTT."""
    if response_format == "srt":
        return subtitles.srt(result.segments)
    if response_format == "vtt":
        return subtitles.vtt(result.segments)
    return result.text + "\n"


def service_segment(number: int, segment: Segment) -> dict[str, Any]:
    """Times and text of one segment; words where they were asked for."""
    entry: dict[str, Any] = {
        "id": number,
        "start": segment.start,
        "end": segment.end,
        "text": segment.text.strip(),
    }
    if segment.words:
        entry["words"] = [_word(word) | {"probability": round(word.probability, 4)} for word in segment.words]
    return entry


def openai_answer(
    result: SpeechResult, response_format: ResponseFormat, granularities: Collection[Granularity]
) -> Response:
    """OpenAI's `CreateTranscriptionResponse` (platform.openai.com/docs/api-reference/audio)."""
    if response_format == "json":
        return json_response({"text": result.text, "usage": _usage(result)})
    if response_format != "verbose_json":
        return _plain(result, response_format)
    body: dict[str, Any] = {
        "task": result.task,
        "language": language_name(result.language),
        "duration": round(result.duration_s, 3),
        "text": result.text,
        "usage": _usage(result),
        "backend": result.backend,
        "model": result.model,
    }
    if "word" in granularities:
        body["words"] = [_word(word) for segment in result.segments for word in segment.words]
    if "segment" in granularities or not granularities:
        body["segments"] = [
            {"id": number, "seek": 0, "start": segment.start, "end": segment.end, "text": segment.text}
            | _figures(segment, result)
            for number, segment in enumerate(result.segments)
        ]
    return json_response(body)


def json_response(content: dict[str, Any]) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")


def _plain(result: SpeechResult, response_format: ResponseFormat) -> Response:
    kind = "text/vtt" if response_format == "vtt" else "text/plain"
    return Response(plain_text(result, response_format), media_type=f"{kind}; charset=utf-8")


def _word(word: Word) -> dict[str, Any]:
    return {"word": word.text.strip(), "start": word.start, "end": word.end}


def _figures(segment: Segment, result: SpeechResult) -> dict[str, Any]:
    return {
        "tokens": segment.tokens,
        "temperature": result.temperature,
        "avg_logprob": round(segment.avg_logprob, 4),
        "compression_ratio": round(segment.compression_ratio, 4),
        "no_speech_prob": round(segment.no_speech_prob, 4),
    }


def _usage(result: SpeechResult) -> dict[str, Any]:
    return {"type": "duration", "seconds": round(result.duration_s, 3)}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
