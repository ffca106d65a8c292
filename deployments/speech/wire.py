"""What `/docs` says that `/transcribe` answers; `formats` writes it."""

from __future__ import annotations

from pydantic import BaseModel


class WordReply(BaseModel):
    word: str
    start: float
    end: float
    probability: float


class SegmentReply(BaseModel):
    id: int
    start: float
    """Seconds from the recording's start."""
    end: float
    text: str
    words: list[WordReply] | None = None
    """With `word_timestamps=true`."""
    tokens: list[int] | None = None
    """This and the following: with `response_format=verbose_json`."""
    temperature: float | None = None
    avg_logprob: float | None = None
    compression_ratio: float | None = None
    no_speech_prob: float | None = None


class TranscribeReply(BaseModel):
    success: bool
    text: str
    """Empty where nobody speaks."""
    language: str
    """ISO 639-1; empty where nobody speaks and no language was named."""
    duration: float
    """Seconds of sound."""
    backend: str
    model: str
    task: str
    language_probability: float | None
    """Of the detected language; null where it was named."""
    processing_time: float
    """Seconds in the server."""
    real_time_factor: float
    """`processing_time` / `duration`."""
    segments: list[SegmentReply]
