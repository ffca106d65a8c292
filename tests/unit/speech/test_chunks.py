"""Cutting recordings, and times in chunks back to times in recordings."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.serving.audio import SAMPLE_RATE, AudioPolicy, load_audio
from deployments.serving.media import InlineMedia
from deployments.speech import chunks
from deployments.speech.types import Piece
from tests.unit.speech.conftest import sample


def test_speech_is_found_and_long_silence_left_out() -> None:
    recording = load_audio(InlineMedia(sample("yard.wav")), AudioPolicy())
    found = list(chunks.cut(recording, vad=True, chunk_s=30.0))
    assert len(found) == 1
    samples, pieces = found[0]
    # Sentences at 0.15-3.3, 5.5-8.1 and 10.3-12.6 s; 400 ms are kept around each.
    assert [round(piece.start, 1) for piece in pieces] == [
        pytest.approx(0.0, abs=0.2), pytest.approx(5.1, abs=0.4), pytest.approx(10.0, abs=0.4)
    ]  # fmt: skip
    assert len(samples) / SAMPLE_RATE == pytest.approx(sum(piece.length for piece in pieces))
    assert len(samples) < len(recording) - 1.5 * SAMPLE_RATE
    for piece in pieces:
        here, there = int(piece.at * SAMPLE_RATE), int(piece.start * SAMPLE_RATE)
        length = int(piece.length * SAMPLE_RATE)
        np.testing.assert_array_equal(samples[here : here + length], recording[there : there + length])


def test_short_chunks_hold_one_sentence_each() -> None:
    recording = load_audio(InlineMedia(sample("yard.wav")), AudioPolicy())
    found = list(chunks.cut(recording, vad=True, chunk_s=4.5))
    assert len(found) == 3
    assert all(len(samples) <= 4.5 * SAMPLE_RATE for samples, _ in found)


@pytest.mark.parametrize("vad", [True, False])
@pytest.mark.parametrize("level", [0.0, 5e-5])
def test_nothing_but_silence_gives_no_chunk(vad: bool, level: float) -> None:
    noise = np.random.default_rng(0).uniform(-level, level, 3 * SAMPLE_RATE).astype(np.float32)
    assert list(chunks.cut(noise, vad=vad, chunk_s=30.0)) == []


def test_hum_and_noise_are_not_speech() -> None:
    random = np.random.default_rng(0)
    noise = random.normal(0, 0.02, 5 * SAMPLE_RATE).astype(np.float32)
    assert list(chunks.cut(noise, vad=True, chunk_s=30.0)) == []


def test_without_detection_everything_is_kept_and_cut_where_it_is_quiet() -> None:
    random = np.random.default_rng(0)
    recording = random.normal(0, 0.1, 70 * SAMPLE_RATE).astype(np.float32)
    recording[27 * SAMPLE_RATE : int(27.2 * SAMPLE_RATE)] = 0
    recording[54 * SAMPLE_RATE : int(54.2 * SAMPLE_RATE)] = 0
    found = list(chunks.cut(recording, vad=False, chunk_s=30.0))
    starts = [pieces[0].start for _, pieces in found]
    assert starts == [0.0, pytest.approx(27.1, abs=0.1), pytest.approx(54.1, abs=0.1)]
    np.testing.assert_array_equal(np.concatenate([samples for samples, _ in found]), recording)


@given(
    lengths=st.lists(st.integers(1, 480_000), min_size=1, max_size=40),
    gaps=st.lists(st.integers(0, 100_000), min_size=40, max_size=40),
)
def test_packing_keeps_order_and_length(lengths: list[int], gaps: list[int]) -> None:
    intervals, at = [], 0
    for length, gap in zip(lengths, gaps, strict=False):
        intervals.append((at + gap, at + gap + length))
        at += gap + length
    groups = chunks.packed(intervals, 30.0)
    assert [interval for group in groups for interval in group] == intervals
    assert all(sum(end - start for start, end in group) <= 480_000 for group in groups)
    for group, following in itertools.pairwise(groups):  # no group could have taken the next interval
        assert sum(end - start for start, end in group) + following[0][1] - following[0][0] > 480_000


def test_times_on_a_seam() -> None:
    pieces = (Piece(0.0, 10.0, 2.0), Piece(2.0, 20.0, 3.0))
    time = chunks.recording_time
    assert time(0.0, pieces) == 10.0
    assert time(1.5, pieces, is_end=True) == 11.5
    assert time(2.0, pieces) == 20.0
    assert time(2.0, pieces, is_end=True) == 12.0
    assert time(4.0, pieces) == 22.0
    assert time(99.0, pieces, is_end=True) == 23.0


@given(st.floats(0, 5), st.floats(0, 5))
def test_times_keep_their_order(one: float, other: float) -> None:
    pieces = (Piece(0.0, 1.0, 2.0), Piece(2.0, 20.0, 3.0))
    first, second = sorted((one, other))
    assert chunks.recording_time(first, pieces) <= chunks.recording_time(second, pieces)
