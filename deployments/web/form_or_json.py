"""A body that comes as a form with uploads, or as a JSON object: both read into the same fields."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from deployments.serving.errors import InputTooLarge, InvalidInput, UnsupportedMedia

FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")


@dataclass(frozen=True, slots=True)
class BodyShape:
    """What a service takes. A form's field `name[]` is `name`."""

    uploads: tuple[str, ...]
    """Fields that hold files. A part without name and content is none: browsers send one where no file was chosen."""
    lists: Mapping[str, str]
    """Fields that may come repeatedly, or once as a JSON array, and the name of the list that they go to."""
    unit: str
    """Plural of what is uploaded: images."""
    hint: str
    """What to send, for whoever sent another kind of body."""
    text_parts: tuple[str, ...] = ()
    """Fields that come once, and may come as a file of text (curl's `-F name=@file`)."""


@dataclass(frozen=True, slots=True)
class Body:
    """`uploads` are spooled files, open as long as `form_or_json` is."""

    values: dict[str, Any]
    uploads: tuple[UploadFile, ...] = ()


@asynccontextmanager
async def form_or_json(request: Request, shape: BodyShape, max_items: int) -> AsyncIterator[Body]:
    """
    Raises:
        InvalidInput: not a form, not JSON, or not an object.
        InputTooLarge: a form with more than `max_items` files.
        UnsupportedMedia: neither a form nor JSON.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in FORMS:
        form = await _read_form(request, shape, max_items)
        try:
            yield await _from_form(form, shape)
        finally:
            await form.close()
    elif kind in ("", "application/json", "text/json") or kind.endswith("+json"):
        yield Body(json_object(await request.body(), "the body"))
    else:
        raise UnsupportedMedia(f"the body is {kind[:100]}; send {shape.hint}", accepted=[*FORMS, "application/json"])


def too_many(limit: int, unit: str, actual: int | None = None) -> InputTooLarge:
    """The error of a call with more than `limit` of `unit`."""
    details = {} if actual is None else {"actual": actual}
    return InputTooLarge(
        f"the call has {'more' if actual is None else actual} {unit}, the limit is {limit}; split it",
        limit=limit,
        unit=unit,
        **details,
    )


def json_object(text: bytes | str, what: str, field: str = "body") -> dict[str, Any]:
    """
    Args:
        what: `text` is, for the message; `field` likewise, for programs.

    Raises:
        InvalidInput: empty, not JSON, or no object.
    """
    value = _json(text, what, field)
    if not isinstance(value, dict):
        raise InvalidInput(f"{what} is not a JSON object", field=field)
    return value


def _json(text: bytes | str, what: str, field: str) -> Any:
    if not text.strip():
        raise InvalidInput(f"{what} is empty; send a JSON object with the fields of the call", field=field)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"{what} is not valid JSON: {error}", field=field) from error


async def _read_form(request: Request, shape: BodyShape, max_items: int) -> FormData:
    try:
        # One file more than allowed, so that the limit itself is not reached by an empty file field. Fields are held
        # in memory; what bounds them is the limit on the whole body.
        return await request.form(max_files=max_items + 1, max_part_size=sys.maxsize)
    except HTTPException as error:
        if "too many files" in error.detail.lower():
            raise too_many(max_items, shape.unit) from error
        raise InvalidInput(f"the form cannot be read: {error.detail}") from error


async def _from_form(form: FormData, shape: BodyShape) -> Body:
    values: dict[str, Any] = {}
    uploads: list[UploadFile] = []
    for field, value in form.multi_items():
        name = field.removesuffix("[]")
        if isinstance(value, UploadFile):
            if name in shape.uploads and (value.filename or value.size):
                uploads.append(value)
            if name in shape.uploads or name not in shape.text_parts:
                continue
            value = _decoded(await value.read(), name)
        if name in shape.lists:
            values.setdefault(shape.lists[name], []).extend(_items(shape.lists[name], value))
        elif name in shape.text_parts and name in values:
            raise InvalidInput(f"`{name}` was sent twice", field=name)
        else:
            values[name] = value
    return Body(values, tuple(uploads))


def _items(name: str, value: str) -> list[Any]:
    if not value.lstrip().startswith("["):
        return [value] if value else []
    items: list[Any] = _json(value, f"`{name}`", name)
    return items


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"`{name}` is not UTF-8", field=name) from error
