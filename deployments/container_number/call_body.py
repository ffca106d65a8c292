"""The body of `POST /read` in the forms that clients send: uploads in a multipart form, or JSON with server paths."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from deployments.container_number.adapters import BASE
from deployments.container_number.number_reader import READERS, ReaderName
from deployments.serving.errors import InputTooLarge, InvalidInput, UnsupportedMedia, UnsupportedOption
from deployments.serving.media import InlineMedia, MediaSource, StoredMedia

_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
_UPLOADS = ("files", "file")
_PATHS = ("private_imgs", "private_img")


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
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in _FORMS:
        form = await _read_form(request, max_images)
        try:
            yield _checked(_uploads(form), _form_fields(form), max_images, default_reader)
        finally:
            await form.close()
    elif kind in ("", "application/json", "text/json") or kind.endswith("+json"):
        yield _checked([], _json_fields(await request.body()), max_images, default_reader)
    else:
        raise UnsupportedMedia(
            f"the body is {kind[:100]}; send multipart/form-data with `files`, or JSON with `private_imgs`",
            accepted=[*_FORMS, "application/json"],
        )


async def _read_form(request: Request, max_images: int) -> FormData:
    try:
        # One more than allowed: browsers send an empty part where no file was chosen.
        return await request.form(max_files=max_images + 1)
    except HTTPException as error:
        if "too many files" in error.detail.lower():
            raise _too_many(max_images) from error
        raise InvalidInput(f"the form cannot be read: {error.detail}") from error


def _uploads(form: FormData) -> list[PendingImage]:
    return [
        _uploaded((value.filename or "upload")[:255], value)
        for field, value in form.multi_items()
        if isinstance(value, UploadFile) and field.removesuffix("[]") in _UPLOADS and (value.filename or value.size)
    ]


def _uploaded(name: str, file: UploadFile) -> PendingImage:
    async def source() -> MediaSource:
        await file.seek(0)  # a task is hashed before it is stored
        return InlineMedia(await file.read(), name)

    return PendingImage(name, source)


def _stored(path: str) -> PendingImage:
    async def source() -> MediaSource:
        return StoredMedia(path)

    return PendingImage(path, source, path)


def _form_fields(form: FormData) -> dict[str, Any]:
    """Plain fields. A list comes as repeated fields, or as one that holds a JSON array."""
    fields: dict[str, Any] = {}
    for field, value in form.multi_items():
        name = field.removesuffix("[]")
        if isinstance(value, UploadFile):
            continue
        if name in _PATHS:
            fields.setdefault("private_imgs", []).extend(_paths_in(value))
        else:
            fields[name] = value
    return fields


def _paths_in(value: str) -> list[Any]:
    if not value.lstrip().startswith("["):
        return [value] if value else []
    try:
        items = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"`private_imgs` is not valid JSON: {error}", field="private_imgs") from error
    return items if isinstance(items, list) else [items]


def _json_fields(body: bytes) -> dict[str, Any]:
    if not body.strip():
        raise InvalidInput("the body is empty; send `files` in a form, or JSON with `private_imgs`", field="body")
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"the body is not valid JSON: {error}", field="body") from error
    if not isinstance(fields, dict):
        raise InvalidInput("the body is not a JSON object", field="body")
    if isinstance(fields.get("private_img"), str) and not fields.get("private_imgs"):
        fields["private_imgs"] = [fields["private_img"]]
    return fields


def _checked(
    uploads: list[PendingImage], fields: dict[str, Any], max_images: int, default_reader: ReaderName
) -> ReadCall:
    paths = fields.get("private_imgs") or []
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
        raise _too_many(max_images, len(images))
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


def _too_many(limit: int, actual: int | None = None) -> InputTooLarge:
    count = "more images" if actual is None else f"{actual} images"
    return InputTooLarge(f"the call has {count}, the limit is {limit}; split it", limit=limit, unit="images")
