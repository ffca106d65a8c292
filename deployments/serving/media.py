"""Where a request's bytes come from, and the limits on them. Decoding is in `images.py` and `pdf_pages.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from deployments.serving.errors import InputTooLarge, InvalidInput

PILLOW_MAX_PIXELS = 89_478_485
"""Pillow refuses larger images by itself (`PIL.Image.MAX_IMAGE_PIXELS`)."""

MEDIA_ROOTS_VARIABLE = "SENSORIUM_MEDIA_ROOTS"
"""Environment variable with media roots, separated by commas (a URI holds colons); added to those of the YAML."""


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


@dataclass(frozen=True, slots=True)
class MediaPolicy:
    """Limits on what one request may bring. All are checked before the memory they guard is taken."""

    media_roots: tuple[str, ...] = ()
    """Folders (`/data/scans`) and remote prefixes (`s3://bucket/scans?region=...`) that paths may lie under."""
    max_bytes: int = 32 * 2**20
    """Of one file, as it is stored or sent."""
    max_pixels: int = 50_000_000
    """Width x height of one page; 50 million is an A4 page at 700 DPI."""
    max_total_pixels: int = 200_000_000
    """Of all pages of one document (3 bytes each once decoded)."""
    max_pages: int = 50
    """Of one PDF or TIFF."""
    pdf_dpi: int = 200
    """Resolution that PDF pages are rendered at."""

    def __post_init__(self) -> None:
        for name in ("max_bytes", "max_pixels", "max_total_pixels", "max_pages", "pdf_dpi"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")
        if self.max_pixels > PILLOW_MAX_PIXELS:
            raise ValueError(f"max_pixels must be at most {PILLOW_MAX_PIXELS:,}, which is Pillow's own limit")

    def with_environment(self, environ: Mapping[str, str]) -> MediaPolicy:
        """This policy with the roots of `SENSORIUM_MEDIA_ROOTS` added."""
        roots = tuple(root.strip() for root in environ.get(MEDIA_ROOTS_VARIABLE, "").split(",") if root.strip())
        return replace(self, media_roots=tuple(dict.fromkeys((*self.media_roots, *roots))))


def read(source: MediaSource, policy: MediaPolicy) -> bytes:
    """The bytes of `source`, never more than `policy.max_bytes`.

    Raises:
        AccessDenied: a stored file outside the media roots, or no roots are configured.
        InvalidInput: empty, or a path we cannot take (relative, `file://`, not a regular file).
        InputTooLarge: over `policy.max_bytes`.
        NotFound: no such file.
        Unavailable: the store does not answer.
    """
    if isinstance(source, StoredMedia):
        from deployments.serving.media_roots import read_stored

        data = read_stored(source.uri, policy)
    else:
        data = source.data
        check_size(len(data), policy)
    if not data:
        raise InvalidInput("the file is empty; send an image or a PDF")
    return data


def check_size(size: int, policy: MediaPolicy) -> None:
    """
    Raises:
        InputTooLarge: `size` bytes are more than the policy allows.
    """
    if size > policy.max_bytes:
        raise InputTooLarge(
            f"the file has {size:,} bytes; the limit is {policy.max_bytes:,}. Send a smaller file.",
            limit=policy.max_bytes,
            actual=size,
        )
