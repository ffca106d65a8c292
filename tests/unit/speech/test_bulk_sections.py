"""Sections of a recording: nothing twice, nothing missing, cut where it is quiet; joined rows with its own times."""

from __future__ import annotations

import io
import wave
from typing import Any

import numpy as np
import pytest

from deployments.serving.audio import SAMPLE_RATE, AudioPolicy
from deployments.serving.errors import InputTooLarge, UnsupportedMedia
from deployments.speech import bulk_sections

POLICY = AudioPolicy(max_duration_s=120)


def _recording(seconds: float) -> Any:
    """Noise with 0.2 s of silence at 1.5 s of every two."""
    samples = np.random.default_rng(0).integers(-9000, 9000, int(seconds * SAMPLE_RATE)).astype(np.int16)
    for second in np.arange(1.5, seconds, 2):
        samples[int(second * SAMPLE_RATE) : int((second + 0.2) * SAMPLE_RATE)] = 0
    return samples


def _wav(samples: Any) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(SAMPLE_RATE)
        sound.writeframes(samples.tobytes())
    return file.getvalue()


def _samples(data: bytes) -> Any:
    with wave.open(io.BytesIO(data)) as sound:
        return np.frombuffer(sound.readframes(sound.getnframes()), np.int16)


@pytest.mark.parametrize("seconds", [3.0, 8.0, 8.01, 9.9, 11.3, 12.0, 31.7])
def test_sections_are_the_recording_cut_at_quiet_places(seconds: float) -> None:
    whole = _recording(seconds)
    data = _wav(whole)
    count = bulk_sections.count(data, POLICY, 4.0)
    assert count == np.ceil(seconds / 4)
    parts = [_samples(bulk_sections.cut(data, POLICY, 4.0, index, count)) for index in range(count)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert all(np.abs(part[-100:]).max() == 0 for part in parts[:-1])


@pytest.mark.parametrize("seconds", [8.5, 11.3, 12.0, 12.1])
def test_a_header_that_promises_more_than_there_is(seconds: float) -> None:
    whole = _recording(seconds)
    parts = [_samples(bulk_sections.cut(_wav(whole), POLICY, 4.0, index, 5)) for index in range(5)]
    kept = np.concatenate([part for part in parts if part.shape[0] > 1])
    np.testing.assert_array_equal(kept, whole)


def test_what_cannot_be_cut_says_why() -> None:
    with pytest.raises(UnsupportedMedia):
        bulk_sections.count(b"no sound", POLICY, 4.0)
    with pytest.raises(InputTooLarge):
        bulk_sections.cut(_wav(_recording(130)), POLICY, 60.0, 0, 2)


def test_joined_rows_have_the_recordings_times() -> None:
    def row(text: str, duration: float, language: str) -> dict[str, Any]:
        words = [{"text": text, "start": 0.5, "end": 1.0}]
        segments = [{"start": 0.5, "end": 1.0, "text": f" {text}", "words": words}] if text else []
        about = {"language": language, "language_probability": 0.9}
        return {"text": text, **about, "duration_s": duration, "segments": segments}

    joined = bulk_sections.join([row("", 4.0, ""), row("gate", 3.5, "en"), row("seven", 2.0, "en")])
    assert (joined["text"], joined["language"], joined["duration_s"]) == ("gate seven", "en", 9.5)
    assert [(segment["start"], segment["end"]) for segment in joined["segments"]] == [(4.5, 5.0), (8.0, 8.5)]
    assert joined["segments"][1]["words"] == [{"text": "seven", "start": 8.0, "end": 8.5}]
