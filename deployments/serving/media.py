"""Bytes, path or upload -> a checked image. (Decoding is added by the OCR engine's author.)"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InlineMedia:
    """Bytes that came with the request."""

    data: bytes
    name: str = ""


@dataclass(frozen=True, slots=True)
class StoredMedia:
    """A server path or URI (`/data/a.png`, `s3://bucket/a.png`), read only under the media roots."""

    uri: str


MediaSource = InlineMedia | StoredMedia
