"""The body of a call, in any of the forms that clients send: one mapping of fields, and the uploads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.requests import Request

from deployments.serving.errors import InputTooLarge, InvalidInput
from deployments.web.form_or_json import Body, BodyShape, form_or_json, json_object, too_many

_SHAPE = BodyShape(
    uploads=("file", "files", "image", "images"),
    lists={name: name for name in ("private_imgs", "images", "public_file_paths")},
    unit="images",
    hint="multipart/form-data with a `file`, a form field `request_data`, or JSON",
    text_parts=("request_data",),
)


@asynccontextmanager
async def read_body(request: Request, max_files: int) -> AsyncIterator[Body]:
    """Read and flatten the body: what `request_data` holds, and what stands beside it.

    Raises:
        InvalidInput: not JSON, not a form, or not an object.
        InputTooLarge: more than `max_files` files.
        UnsupportedMedia: neither JSON nor a form.
    """
    async with form_or_json(request, _SHAPE, max_files) as body:
        yield Body(_flatten(body.values), body.uploads)


def too_many_files(limit: int, actual: int) -> InputTooLarge:
    """The error of a call with more than `limit` images."""
    return too_many(limit, _SHAPE.unit, actual)


def _flatten(values: dict[str, Any]) -> dict[str, Any]:
    """`request_data` (an object, or JSON text) over the fields beside it."""
    values = dict(values)
    inner = values.pop("request_data", None)
    if isinstance(inner, str) and inner:
        inner = json_object(inner, "`request_data`", "request_data")
    if inner and not isinstance(inner, dict):
        raise InvalidInput("`request_data` is not a JSON object", field="request_data")
    return values | (inner or {})
