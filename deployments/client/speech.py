"""Calls of the speech service, and what they answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from deployments.client.call import SPEECH_S, Call, form_fields, given
from deployments.client.replies import Reply, json_reader, text_reader
from deployments.client.sources import one_upload
from deployments.client.uploads import File

Task = Literal["transcribe", "translate"]
"""translate: any language to English text."""


@dataclass(frozen=True, slots=True)
class Word(Reply):
    """Seconds from the recording's start."""

    word: str
    start: float
    end: float
    probability: float


@dataclass(frozen=True, slots=True)
class Segment(Reply):
    """A phrase. Seconds from the recording's start."""

    id: int
    start: float
    end: float
    text: str
    words: tuple[Word, ...] | None = None
    """With `word_timestamps`."""
    tokens: tuple[int, ...] | None = None
    """This and the following: with `verbose`."""
    temperature: float | None = None
    avg_logprob: float | None = None
    compression_ratio: float | None = None
    no_speech_prob: float | None = None


@dataclass(frozen=True, slots=True)
class Transcript(Reply):
    """What was said."""

    success: bool
    text: str
    """Empty where nobody speaks."""
    language: str
    """ISO 639-1; empty where nobody speaks and no language was named."""
    duration: float
    """Seconds of sound."""
    backend: str
    model: str = ""
    task: str = "transcribe"
    language_probability: float | None = None
    """Of the detected language; None where it was named."""
    processing_time: float = 0.0
    """Seconds in the server."""
    real_time_factor: float = 0.0
    segments: tuple[Segment, ...] = ()


def transcribe(
    file: File | None = None,
    *,
    path: str | None = None,
    language: str | None = None,
    backend: str | None = None,
    task: Task | None = None,
    word_timestamps: bool = False,
    vad: bool | None = None,
    prompt: str | None = None,
    temperature: float | None = None,
    condition_on_previous_text: bool | None = None,
    verbose: bool = False,
    timeout_s: float = SPEECH_S,
) -> Call[Transcript]:
    """Speech to text: of a local recording that is uploaded, or of a path on the server.

    Args:
        path: on the server, under its media roots.
        language: ISO 639-1 code; detected where it is left out.
        backend: another than the server's default.
        vad: leave out silence before decoding; true by default.
        prompt: text said before: style, names, spelling.
        verbose: with the model's figures per segment.

    Raises:
        ValueError: neither or both of `file` and `path`; or a RejectedRequest, the server's own refusal.
        RetryableError: no attempt succeeded.
    """
    fields = given(
        path=path,
        language=language,
        backend=backend,
        task=task,
        word_timestamps=word_timestamps or None,
        vad=vad,
        prompt=prompt,
        temperature=temperature,
        condition_on_previous_text=condition_on_previous_text,
        response_format="verbose_json" if verbose else None,
    )
    return _call(file, fields, json_reader(Transcript), timeout_s)


def subtitles(
    file: File | None = None,
    *,
    path: str | None = None,
    format: Literal["srt", "vtt"] = "srt",  # noqa: A002 - the word that people look for
    language: str | None = None,
    backend: str | None = None,
    task: Task | None = None,
    prompt: str | None = None,
    timeout_s: float = SPEECH_S,
) -> Call[str]:
    """SubRip or WebVTT of a recording; the arguments as of `transcribe`, and the errors.

    Args:
        task: `translate` for English subtitles.
    """
    fields = given(path=path, response_format=format, language=language, backend=backend, task=task, prompt=prompt)
    return _call(file, fields, text_reader, timeout_s)


def _call(file: File | None, fields: dict[str, Any], read: Any, timeout_s: float) -> Call[Any]:
    uploads = one_upload(file, fields.get("path"), names=("file", "path"), what="recording")
    return Call("POST", "/speech/transcribe", read, timeout_s, form=form_fields(fields), uploads=uploads)
