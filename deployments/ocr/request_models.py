"""The fields of a call, checked: pydantic in, plain data out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from deployments.ocr.store.records import MAX_IMAGE_INDEX, MAX_KEY_LENGTH
from deployments.ocr.types import OcrOptions
from deployments.serving.errors import InvalidInput

_MOST_PROBLEMS = 20


def _no_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("a boolean is not a number")
    return value


def _no_controls(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must hold no control characters")
    return value


Key = Annotated[str, Field(max_length=MAX_KEY_LENGTH, coerce_numbers_to_str=True), AfterValidator(_no_controls)]
"""Old clients send numbers, too."""
PublicPath = Annotated[str, Field(max_length=4096), AfterValidator(_no_controls)]
Threshold = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), BeforeValidator(_no_boolean)]


class _Fields(BaseModel):
    """Fields of both calls. Others are ignored: old clients send some."""

    model_config = ConfigDict(extra="ignore")

    language: Annotated[str, Field(max_length=64, description="Language of the text.")] = "korean"
    confidence_threshold: Annotated[Threshold, Field(description="Boxes under it are left out.")] = 0.5
    use_angle_cls: Annotated[bool, Field(description="Turn lines that are upside down before reading them.")] = True
    backend: Annotated[
        str | None, Field(max_length=64, description="A loaded backend; the first that reads `language` by default.")
    ] = None
    chain_id: Annotated[
        Key | None, Field(description="With the image's index it identifies an execution: repeats make no second row.")
    ] = None
    batch_id: Annotated[Key | None, Field(description="Stored with each execution, to find them by.")] = None

    @property
    def options(self) -> OcrOptions:
        return OcrOptions(self.language, self.confidence_threshold, self.use_angle_cls, self.backend)


class ExtractTextFields(_Fields):
    """One image: exactly one of `private_img`, `image` or an uploaded `file`."""

    private_img: Annotated[
        str | None, Field(max_length=4096, description="Path or URI on the server, under its media roots.")
    ] = None
    image: Annotated[str | None, Field(description="The file in base64, plain or as a data: URL.")] = None
    public_file_path: Annotated[PublicPath | None, Field(description="Stored with the execution.")] = None
    image_index: Annotated[
        int,
        Field(ge=0, le=MAX_IMAGE_INDEX, description="Position in the chain, stored with it."),
        BeforeValidator(_no_boolean),
    ] = 0


class ExtractTextBatchFields(_Fields):
    """Several images: `private_imgs`, `images` or uploaded `files`."""

    private_imgs: Annotated[
        list[Annotated[str, Field(max_length=4096)]],
        Field(description="Paths or URIs on the server, under its media roots."),
    ] = []
    images: Annotated[list[str], Field(description="Files in base64, plain or as data: URLs.")] = []
    public_file_paths: Annotated[
        list[PublicPath | None], Field(description="Stored with the executions, one an image.")
    ] = []


FieldsT = TypeVar("FieldsT", bound=_Fields)


def parse_fields(model: type[FieldsT], values: Mapping[str, Any]) -> FieldsT:
    """Check `values`; null and empty text mean that a field was not given.

    Raises:
        InvalidInput: `details["fields"]` names each field that is wrong, and why.
    """
    try:
        return model.model_validate(
            {name: value for name, value in values.items() if value is not None and value != ""}
        )
    except ValidationError as error:
        raise _invalid(error) from error


def _invalid(error: ValidationError) -> InvalidInput:
    # Without the input, which may be huge.
    found = error.errors(include_url=False, include_context=False, include_input=False)
    fields = [
        {"field": ".".join(map(str, entry["loc"])), "message": entry["msg"], "type": entry["type"]}
        for entry in found[:_MOST_PROBLEMS]
    ]
    more = f" ({len(found) - 1} more)" if len(found) > 1 else ""
    return InvalidInput(
        f"{fields[0]['field']}: {fields[0]['message']}{more}",
        field=fields[0]["field"],
        fields=fields,
        problems=len(found),
    )
