"""The body of a task: several recordings with the options of `/transcribe`, in a form or as JSON."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import UploadFile
from starlette.requests import Request

from deployments.serving.errors import InvalidInput
from deployments.speech.formats import ResponseFormat
from deployments.speech.types import Task
from deployments.web.form_or_json import BodyShape, form_or_json, too_many

_SHAPE = BodyShape(
    uploads=("files", "file"),
    lists={"paths": "paths", "path": "paths"},
    unit="recordings",
    hint="multipart/form-data with `files`, or JSON with `paths`",
)


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
    async with form_or_json(request, _SHAPE, max_items) as body:
        yield _checked(body.uploads, body.values, max_items)


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
        raise too_many(max_items, _SHAPE.unit, count)
    return TranscribeBatch(fields, uploads)
