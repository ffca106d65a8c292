"""The body of `POST /read` in the forms that clients send: uploads in a multipart form, or JSON with server paths."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.datastructures import UploadFile
from starlette.requests import Request

from deployments.container_number.adapters import BASE
from deployments.container_number.number_reader import READERS, ReaderName
from deployments.serving.errors import InvalidInput, UnsupportedOption
from deployments.serving.media import InlineMedia, MediaSource, StoredMedia
from deployments.web.form_or_json import Body, BodyShape, form_or_json, too_many

_SHAPE = BodyShape(
    uploads=("files", "file"),
    lists={"private_imgs": "private_imgs", "private_img": "private_imgs"},
    unit="images",
    hint="multipart/form-data with `files`, or JSON with `private_imgs`",
)


@dataclass(frozen=True, slots=True)
class PendingImage:
    """An image that has not been read yet, so that few are in memory."""

    name: str
    source: Callable[[], Awaitable[MediaSource]]
    """Its bytes, or where they lie."""
    uri: str | None = None
    """Of one that lies on the server."""


@dataclass(frozen=True, slots=True)
class ReadCall:
    images: tuple[PendingImage, ...]
    reader: ReaderName
    adapter: str


@asynccontextmanager
async def read_call(request: Request, max_images: int, default_reader: ReaderName) -> AsyncIterator[ReadCall]:
    """The call; its uploads are open as long as this is.

    Raises:
        InvalidInput: not JSON, not a form, a field of the wrong type, no image, or uploads and paths together.
        InputTooLarge: more than `max_images` images.
        UnsupportedMedia: neither JSON nor a form.
        UnsupportedOption: no such reader.
    """
    async with form_or_json(request, _SHAPE, max_images) as body:
        yield _checked(body, max_images, default_reader)


def _uploaded(file: UploadFile) -> PendingImage:
    name = (file.filename or "upload")[:255]

    async def source() -> MediaSource:
        await file.seek(0)  # a task is hashed before it is stored
        return InlineMedia(await file.read(), name)

    return PendingImage(name, source)


def _stored(path: str) -> PendingImage:
    async def source() -> MediaSource:
        return StoredMedia(path)

    return PendingImage(path, source, path)


def _checked(body: Body, max_images: int, default_reader: ReaderName) -> ReadCall:
    fields = body.values
    uploads = [_uploaded(file) for file in body.uploads]
    paths = fields.get("private_imgs") or []
    if not paths and isinstance(single := fields.get("private_img"), str) and single:
        paths = [single]
    if not isinstance(paths, list) or not all(isinstance(path, str) and path for path in paths):
        raise InvalidInput("`private_imgs` is not a list of server paths", field="private_imgs")
    if bool(uploads) == bool(paths):
        raise InvalidInput(
            ("the order of `files` and `private_imgs` is not known" if uploads else "the call has no images")
            + "; send uploaded `files`, or `private_imgs` (server paths)",
            field="private_imgs",
        )
    images = uploads or [_stored(path) for path in paths]
    if len(images) > max_images:
        raise too_many(max_images, _SHAPE.unit, len(images))
    adapter = fields.get("adapter") or BASE
    if not isinstance(adapter, str):
        raise InvalidInput("`adapter` is not a name", field="adapter")
    return ReadCall(tuple(images), _reader(fields.get("reader") or default_reader), adapter)


def _reader(name: object) -> ReaderName:
    for known in READERS:
        if name == known:
            return known
    raise UnsupportedOption(
        f"there is no reader {str(name)[:100]!r}; there are: {', '.join(READERS)}",
        field="reader",
        available=list(READERS),
    )
