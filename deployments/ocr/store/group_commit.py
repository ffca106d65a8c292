"""Group commit: what arrives while one transaction is being committed shares the next one.

A commit's cost is the disk's flush, nearly the same for one row and for a hundred.
Source: DeWitt et al., Implementation techniques for main memory database systems, SIGMOD 1984, section 5.2.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from deployments.serving.errors import StoreUnavailable, Unavailable

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True, eq=False)
class _Submission(Generic[ItemT, ResultT]):
    items: Sequence[ItemT]
    done: asyncio.Future[list[ResultT]]


class GroupCommit(Generic[ItemT, ResultT]):
    """Gathers submissions of many callers into groups and writes one group after the other.

    Args:
        write: writes the items of a group in one transaction, or raises: one result an item, in order.
        max_items: a group stops growing here; a larger submission is a group of its own.
    """

    def __init__(self, write: Callable[[Sequence[ItemT]], Awaitable[list[ResultT]]], max_items: int = 256) -> None:
        self._write = write
        self._max_items = max_items
        self._waiting: deque[_Submission[ItemT, ResultT]] = deque()
        self._writer: asyncio.Task[None] | None = None
        self._closed = False

    async def submit(self, items: Sequence[ItemT]) -> list[ResultT]:
        """All of `items` in one transaction, shared with others. They are written even if the caller leaves.

        Raises:
            Exception: what `write` raised for these items.
            StoreUnavailable: closed.
        """
        if self._closed:
            raise StoreUnavailable("the store is closed; try again", retry_after_s=1)
        submission: _Submission[ItemT, ResultT] = _Submission(items, asyncio.get_running_loop().create_future())
        self._waiting.append(submission)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all(), name="group-commit")
        return await submission.done

    async def close(self) -> None:
        """Write what waits; later submissions are refused."""
        self._closed = True
        if self._writer is not None:
            await self._writer

    async def _write_all(self) -> None:
        while self._waiting:
            group = self._next_group()
            try:
                await self._write_group(group)
            except asyncio.CancelledError:
                for submission in (*group, *self._waiting):
                    submission.done.cancel()
                raise

    def _next_group(self) -> list[_Submission[ItemT, ResultT]]:
        group = [self._waiting.popleft()]
        size = len(group[0].items)
        while self._waiting and size + len(self._waiting[0].items) <= self._max_items:
            group.append(self._waiting.popleft())
            size += len(group[-1].items)
        return group

    async def _write_group(self, group: list[_Submission[ItemT, ResultT]]) -> None:
        try:
            results = iter(await self._write([item for submission in group for item in submission.items]))
        except Exception as error:  # noqa: BLE001 - handed to the callers
            # A database that is away is away for all of them; anything else is the fault of one, so find it.
            if len(group) > 1 and not isinstance(error, Unavailable):
                for submission in group:
                    await self._write_group([submission])
                return
            for submission in group:
                if not submission.done.done():
                    submission.done.set_exception(error)
            return
        for submission in group:
            own = [next(results) for _ in submission.items]
            if not submission.done.done():
                submission.done.set_result(own)
