"""FLAC files of 16 kHz mono 16-bit speech."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.nano_whisper.synthesise import SAMPLE_RATE


def write_flac(samples: NDArray[np.int16], path: Path) -> None:
    """Write samples of shape (n,) without loss."""
    import av

    with av.open(str(path), "w", format="flac") as container:
        stream = container.add_stream("flac", rate=SAMPLE_RATE, layout="mono", format="s16")
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)


def read_flac(path: Path) -> NDArray[np.int16]:
    """Samples of shape (n,). Raises ValueError where the file is not 16 kHz mono 16-bit."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        found = (stream.rate, stream.channels, stream.format.name)
        if found != (SAMPLE_RATE, 1, "s16"):
            raise ValueError(f"{path} is {found}, not {(SAMPLE_RATE, 1, 's16')}")
        return np.concatenate([frame.to_ndarray()[0] for frame in container.decode(stream)])
