"""Group commit: grouping, isolation of failures, callers that leave, closing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from deployments.ocr.store.group_commit import GroupCommit
from deployments.serving.errors import StoreUnavailable


class Disk:
    """Writes slowly, remembers its groups, and refuses what it is told to."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.refused: set[int] = set()
        self.away = False

    async def write(self, items: Sequence[int]) -> list[int]:
        self.groups.append(list(items))
        await self.gate.wait()
        await asyncio.sleep(0)
        if self.away:
            raise StoreUnavailable("away")
        if self.refused & set(items):
            raise ValueError("refused")
        return [item * 10 for item in items]


async def test_what_arrives_during_a_write_shares_the_next_one() -> None:
    disk = Disk()
    commits = GroupCommit(disk.write)
    disk.gate.clear()
    calls = [asyncio.create_task(commits.submit([number, number + 100])) for number in range(5)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    calls.append(asyncio.create_task(commits.submit([7])))
    disk.gate.set()
    assert await asyncio.gather(*calls) == [[number * 10, number * 10 + 1000] for number in range(5)] + [[70]]
    assert len(disk.groups) == 2
    assert [item for group in disk.groups for item in group] == [0, 100, 1, 101, 2, 102, 3, 103, 4, 104, 7]


async def test_a_group_stops_growing_and_a_large_call_stays_whole() -> None:
    disk = Disk()
    commits = GroupCommit(disk.write, max_items=3)
    await asyncio.gather(commits.submit([1, 2]), commits.submit([3]), commits.submit([4]), commits.submit([5] * 10))
    assert disk.groups == [[1, 2, 3], [4], [5] * 10]


async def test_a_failure_is_its_callers_own() -> None:
    disk = Disk()
    disk.refused = {3}
    commits = GroupCommit(disk.write)
    outcomes = await asyncio.gather(*(commits.submit([number]) for number in range(5)), return_exceptions=True)
    assert isinstance(outcomes[3], ValueError)
    assert [outcome for outcome in outcomes if not isinstance(outcome, ValueError)] == [[0], [10], [20], [40]]


async def test_an_outage_is_not_tried_call_by_call() -> None:
    disk = Disk()
    disk.away = True
    commits = GroupCommit(disk.write)
    outcomes = await asyncio.gather(*(commits.submit([number]) for number in range(5)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 5
    assert len(disk.groups) == 1


async def test_a_caller_that_leaves_harms_nobody_and_its_rows_are_written() -> None:
    disk = Disk()
    commits = GroupCommit(disk.write)
    disk.gate.clear()
    calls = [asyncio.create_task(commits.submit([number])) for number in range(3)]
    await asyncio.sleep(0.01)
    calls[1].cancel()
    disk.gate.set()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert outcomes[0] == [0]
    assert isinstance(outcomes[1], asyncio.CancelledError)
    assert outcomes[2] == [20]
    assert disk.groups == [[0, 1, 2]]


async def test_closing_writes_what_waits_and_refuses_the_rest() -> None:
    disk = Disk()
    commits = GroupCommit(disk.write)
    disk.gate.clear()
    waiting = asyncio.create_task(commits.submit([1]))
    await asyncio.sleep(0)
    closing = asyncio.create_task(commits.close())
    await asyncio.sleep(0)
    disk.gate.set()
    await closing
    assert await waiting == [10]
    with pytest.raises(StoreUnavailable, match="closed"):
        await commits.submit([2])
