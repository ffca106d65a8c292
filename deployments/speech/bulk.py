"""Transcripts of many recordings: `python -m deployments.speech.bulk SOURCE DESTINATION --language en`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from pydantic import Field

from deployments.serving.audio import AudioPolicy
from deployments.serving.batching import Batching
from deployments.serving.bulk_command import job_options, parser, report, source_of
from deployments.serving.bulk_job import run_job
from deployments.serving.bulk_progress import Summary
from deployments.serving.bulk_rows import Row
from deployments.serving.bulk_settings import JobSettings, load_settings, refuse_unknown
from deployments.serving.bulk_task import BulkTask, Sections
from deployments.serving.media import InlineMedia
from deployments.speech import bulk_sections
from deployments.speech.engine import load_engine
from deployments.speech.types import DecodeOptions, SpeechConfig, SpeechRequest, SpeechResult

refuse_unknown(SpeechConfig, AudioPolicy, Batching)

_FOUR_HOURS_S = 4 * 3600.0
"""Of one recording."""


class SpeechJobSettings(JobSettings):
    """Section `speech` of `ray_configs/jobs/*.yaml`."""

    model: SpeechConfig = SpeechConfig(audio=AudioPolicy(max_bytes=2**30, max_duration_s=_FOUR_HOURS_S))
    # Recordings are held decoded while they wait: few ahead.
    batching: Batching = Batching(max_batch_size=4, max_batch_cost=120_000)
    inputs_per_task: int = 4
    section_s: float = Field(default=600, ge=10)
    """A longer recording is done in sections of about so many seconds, by several actors, after the short ones."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; the exit status."""
    known = parser("speech", "path", "Transcribe recordings: one row per file, long ones cut and put together again.")
    known.add_argument("--language", help="code or name; detected by default")
    known.add_argument("--task", choices=("transcribe", "translate"), default="transcribe")
    known.add_argument("--word-timestamps", action="store_true")
    known.add_argument("--no-vad", action="store_true", help="decode silence, too")
    given = known.parse_args(arguments)
    options = DecodeOptions(task=given.task, word_timestamps=given.word_timestamps)
    form = partial(request, given.language, not given.no_vad, options)

    def run() -> Summary:
        settings = load_settings(SpeechJobSettings, given.config, "speech")
        return run_job(
            bulk_task(settings, form),
            source_of(given, "path"),
            given.destination,
            settings,
            job_options(given),
            {"language": given.language, "vad": not given.no_vad, **asdict(options)},
        )

    return report(run)


def bulk_task(settings: SpeechJobSettings, request: partial[SpeechRequest]) -> BulkTask:
    """`request`: (bytes, path) -> request, with the job's options in it."""
    audio, seconds = settings.model.audio, settings.section_s
    return BulkTask(
        service="speech",
        kind="path",
        load=partial(load_engine, settings.model),
        request=request,
        sample=_silence,
        result=_result,
        result_fields=result_fields,
        max_bytes=audio.max_bytes,
        sections=Sections(
            partial(_count, audio, seconds), partial(_section, request, audio, seconds), bulk_sections.join
        ),
    )


def result_fields() -> list[Any]:
    """Columns of speech rows after those of `serving.bulk_rows`: (name, Arrow type). Times in seconds."""
    import pyarrow as pa

    word = pa.struct([("text", pa.string()), ("start", pa.float64()), ("end", pa.float64())])
    times = [("start", pa.float64()), ("end", pa.float64())]
    return [
        ("text", pa.string()),
        ("language", pa.string()),  # ISO 639-1, as asked for or detected
        ("language_probability", pa.float32()),  # null where it was asked for
        ("duration_s", pa.float64()),
        ("segments", pa.list_(pa.struct([*times, ("text", pa.string()), ("words", pa.list_(word))]))),
    ]


def request(language: str | None, vad: bool, options: DecodeOptions, data: bytes, path: str) -> SpeechRequest:
    return SpeechRequest(InlineMedia(data, path), language, vad, options)


def _count(audio: AudioPolicy, seconds: float, data: bytes) -> int:
    return bulk_sections.count(data, audio, seconds)


def _section(
    request: partial[SpeechRequest], audio: AudioPolicy, seconds: float, data: bytes, path: str, index: int, of: int
) -> SpeechRequest:
    return request(bulk_sections.cut(data, audio, seconds, index, of), path)


def _silence() -> bytes:
    """A second of it, as WAV: what options are tried on."""
    return bulk_sections.wav(bytes(32_000))


def _result(result: SpeechResult) -> Row:
    segments = [
        {
            "start": segment.start,
            "end": segment.end,
            "text": segment.text,
            "words": [{"text": word.text, "start": word.start, "end": word.end} for word in segment.words],
        }
        for segment in result.segments
    ]
    facts = {"text": result.text, "language": result.language, "language_probability": result.language_probability}
    return {**facts, "duration_s": result.duration_s, "segments": segments}


if __name__ == "__main__":
    # Under its own name, so that actors find what they are sent.
    from deployments.speech import bulk

    sys.exit(bulk.main())
