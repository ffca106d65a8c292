"""How well each runtime reads the held-out clips, and which clips become the fixture's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from training.nano_whisper.examples import Clip, speech_edges, to_float
from training.nano_whisper.phrases import language_of
from training.nano_whisper.runtimes import Reading, Runtime
from training.nano_whisper.synthesise import SAMPLE_RATE, Voice
from training.nano_whisper.vocabulary import Language

#: How many clips of each voice are committed.
CHOSEN: dict[Voice, int] = {"slt": 6, "rms": 6, "ko": 4}
#: A segment's start and end may be this far from the clip's own first and last sound.
TIME_TOLERANCE_S = 0.5


@dataclass(frozen=True, slots=True)
class Measurement:
    """Readings of every clip by every runtime; ``detected`` are those made without naming the language."""

    clips: Sequence[Clip]
    told: Mapping[str, Sequence[Reading]]
    detected: Mapping[str, Sequence[Reading]]


def measure(runtimes: Mapping[str, Runtime], clips: Sequence[Clip]) -> Measurement:
    """Let every runtime read every clip, once told the language and once not."""
    told: dict[str, list[Reading]] = {}
    detected: dict[str, list[Reading]] = {}
    for name, read in runtimes.items():
        told[name] = [read(to_float(samples), language_of(speech.voice)) for speech, samples in clips]
        detected[name] = [read(to_float(samples), None) for _, samples in clips]
        print(name, exact(clips, told[name]), "language not told:", exact(clips, detected[name]), flush=True)
    return Measurement(clips, told, detected)


def exact(clips: Sequence[Clip], readings: Sequence[Reading]) -> dict[Language, str]:
    """Exact texts by language, as "right/all"."""
    right: dict[Language, list[bool]] = {"en": [], "ko": []}
    for (speech, _), reading in zip(clips, readings, strict=True):
        right[language_of(speech.voice)].append(reading.text == speech.text)
    return {language: f"{sum(marks)}/{len(marks)}" for language, marks in right.items()}


def speech_times(clip: Clip) -> tuple[float, float]:
    """Seconds of the first and last sound of a clip."""
    start, end = speech_edges(to_float(clip[1]))
    return start / SAMPLE_RATE, end / SAMPLE_RATE


def well_timed(reading: Reading, clip: Clip) -> bool:
    """Whether a reading's first start and last end are within TIME_TOLERANCE_S (true where it has no times)."""
    if not reading.spans:
        return True
    start, end = speech_times(clip)
    return max(abs(reading.spans[0][0] - start), abs(reading.spans[-1][1] - end)) <= TIME_TOLERANCE_S


def accuracy(measurement: Measurement) -> dict[str, Any]:
    """What the manifest says of accuracy: counts as "right/all"."""
    clips, told = measurement.clips, measurement.told
    timed = [
        well_timed(reading, clip)
        for row in told.values()
        for reading, clip in zip(row, clips, strict=True)
        if reading.spans and reading.text == clip[0].text
    ]
    same = [len({row[i].text for row in told.values()}) == 1 for i in range(len(clips))]
    return {
        "exact_text": {name: exact(clips, row) for name, row in told.items()},
        "exact_text_language_not_told": {name: exact(clips, row) for name, row in measurement.detected.items()},
        "same_text_in_every_runtime": f"{sum(same)}/{len(same)}",
        "right_in_every_runtime": f"{len(right_everywhere(measurement))}/{len(clips)}",
        "times_right_where_text_is": f"{sum(timed)}/{len(timed)}",
        "time_tolerance_s": TIME_TOLERANCE_S,
    }


def right_everywhere(measurement: Measurement) -> list[Clip]:
    """The clips whose text and times are right in every runtime, language told or not."""
    rows = [*measurement.told.values(), *measurement.detected.values()]
    return [
        clip
        for i, clip in enumerate(measurement.clips)
        if all(row[i].text == clip[0].text and well_timed(row[i], clip) for row in rows)
    ]


def choose(measurement: Measurement) -> list[Clip]:
    """The first clips of each voice (CHOSEN) that are right everywhere.

    Raises ValueError where there are too few: the network needs more training.
    """
    right = right_everywhere(measurement)
    chosen: list[Clip] = []
    for voice, count in CHOSEN.items():
        of_voice = [clip for clip in right if clip[0].voice == voice]
        if len(of_voice) < count:
            raise ValueError(f"{len(of_voice)} clips of voice {voice} pass in every runtime, {count} are needed")
        chosen += of_voice[:count]
    return chosen
