"""The body of a call, in any of the forms that clients send: one mapping of fields, and the uploads."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from deployments.serving.errors import InputTooLarge, InvalidInput, UnsupportedMedia

_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
_LISTS = ("private_imgs", "images", "public_file_paths")
_UPLOADS = ("file", "files", "image", "images")


@dataclass(frozen=True, slots=True)
class CallBody:
    """What came with a call. `uploads` are spooled files, open as long as `read_body` is."""

    values: dict[str, Any]
    uploads: tuple[UploadFile, ...] = ()


@asynccontextmanager
async def read_body(request: Request, max_files: int) -> AsyncIterator[CallBody]:
    """Read and flatten the body: what `request_data` holds, and what stands beside it.

    Raises:
        InvalidInput: not JSON, not a form, or not an object.
        InputTooLarge: more than `max_files` files.
        UnsupportedMedia: neither JSON nor a form.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in _FORMS:
        form = await _read_form(request, max_files)
        try:
            yield await _from_form(form)
        finally:
            await form.close()
    elif kind in ("", "application/json", "text/json") or kind.endswith("+json"):
        yield CallBody(_flatten(_parse_object(await request.body(), "the body")))
    else:
        raise UnsupportedMedia(
            f"the body is {kind[:100]}; send multipart/form-data with a `file`, a form field `request_data`, or JSON",
            accepted=[*_FORMS, "application/json"],
        )


async def _read_form(request: Request, max_files: int) -> FormData:
    try:
        # One more than allowed, so that the limit itself is not reached by an empty file field. Fields are held in
        # memory; what bounds them is the limit on the whole body.
        return await request.form(max_files=max_files + 1, max_part_size=sys.maxsize)
    except HTTPException as error:
        if "too many files" in error.detail.lower():
            raise too_many_files(max_files) from error
        raise InvalidInput(f"the form cannot be read: {error.detail}") from error


def too_many_files(limit: int, actual: int | None = None) -> InputTooLarge:
    """The error of a call with more than `limit` images."""
    count = "more" if actual is None else f"{actual} images"
    details = {} if actual is None else {"actual": actual}
    return InputTooLarge(f"the call has {count}, the limit is {limit}; split it", limit=limit, unit="images", **details)


async def _from_form(form: FormData) -> CallBody:
    values: dict[str, Any] = {}
    uploads: list[UploadFile] = []
    for field, value in form.multi_items():
        name = field.removesuffix("[]")
        if isinstance(value, UploadFile):
            if name in _UPLOADS:
                if value.filename or value.size:  # browsers send an empty part where no file was chosen
                    uploads.append(value)
                continue
            if name != "request_data":
                continue
            value = _decoded(await value.read())
        if name in _LISTS:
            values.setdefault(name, []).extend(_list_items(name, value))
        elif name == "request_data" and name in values:
            raise InvalidInput("`request_data` was sent twice", field="request_data")
        else:
            values[name] = value
    return CallBody(_flatten(values), tuple(uploads))


def _list_items(name: str, value: str) -> list[Any]:
    """A list comes as repeated fields, or as one field that holds a JSON array."""
    if not value.lstrip().startswith("["):
        return [value] if value else []
    items = _parse_json(value, f"`{name}`", name)
    assert isinstance(items, list)
    return items


def _flatten(values: dict[str, Any]) -> dict[str, Any]:
    """`request_data` (an object, or JSON text) over the fields beside it."""
    values = dict(values)
    inner = values.pop("request_data", None)
    if isinstance(inner, str) and inner:
        inner = _parse_object(inner, "`request_data`", "request_data")
    if inner and not isinstance(inner, dict):
        raise InvalidInput("`request_data` is not a JSON object", field="request_data")
    return values | (inner or {})


def _parse_object(text: bytes | str, what: str, field: str = "body") -> dict[str, Any]:
    value = _parse_json(text, what, field)
    if not isinstance(value, dict):
        raise InvalidInput(f"{what} is not a JSON object", field=field)
    return value


def _parse_json(text: bytes | str, what: str, field: str) -> Any:
    if not text.strip():
        raise InvalidInput(f"{what} is empty; send a JSON object with the fields of the call", field=field)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"{what} is not valid JSON: {error}", field=field) from error


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput("`request_data` is not UTF-8", field="request_data") from error
