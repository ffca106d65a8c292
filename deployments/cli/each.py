"""One call for each input: a few at a time, answers in order, a progress bar, and failures that stop nobody else."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from deployments.cli.exit_status import FAILED, UNREACHABLE, USAGE, CommandFailed, complain
from deployments.cli.output import Output

if TYPE_CHECKING:
    from rich.progress import Progress

ItemT = TypeVar("ItemT")
ReplyT = TypeVar("ReplyT")

PARALLEL = 4
"""Calls under way at once: the server batches them, and its queue is left to others, too."""
_AWAY = ("connection_failed", "restarting")
_WRONG_FOR_ALL = ("unsupported_option", "not_found")
"""There is no such language, backend, reader or adapter."""


async def for_each(
    items: Sequence[ItemT],
    name: Callable[[ItemT], str],
    call: Callable[[ItemT], Awaitable[ReplyT]],
    show: Callable[[ItemT, ReplyT], None],
    output: Output,
    lost: Callable[[ItemT, str], None] | None = None,
    parallel: int = PARALLEL,
) -> int:
    """Show the reply of every item, in their order, as soon as it is there; the number of those that failed.

    Args:
        name: of an item, to say which one failed, on stderr.
        lost: told of each that failed, and why.

    Raises:
        CommandFailed: the server is away, refuses the key or does not have an option that was asked for: no other item
            would fare better.
    """
    from deployments.client import ClientError

    turn = asyncio.Semaphore(parallel)

    async def run(item: ItemT) -> ReplyT:
        async with turn:
            return await call(item)

    tasks = [asyncio.ensure_future(run(item)) for item in items]
    failed = 0
    try:
        with progress_bar(len(items), output) as advance:
            for item, task in zip(items, tasks, strict=True):
                try:
                    reply = await task
                except (ValueError, OSError, ClientError) as error:
                    failed += 1
                    reason = _reason(error)
                    complain(f"{name(item)}: {reason}")
                    if lost is not None:
                        lost(item, reason)
                else:
                    show(item, reply)
                advance()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return failed


def exit_status(failed: int) -> int:
    """Of a command with `failed` failed inputs."""
    return FAILED if failed else 0


@contextmanager
def progress_bar(total: int, output: Output) -> Iterator[Callable[[], None]]:
    """A bar on stderr, where that is a terminal; each call of what it yields is a step."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TimeElapsedColumn

    # Results that are printed meanwhile go above the bar if they pass through the same console.
    console = output.console if output.terminal else Console(stderr=True)
    columns = [SpinnerColumn(), *([BarColumn(), MofNCompleteColumn()] if total > 1 else []), TimeElapsedColumn()]
    bar: Progress = Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=True)
    with bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)


def _reason(error: Exception) -> str:
    """In one line.

    Raises:
        CommandFailed: as of `for_each`.
    """
    from deployments.client import ClientError

    if isinstance(error, ClientError):
        if error.code in _AWAY:
            raise CommandFailed(f"the server went away ({error.message}); what is printed is done", UNREACHABLE)
        if error.status == 401:
            raise CommandFailed(f"{error.message} (--api-key or SENSORIUM_API_KEY gives it)", UNREACHABLE)
        if error.code in _WRONG_FOR_ALL:
            raise CommandFailed(error.message, USAGE)
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(reason.split())
