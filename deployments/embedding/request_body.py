"""Bytes of a JSON body to a typed call, with errors that name the field and the index."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from deployments.embedding.wire import OpenAICall
from deployments.serving.errors import InvalidInput, UnsupportedOption

CallT = TypeVar("CallT", bound=BaseModel)


def parse(kind: type[CallT], body: bytes) -> CallT:
    """Raises:
    InvalidInput: no body, not JSON (a lone surrogate's escape included), a field missing or of another type.
    """
    if not body:
        raise InvalidInput("the body is empty; send a JSON object", field="body")
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise _invalid(error) from None


def openai_texts(call: OpenAICall) -> tuple[str, ...]:
    """The texts of `input`.

    Raises:
        UnsupportedOption: token ids.
        InvalidInput: neither a string nor a list of strings.
    """
    given = call.input
    if isinstance(given, str):
        return (given,)
    if not isinstance(given, list):
        raise InvalidInput(f"input is {_kind(given)}; send a string or a list of strings", field="input")
    for index, item in enumerate(given):
        if isinstance(item, str):
            continue
        if _is_token(item) or (isinstance(item, list) and all(_is_token(token) for token in item)):
            raise UnsupportedOption(
                f"input[{index}] is token ids, which belong to another model's tokenizer; send the text itself",
                field="input",
                index=index,
            )
        raise InvalidInput(f"input[{index}] is {_kind(item)}; send a string", field="input", index=index)
    return tuple(given)


def _is_token(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _invalid(error: ValidationError) -> InvalidInput:
    """The first problem, without the input itself: it may be huge."""
    problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if problem["type"] == "json_invalid":
        return InvalidInput(
            f"the body is not valid JSON: {problem['msg'].removeprefix('Invalid JSON: ')}", field="body"
        )
    location = problem["loc"]
    field = str(location[0]) if location else "body"
    index = next((part for part in location if isinstance(part, int)), None)
    where = field if index is None else f"{field}[{index}]"
    details = {} if index is None else {"index": index}
    return InvalidInput(f"{where}: {problem['msg']}", field=field, problems=error.error_count(), **details)
