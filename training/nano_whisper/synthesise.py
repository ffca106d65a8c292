"""Synthetic speech: flite (voices slt and rms) speaks English, espeak-ng speaks Korean."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import wave
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Voice = Literal["slt", "rms", "ko"]
SAMPLE_RATE = 16_000
PROGRAMS = ("flite", "espeak-ng")


class SynthesiserMissing(RuntimeError):
    """flite or espeak-ng is not installed; the message says which and how to get them."""


@dataclass(frozen=True, slots=True)
class Speech:
    """One thing to say: ``stretch`` above 1 is slower; ``pitch`` (0 to 99) is heard by espeak-ng only."""

    text: str
    voice: Voice
    stretch: float
    pitch: int


def require_programs() -> None:
    """Raises SynthesiserMissing where a speech program is not on the PATH."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        raise SynthesiserMissing(f"not found: {', '.join(missing)}; on Debian: apt-get install {' '.join(missing)}")


def _flite(speech: Speech) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        stretch = f"duration_stretch={speech.stretch:.3f}"
        command = ["flite", "-voice", speech.voice, "--setf", stretch, "-t", speech.text, "-o", str(path)]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603  (a fixed program)
        return path.read_bytes()


def _espeak(speech: Speech) -> bytes:
    words_per_minute = str(round(160 / speech.stretch))
    command = [
        "espeak-ng",
        "-v",
        speech.voice,
        "-s",
        words_per_minute,
        "-p",
        str(speech.pitch),
        "--stdout",
        speech.text,
    ]
    return subprocess.run(command, check=True, capture_output=True).stdout  # noqa: S603  (a fixed program)


def _samples(wav: bytes) -> NDArray[np.int16]:
    """Samples at 16 kHz. A WAV written to a pipe has a false length in its header, so all that is there is read."""
    with wave.open(BytesIO(wav)) as reader:
        rate = reader.getframerate()
        samples = np.frombuffer(reader.readframes(len(wav) // 2), np.int16)
    if rate == SAMPLE_RATE:
        return samples
    from scipy.signal import resample_poly

    divisor = int(np.gcd(rate, SAMPLE_RATE))
    resampled = resample_poly(samples.astype(np.float32), SAMPLE_RATE // divisor, rate // divisor)
    rounded: NDArray[np.int16] = np.clip(np.rint(resampled), -32_768, 32_767).astype(np.int16)
    return rounded


def synthesise(speech: Speech) -> NDArray[np.int16]:
    """Mono samples at 16 kHz, shape (n,). Raises CalledProcessError where the speech program fails."""
    return _samples(_espeak(speech) if speech.voice == "ko" else _flite(speech))


def synthesise_all(speeches: Sequence[Speech], workers: int = 2) -> list[NDArray[np.int16]]:
    """Each speech's samples, in order; the speech programs run ``workers`` at a time."""
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(synthesise, speeches))
