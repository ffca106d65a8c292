"""Sound from a request: its bytes and the limits on them. `audio_decode.py` turns bytes into samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deployments.serving.errors import InvalidInput
from deployments.serving.media import InlineMedia, MediaPolicy, MediaSource, check_size

SAMPLE_RATE = 16_000
"""Hz. What every speech model here reads."""

Samples = NDArray[np.float32]
"""float32, shape (samples,), mono, 16 kHz, -1..1."""


@dataclass(frozen=True, slots=True)
class AudioPolicy:
    """Limits on one recording. Both are checked before the memory they guard is taken."""

    media_roots: tuple[str, ...] = ()
    """Folders and remote prefixes that server paths may lie under; see `MediaPolicy`."""
    max_bytes: int = 100 * 2**20
    """Of the file as it is stored or sent."""
    max_duration_s: float = 3600.0
    """Of the sound. An hour is 230 MB once decoded."""

    def __post_init__(self) -> None:
        if self.max_bytes < 1:
            raise ValueError("max_bytes must be at least 1")
        if not self.max_duration_s > 0:
            raise ValueError("max_duration_s must be above 0")

    def with_environment(self, environ: Mapping[str, str]) -> AudioPolicy:
        """This policy with the roots of `SENSORIUM_MEDIA_ROOTS` added."""
        return replace(self, media_roots=self.media_policy().with_environment(environ).media_roots)

    def media_policy(self) -> MediaPolicy:
        """The part that concerns reading files."""
        return MediaPolicy(media_roots=self.media_roots, max_bytes=self.max_bytes)


def load_audio(source: MediaSource, policy: AudioPolicy) -> Samples:
    """Read and decode one recording: any rate and channels to 16 kHz mono.

    A file that is cut off or damaged in places gives the sound that can be decoded.

    Raises:
        AccessDenied, NotFound, Unavailable: see `media.read`.
        InvalidInput: empty, or a path we cannot take.
        InputTooLarge: over a limit of `policy`.
        UnsupportedMedia: not a recording, or one that holds no sound we can decode.
    """
    from deployments.serving.audio_decode import decode

    return decode(read_audio(source, policy), policy.max_duration_s, name=_name(source))


def read_audio(source: MediaSource, policy: AudioPolicy) -> bytes:
    """The bytes of `source`; errors as `load_audio`'s first three."""
    if isinstance(source, InlineMedia):
        check_size(len(source.data), policy.media_policy())
        data = source.data
    else:
        from deployments.serving.media_roots import read_stored

        data = read_stored(source.uri, policy.media_policy())
    if not data:
        raise InvalidInput("the file is empty (0 bytes); send a recording", **_field(source))
    return data


def _name(source: MediaSource) -> str:
    return source.name if isinstance(source, InlineMedia) else source.uri


def _field(source: MediaSource) -> dict[str, Any]:
    return {"field": "file" if isinstance(source, InlineMedia) else "path"}
