"""Calls of the container-number service, and what they answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from deployments.client.call import Call, given
from deployments.client.replies import Reply, json_reader
from deployments.client.sources import Images
from deployments.client.uploads import File

ReaderName = Literal["auto", "ocr", "florence"]


@dataclass(frozen=True, slots=True)
class Correction(Reply):
    """A character that was not taken as it was read."""

    position: int
    """0 to 10."""
    read: str
    corrected: str
    reason: str
    """`position` (a digit where only a letter may stand, or the reverse) or `check_digit`."""


@dataclass(frozen=True, slots=True)
class ContainerNumber(Reply):
    """One number as ISO 6346 has it."""

    number: str | None
    """Eleven characters; None where the check digit was not read."""
    owner: str | None
    category: str | None
    serial: str | None
    check_digit: str | None
    size_type: str | None
    """Code that stands near the number, e.g. 22G1."""
    size_type_description: str | None
    valid: bool
    """Whether the check digit fits."""
    confidence: float
    needs_review: bool
    """True: never take this number as certain."""
    review_reasons: tuple[str, ...]
    alternatives: tuple[str, ...]
    """Other valid numbers that it could be, best first."""
    corrections: tuple[Correction, ...]
    text: str
    """As the reader saw it."""
    box: tuple[tuple[float, ...], ...]
    """Four [x, y] in pixels of the upright page, clockwise."""
    page: int
    reader: str
    """`ocr`, `florence` or `ocr+florence`: who had a say."""
    model: str
    adapter: str | None


@dataclass(frozen=True, slots=True)
class ImageNumbers(Reply):
    """The numbers in one image, best first. A failed image has none, and says why."""

    name: str
    status: Literal["success", "failed"]
    error: str | None
    error_code: str | None
    numbers: tuple[ContainerNumber, ...]
    pages: tuple[dict[str, int], ...]
    duration_ms: float
    index: int | None = None
    """Position in its task; None in a synchronous call."""

    @property
    def failed(self) -> bool:
        return self.status == "failed"


@dataclass(frozen=True, slots=True)
class ContainerNumbers(Reply):
    """One entry an image, in the order they were sent."""

    results: tuple[ImageNumbers, ...]
    total_processed: int
    total_success: int
    total_failed: int
    reader: str
    adapter: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Adapter(Reply):
    """A fine-tuned Florence-2, or the `base` model."""

    name: str
    fits: bool
    """Whether it was made for the base model that is served."""
    base: str | None
    made: str | None
    """When its weights were written; ISO 8601, UTC."""
    metrics: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Adapters(Reply):
    model: str
    adapters: tuple[Adapter, ...]
    folder: str


def read(
    images: Sequence[File] = (),
    *,
    private_imgs: Sequence[str] = (),
    reader: ReaderName | None = None,
    adapter: str | None = None,
    timeout_s: float | None = None,
) -> Call[ContainerNumbers]:
    """Every container number in each image (100 images at most by default).

    Args:
        images: local files, uploaded.
        private_imgs: paths or URIs on the server instead.
        reader: `auto` has OCR and Florence-2 read; `florence` takes each image for a crop of one number.
        adapter: a name that `adapters` lists; the base model by default.
        timeout_s: 30, and 10 more an image, where it is left out.

    Raises:
        ValueError: no images, or both kinds; or a RejectedRequest, the server's own refusal.
        RetryableError: no attempt succeeded.
    """
    given_images = Images.of(images, private_imgs)
    timeout_s = given_images.timeout_s(timeout_s)
    options = given(reader=reader, adapter=adapter)
    answer = json_reader(ContainerNumbers)
    if given_images.paths:
        body = options | {"private_imgs": list(given_images.paths)}
        return Call("POST", "/container-number/read", answer, timeout_s, json=body)
    return Call("POST", "/container-number/read", answer, timeout_s, form=options, uploads=given_images.uploads)


def adapters() -> Call[Adapters]:
    """What `adapter` may name now."""
    return Call("GET", "/container-number/adapters", json_reader(Adapters))
