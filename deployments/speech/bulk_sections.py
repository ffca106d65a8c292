"""Long recordings in sections, which several actors transcribe at the same time, and the rows put together again.

Sections end at the quietest place of the last seconds before they are due. Each is decoded from the file by itself, so
that no actor ever holds all of a recording; those on both sides of an end find the same place, as both hear the sound
before it.
"""

from __future__ import annotations

import io
import math
import wave
from collections.abc import Sequence
from typing import Any

import numpy as np

from deployments.serving.audio import SAMPLE_RATE, AudioPolicy
from deployments.serving.audio_decode import decode_blocks, stated_duration_s
from deployments.serving.bulk_rows import Row
from deployments.speech.chunks import CUT_SEARCH_S, quietest

_SEARCH = int(CUT_SEARCH_S * SAMPLE_RATE)


def count(data: bytes, policy: AudioPolicy, section_s: float) -> int:
    """How many sections a recording has.

    Raises:
        UnsupportedMedia, InvalidInput, InputTooLarge: see `audio_decode.decode`, where the header tells.
    """
    stated = stated_duration_s(data)
    if stated is None:  # written as a stream, as browsers do
        samples = sum(block.shape[0] for block in decode_blocks(data, policy.max_duration_s))
        stated = samples / SAMPLE_RATE
    # Beyond the limit decoding refuses it.
    return max(1, math.ceil(min(stated, policy.max_duration_s) / section_s))


def cut(data: bytes, policy: AudioPolicy, section_s: float, index: int, of: int) -> bytes:
    """Section `index` of `of` as a WAV file of 16 kHz, mono. The last one goes on to the end, whatever the header said.

    Raises:
        UnsupportedMedia, InvalidInput, InputTooLarge: see `audio_decode.decode`.
    """
    length = int(section_s * SAMPLE_RATE)
    search = min(_SEARCH, length // 2)
    first = index * length - search if index else 0
    last = (index + 1) * length if index + 1 < of else None
    samples = _between(data, policy, first, last)
    if index and samples.shape[0] < search:  # the header promised more: the section before has all there is
        samples, begin = np.zeros(1, np.int16), 0
    else:
        begin = quietest(_as_float(samples[:search])) if index else 0
    end = samples.shape[0]
    if last is not None and first + end == last:
        end += quietest(_as_float(samples[-search:])) - search
    return wav(samples[begin:end].tobytes())


def wav(samples: bytes) -> bytes:
    """A WAV file of 16-bit samples, 16 kHz, mono."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(SAMPLE_RATE)
        sound.writeframes(samples)
    return file.getvalue()


def join(rows: Sequence[Row]) -> Row:
    """The columns of `speech.bulk` for the whole recording."""
    spoken = next((row for row in rows if row["segments"]), rows[0])
    segments: list[Row] = []
    start = 0.0
    for row in rows:
        segments += [_later(segment, start) for segment in row["segments"]]
        start += row["duration_s"]
    return {
        "text": " ".join(row["text"] for row in rows if row["text"]),
        "language": spoken["language"],
        "language_probability": spoken["language_probability"],
        "duration_s": start,
        "segments": segments,
    }


def _between(data: bytes, policy: AudioPolicy, first: int, last: int | None) -> Any:
    """Samples `first` to `last` (not included) as int16; fewer where the sound ends before. Nothing after is read."""
    kept: list[Any] = []
    at = 0
    for block in decode_blocks(data, policy.max_duration_s):
        begin, at = at, at + block.shape[0]
        if at > first:  # an empty slice, too, would keep its block in memory
            kept.append(block[max(0, first - begin) : None if last is None else max(0, last - begin)])
        if last is not None and at >= last:
            break
    return np.concatenate(kept) if kept else np.empty(0, np.int16)


def _as_float(samples: Any) -> Any:
    return samples.astype(np.float32) / 32768.0


def _later(segment: Row, by: float) -> Row:
    words = [{**word, "start": word["start"] + by, "end": word["end"] + by} for word in segment["words"]]
    return {**segment, "start": segment["start"] + by, "end": segment["end"] + by, "words": words}
