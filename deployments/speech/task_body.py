"""The body of a task: several recordings with the options of `/transcribe`, in a form or as JSON."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from deployments.serving.errors import InputTooLarge, InvalidInput, UnsupportedMedia
from deployments.speech.formats import ResponseFormat
from deployments.speech.types import Task

FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
_UPLOADS = ("files", "file")
_PATHS = ("paths", "path")


class TranscribeBatchFields(BaseModel):
    """Several recordings: uploaded `files`, or `paths` on the server. The options are those of `/transcribe`."""

    model_config = ConfigDict(extra="ignore")

    paths: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=4096)]],
        Field(description="Paths or URIs on the server, under its media roots."),
    ] = []
    language: Annotated[str | None, Field(description="ISO 639-1 code; detected where it is left out.")] = None
    backend: Annotated[str | None, Field(description="Another than the default.")] = None
    task: Task = "transcribe"
    word_timestamps: bool = False
    vad: Annotated[bool, Field(description="Leave out silence before decoding.")] = True
    prompt: Annotated[str | None, Field(description="Text said before: style, names, spelling.")] = None
    temperature: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.0
    condition_on_previous_text: bool = False
    response_format: Annotated[
        ResponseFormat, Field(description="`text`, `srt` and `vtt` add it to each entry as `content`.")
    ] = "json"


@dataclass(frozen=True, slots=True)
class TranscribeBatch:
    """`uploads` are spooled files, open as long as `read_batch` is; or there are `fields.paths`."""

    fields: TranscribeBatchFields
    uploads: tuple[UploadFile, ...]


@asynccontextmanager
async def read_batch(request: Request, max_items: int) -> AsyncIterator[TranscribeBatch]:
    """
    Raises:
        InvalidInput: not a form or a JSON object, a wrong field, no recording, or uploads and paths together.
        InputTooLarge: more than `max_items` recordings.
        UnsupportedMedia: neither a form nor JSON.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in FORMS:
        try:
            # One more than allowed: browsers send an empty part where no file was chosen.
            form = await request.form(max_files=max_items + 1)
        except HTTPException as error:
            if "too many files" in error.detail.lower():
                raise _too_many(max_items) from error
            raise InvalidInput(f"the form cannot be read: {error.detail}") from error
        try:
            yield _checked(_uploads(form), _form_fields(form), max_items)
        finally:
            await form.close()
    elif kind in ("", "application/json") or kind.endswith("+json"):
        yield _checked((), _parsed(await request.body(), "the body"), max_items)
    else:
        raise UnsupportedMedia(
            f"the body is {kind[:100]}; send multipart/form-data with `files`, or JSON with `paths`",
            accepted=[*FORMS, "application/json"],
        )


def _uploads(form: FormData) -> tuple[UploadFile, ...]:
    return tuple(
        value
        for field, value in form.multi_items()
        if isinstance(value, UploadFile) and field.removesuffix("[]") in _UPLOADS and (value.filename or value.size)
    )


def _form_fields(form: FormData) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for field, value in form.multi_items():
        name = field.removesuffix("[]")
        if isinstance(value, UploadFile):
            continue
        if name not in _PATHS:
            fields[name] = value
        elif value.lstrip().startswith("["):
            fields.setdefault("paths", []).extend(_parsed(value, "`paths`", list))
        elif value:
            fields.setdefault("paths", []).append(value)
    return fields


def _parsed(text: str | bytes, what: str, kind: type = dict) -> Any:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"{what} is not valid JSON: {error}") from error
    if not isinstance(value, kind):
        raise InvalidInput(f"{what} is not a JSON {'object' if kind is dict else 'list'}")
    return value


def _checked(uploads: tuple[UploadFile, ...], values: Mapping[str, Any], max_items: int) -> TranscribeBatch:
    try:
        fields = TranscribeBatchFields.model_validate(
            {name: value for name, value in values.items() if value is not None and value != ""}
        )
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        raise RequestValidationError([{**entry, "loc": ("body", *entry["loc"])} for entry in problems]) from error
    if bool(uploads) == bool(fields.paths):
        raise InvalidInput(
            ("the order of `files` and `paths` is not known" if uploads else "the call has no recordings")
            + "; send uploaded `files`, or `paths` on the server",
            field="files",
        )
    if (count := len(uploads) or len(fields.paths)) > max_items:
        raise _too_many(max_items, count)
    return TranscribeBatch(fields, uploads)


def _too_many(limit: int, actual: int | None = None) -> InputTooLarge:
    count = "more recordings" if actual is None else f"{actual} recordings"
    return InputTooLarge(f"the call has {count}, the limit is {limit}; split it", limit=limit, unit="recordings")
