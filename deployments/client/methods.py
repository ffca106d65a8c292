"""Functions that build a call, as methods that send it: one signature and docstring for both clients."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from deployments.client.call import Call

ReplyT = TypeVar("ReplyT")
P = ParamSpec("P")


class Sends(Protocol):
    """A client, or a part of one. Blocks until the reply is there."""

    def send(self, call: Call[ReplyT]) -> ReplyT: ...


class SendsAsync(Protocol):
    """A client, or a part of one."""

    async def send(self, call: Call[ReplyT]) -> ReplyT: ...


def sending(build: Callable[P, Call[ReplyT]]) -> Callable[Concatenate[Any, P], ReplyT]:
    """A method that sends what `build` builds."""

    def method(self: Sends, /, *args: P.args, **kwargs: P.kwargs) -> ReplyT:
        return self.send(build(*args, **kwargs))

    _describe(method, build)
    return method


def awaiting(build: Callable[P, Call[ReplyT]]) -> Callable[Concatenate[Any, P], Coroutine[Any, Any, ReplyT]]:
    """A coroutine method that sends what `build` builds."""

    async def method(self: SendsAsync, /, *args: P.args, **kwargs: P.kwargs) -> ReplyT:
        return await self.send(build(*args, **kwargs))

    _describe(method, build)
    return method


def _describe(method: Any, build: Callable[..., Any]) -> None:
    """Name, docstring and signature of `build`, for `help` and editors."""
    method.__name__ = build.__name__
    method.__qualname__ = build.__qualname__
    method.__doc__ = build.__doc__
    this = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    signature = inspect.signature(build)
    reply = str(signature.return_annotation).removeprefix("Call[").removesuffix("]")
    method.__signature__ = signature.replace(parameters=[this, *signature.parameters.values()], return_annotation=reply)
