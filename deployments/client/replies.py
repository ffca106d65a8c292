"""JSON to typed replies, by the fields of a dataclass. The client's own: the services' types need numpy or pydantic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import httpx

ReplyT = TypeVar("ReplyT")


class Reply:
    """Base of all replies. `reply["name"]` reads like `reply.name`: the old clients gave dictionaries."""

    __slots__ = ()

    def __getitem__(self, name: str) -> Any:
        if name not in {field.name for field in fields(self)}:  # type: ignore[arg-type]  # each reply is a dataclass
            raise KeyError(name)
        return getattr(self, name)

    def get(self, name: str, default: Any = None) -> Any:
        """As of a dictionary."""
        try:
            return self[name]
        except KeyError:
            return default


def json_reader(kind: type[ReplyT]) -> Callable[[httpx.Response], ReplyT]:
    """Reads a JSON body as `kind`. Fields that `kind` does not know are left out: services may add some."""

    def read(response: httpx.Response) -> ReplyT:
        return reply_from(kind, response.json())

    return read


def reply_from(kind: type[ReplyT], body: Any) -> ReplyT:
    """As `json_reader`, of a part of a body."""
    reply: ReplyT = _value(kind, body)
    return reply


def text_reader(response: httpx.Response) -> str:
    """A plain-text body, always UTF-8.

    Raises:
        ValueError: another kind of body.
    """
    if not response.headers.get("content-type", "").startswith("text/"):
        raise ValueError(f"the body is {response.headers.get('content-type')}, not text")
    return response.content.decode()


def _value(kind: Any, value: Any) -> Any:
    """`value` as `kind`: a dataclass, a tuple, an optional, a datetime; anything else as it is.

    Raises:
        KeyError, TypeError, ValueError: it is something else.
    """
    if get_origin(kind) is UnionType:
        return None if value is None else _value(next(arm for arm in get_args(kind) if arm is not NoneType), value)
    if isinstance(kind, type) and is_dataclass(kind):
        if not isinstance(value, dict):
            raise TypeError(f"{kind.__name__} is {type(value).__name__}, not an object")
        return kind(**{name: _value(hint, value[name]) for name, hint in _fields(kind) if _has(kind, name, value)})
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise TypeError(f"{kind} is {type(value).__name__}, not a list")
        item = get_args(kind)[0]
        return tuple(value) if item in (float, int, bool, str) else tuple(_value(item, entry) for entry in value)
    return datetime.fromisoformat(value) if kind is datetime else value


def _has(kind: Any, name: str, value: dict[str, Any]) -> bool:
    """Whether `name` was sent; one that was not may be missing only if it has a default."""
    if name in value:
        return True
    if name in _required(kind):
        raise KeyError(name)
    return False


@cache
def _fields(kind: Any) -> tuple[tuple[str, Any], ...]:
    hints = get_type_hints(kind)
    return tuple((field.name, hints[field.name]) for field in fields(kind))


@cache
def _required(kind: Any) -> frozenset[str]:
    def has_none(field: Field[Any]) -> bool:
        return field.default is MISSING and field.default_factory is MISSING

    return frozenset(field.name for field in fields(kind) if has_none(field))
