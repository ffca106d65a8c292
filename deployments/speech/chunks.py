"""A recording to chunks of at most 30 s of speech, and times in a chunk back to times in the recording.

With voice activity detection: speech by Silero (github.com/snakers4/silero-vad, in faster-whisper's wheel)
with the settings of faster-whisper's batched pipeline, silence of more than 0.8 s left out, speech packed into chunks.
Without: the whole recording, cut at quiet places.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from deployments.serving import weights
from deployments.serving.audio import SAMPLE_RATE, Samples
from deployments.speech.types import Piece

MIN_SILENCE_MS = 160
"""Of BatchedInferencePipeline in faster-whisper 1.2.1; its VAD pads speech by 400 ms on each side."""
SILENT_PEAK = 1e-4
"""-80 dB of full scale: nothing but silence, whatever a model would make of it."""
CUT_SEARCH_S = 5.0
"""Before a cut is due: where the quietest place is looked for."""
_CUT_WINDOW_S = 0.05

Interval = tuple[int, int]
"""First sample, and the one behind the last."""


def speech_intervals(samples: Samples, chunk_s: float) -> list[Interval]:
    """Where somebody speaks, none longer than `chunk_s`. Thread-safe."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(max_speech_duration_s=chunk_s, min_silence_duration_ms=MIN_SILENCE_MS)
    return [(found["start"], found["end"]) for found in get_speech_timestamps(samples, options)]


def load_voice_detector() -> None:
    """Load Silero now rather than at the first request.

    Raises:
        WeightsMissing, WeightsCorrupt: see `deployments.serving.weights`.
    """
    weights.resolve("package:faster_whisper/assets")
    from faster_whisper.vad import get_vad_model

    get_vad_model()


def quiet_cuts(samples: Samples, chunk_s: float) -> list[Interval]:
    """The whole recording in intervals of at most `chunk_s`, cut at the quietest 50 ms of their last 5 s."""
    longest = int(chunk_s * SAMPLE_RATE)
    search = min(int(CUT_SEARCH_S * SAMPLE_RATE), longest // 2)
    intervals, start = [], 0
    while samples.shape[0] - start > longest:
        end = start + longest - search + quietest(samples[start + longest - search : start + longest])
        intervals.append((start, end))
        start = end
    intervals.append((start, samples.shape[0]))
    return intervals


def quietest(samples: Samples) -> int:
    """The middle of the quietest 50 ms; the end, if there are no 50 ms."""
    window = int(_CUT_WINDOW_S * SAMPLE_RATE)
    windows = samples[: samples.shape[0] // window * window].reshape(-1, window)
    if not windows.shape[0]:
        return int(samples.shape[0])
    return int(np.argmin(np.square(windows).sum(axis=1))) * window + window // 2


def packed(intervals: Sequence[Interval], chunk_s: float) -> list[list[Interval]]:
    """Consecutive intervals together, as many as fit into `chunk_s`."""
    longest = int(chunk_s * SAMPLE_RATE)
    groups: list[list[Interval]] = []
    filled = 0
    for start, end in intervals:
        if groups and filled + end - start <= longest:
            groups[-1].append((start, end))
            filled += end - start
        else:
            groups.append([(start, end)])
            filled = end - start
    return groups


def is_silent(samples: Samples) -> bool:
    """No sample above -80 dB."""
    return samples.shape[0] == 0 or max(float(samples.max()), -float(samples.min())) < SILENT_PEAK


def cut(samples: Samples, *, vad: bool, chunk_s: float) -> Iterator[tuple[Samples, tuple[Piece, ...]]]:
    """Chunks of a recording with the pieces they are made of; none where nobody speaks."""
    if is_silent(samples):
        return
    intervals = speech_intervals(samples, chunk_s) if vad else quiet_cuts(samples, chunk_s)
    for group in packed(intervals, chunk_s):
        # A copy even of a single piece: a view would keep the whole recording in memory.
        chunk = np.concatenate([samples[start:end] for start, end in group])
        if not is_silent(chunk):
            yield chunk, _pieces(group)


def recording_time(seconds: float, pieces: Sequence[Piece], *, is_end: bool = False) -> float:
    """Time in the recording of a time in a chunk. On a seam an end belongs to the piece before, a start to the next."""
    for piece in pieces:
        inside = seconds - piece.at
        if inside < piece.length or (is_end and inside <= piece.length + 1e-6):
            return round(piece.start + max(inside, 0.0), 3)
    last = pieces[-1]
    return round(last.start + last.length, 3)


def _pieces(group: Sequence[Interval]) -> tuple[Piece, ...]:
    pieces, at = [], 0
    for start, end in group:
        pieces.append(Piece(at / SAMPLE_RATE, start / SAMPLE_RATE, (end - start) / SAMPLE_RATE))
        at += end - start
    return tuple(pieces)
