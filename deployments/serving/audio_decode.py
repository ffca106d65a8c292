"""Bytes of a sound file to samples, by PyAV (FFmpeg's libraries inside its wheel)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np

from deployments.serving.audio import SAMPLE_RATE, Samples
from deployments.serving.errors import InputTooLarge, InvalidInput, UnsupportedMedia

DEMUXERS = "wav,w64,aiff,mp3,aac,flac,ogg,mov,mp4,m4a,3gp,matroska,webm,asf,avi,mpegts,mpeg,amr,caf,au"
"""FFmpeg's names of the containers we open. Playlists (HLS, concat, ...) are not among them: they open other files."""

FORMATS = "wav, mp3, m4a/mp4, flac, ogg/opus, webm"
"""The containers we promise."""


def decode(data: bytes, max_duration_s: float, *, name: str = "") -> Samples:
    """16 kHz mono samples of the first sound stream. Damaged packets are left out, as players do.

    Samples pass through 16-bit integers, as in faster-whisper and openai-whisper, so that all backends hear the same.

    Raises:
        InputTooLarge: longer than `max_duration_s`, by the container's word or by what comes out of it.
        InvalidInput: a sound file without a single sample.
        UnsupportedMedia: not a sound file, no sound stream, or nothing in it can be decoded.
    """
    blocks = list(decode_blocks(data, max_duration_s, name=name))
    samples = np.empty(sum(block.shape[0] for block in blocks), dtype=np.float32)
    np.concatenate(blocks, out=samples, casting="unsafe")
    samples /= 32768.0
    return samples


def decode_blocks(data: bytes, max_duration_s: float, *, name: str = "") -> Iterator[Any]:
    """The same sound as it is decoded: blocks of int16, shape (samples,). Raises as `decode`, on the way."""
    with _open(data, name) as container:
        stream = _sound_of(container, name)
        stated = _stated_s(container, stream)
        if stated is not None and stated > max_duration_s + 1:  # encoders' padding is not the caller's fault
            raise _too_long(max_duration_s, stated)
        most = int(max_duration_s * SAMPLE_RATE)
        length = 0
        frames = _Frames(container, stream)
        for block in _resampled(frames):
            length += block.shape[0]
            if length > most:
                raise _too_long(max_duration_s, None)
            yield block
    if not length:
        if frames.damaged:
            raise UnsupportedMedia(f"{_quoted(name)} is damaged: none of its sound can be decoded; send it again")
        raise InvalidInput(f"{_quoted(name)} holds no sound: its length is zero", field="file")


def stated_duration_s(data: bytes, *, name: str = "") -> float | None:
    """What the container says of its length; nothing, or a wrong thing, where it was written as a stream.

    Raises:
        UnsupportedMedia: not a sound file, or no sound stream.
    """
    with _open(data, name) as container:
        return _stated_s(container, _sound_of(container, name))


def _open(data: bytes, name: str) -> Any:
    import av

    try:
        return av.open(
            io.BytesIO(data),
            mode="r",
            metadata_errors="ignore",
            # Nothing but the bytes we hand over may be opened.
            options={"format_whitelist": DEMUXERS, "protocol_whitelist": "none"},
        )
    except (av.error.FFmpegError, ValueError) as error:
        raise _not_audio(data, name) from error


def _sound_of(container: Any, name: str) -> Any:
    stream = next(iter(container.streams.audio), None)
    if stream is None:
        kinds = sorted({found.type for found in container.streams})
        raise UnsupportedMedia(
            f"{_quoted(name)} holds no sound, only {', '.join(kinds) or 'no streams'}; send a file that has sound",
            streams=kinds,
        )
    return stream


class _Frames:
    """Decoded frames of one stream, and how many packets could not be decoded."""

    def __init__(self, container: Any, stream: Any) -> None:
        self.damaged = 0
        self._container = container
        self._stream = stream

    def __iter__(self) -> Iterator[Any]:
        import av

        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (av.error.FFmpegError, ValueError):
                self.damaged += 1  # the container itself is cut off or damaged here: nothing comes after it
                return
            try:
                yield from packet.decode()
            except (av.error.FFmpegError, ValueError):
                self.damaged += 1


def _resampled(frames: _Frames) -> Iterator[Any]:
    """Blocks of int16, shape (samples,)."""
    from av.audio.resampler import AudioResampler

    resampler: Any = None
    shape: tuple[Any, ...] = ()
    for frame in frames:
        frame.pts = None  # gaps and jumps in the stamps are not sound
        found = (frame.format.name, frame.layout.name, frame.sample_rate)
        if resampler is None or found != shape:  # chained streams may change their rate in the middle
            if resampler is not None:
                yield from _blocks(resampler.resample(None))
            resampler, shape = AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE), found
        yield from _blocks(resampler.resample(frame))
    if resampler is not None:
        yield from _blocks(resampler.resample(None))


def _blocks(frames: list[Any]) -> Iterator[Any]:
    for frame in frames:
        yield frame.to_ndarray().reshape(-1)


def _stated_s(container: Any, stream: Any) -> float | None:
    """Containers may state no duration or a wrong one; what is decoded is counted too."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    if container.duration is not None:
        return float(container.duration / 1_000_000)  # AV_TIME_BASE
    return None


def _too_long(limit: float, actual: float | None) -> InputTooLarge:
    length = "longer" if actual is None else f"{actual:,.0f} s long"
    details = {} if actual is None else {"actual": round(actual, 1)}
    return InputTooLarge(
        f"the recording is {length}; the limit is {limit:,.0f} s. Cut it and send the parts.",
        limit=limit,
        unit="seconds",
        **details,
    )


def _not_audio(data: bytes, name: str) -> UnsupportedMedia:
    if _is_text(data[:512]):
        return UnsupportedMedia(f"{_quoted(name)} is a text, not a recording; formats: {FORMATS}", formats=FORMATS)
    return UnsupportedMedia(
        f"{_quoted(name)} is not a recording we can read, or its header is damaged; formats: {FORMATS}", formats=FORMATS
    )


def _is_text(start: bytes) -> bool:
    text = start.decode("utf-8", "replace")
    return all(character.isprintable() or character.isspace() for character in text)


def _quoted(name: str) -> str:
    return repr(name[:100]) if name else "the file"
