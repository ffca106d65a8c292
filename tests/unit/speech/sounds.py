"""Recordings made for tests: tones in any container, by PyAV's encoders."""

from __future__ import annotations

import io
import wave
from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

CODECS = {"wav": "pcm_s16le", "mp3": "libmp3lame", "mp4": "aac", "flac": "flac", "ogg": "libopus", "webm": "libopus"}


def tone(seconds: float, rate: int, hertz: float = 440.0, level: float = 0.5) -> NDArray[np.float32]:
    """float32, shape (samples,)."""
    times = np.arange(int(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def encode(
    container: str, samples: NDArray[np.float32], rate: int, channels: int = 1, *, to_rate: int | None = None
) -> bytes:
    """The same sound in every channel, resampled from `rate` to `to_rate`."""
    to_rate = to_rate or rate
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        layout = {1: "mono", 2: "stereo", 6: "5.1"}[channels]
        stream: Any = output.add_stream(CODECS[container], rate=to_rate, layout=layout)
        resampler = av.AudioResampler(format=stream.format.name, layout=layout, rate=to_rate)
        frame = av.AudioFrame.from_ndarray(np.tile(samples, (channels, 1)), format="fltp", layout=layout)
        frame.sample_rate = rate
        frame.time_base = Fraction(1, rate)
        for ready in [*resampler.resample(frame), *resampler.resample(None)]:
            output.mux(stream.encode(ready))
        output.mux(stream.encode(None))
    return buffer.getvalue()


def wav(samples: NDArray[np.float32], rate: int = 16_000, channels: int = 1) -> bytes:
    """16-bit PCM by the standard library, the same sound in every channel."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as output:
        output.setnchannels(channels)
        output.setsampwidth(2)
        output.setframerate(rate)
        output.writeframes(np.repeat((samples * 32767).astype("<i2"), channels).tobytes())
    return buffer.getvalue()


def silent_video(seconds: float = 0.5) -> bytes:
    """An MP4 that has pictures only."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as output:
        stream: Any = output.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(int(seconds * 10)):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
        output.mux(stream.encode(None))
    return buffer.getvalue()


def pitch(samples: NDArray[np.float32], rate: int = 16_000) -> float:
    """The loudest frequency, hertz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.fft.rfftfreq(len(samples), 1 / rate)[int(np.argmax(spectrum))])
