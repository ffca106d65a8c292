"""The two rounds of a bulk job: every input, then the sections of those that are too long for one actor.

Long inputs come last, so that they hold up nothing; in sections, so that all actors share one and none holds all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from itertools import islice
from typing import Any

from deployments.serving.bulk_cluster import EnginePool
from deployments.serving.bulk_progress import Progress
from deployments.serving.bulk_rows import (
    PLACE,
    SECTIONS,
    Row,
    answer_schema,
    failed_row,
    input_schema,
    joined_row,
    row_schema,
)
from deployments.serving.bulk_sources import Input
from deployments.serving.errors import EngineFailed


class Rounds:
    """First `inputs`, to its end, then `sections`: Arrow tables of finished rows, each input in one of them once."""

    def __init__(self, pool: EnginePool, progress: Progress) -> None:
        self._pool = pool
        self._progress = progress
        self._schema = row_schema(pool.task.result_fields())
        self._long: list[tuple[Input, int]] = []

    def inputs(self, blocks: list[Any]) -> Iterator[Any]:
        """Of all inputs but the long ones, as they are done."""
        import pyarrow.compute

        for answer in self._once(blocks):
            is_long = pyarrow.compute.is_valid(answer.column(SECTIONS))
            for row in answer.filter(is_long).select(["input_id", "path", "row", SECTIONS]).to_pylist():
                self._long.append((Input(row["input_id"], row["path"], row["row"]), row[SECTIONS]))
            yield answer.filter(pyarrow.compute.invert(is_long)).select(self._schema.names)

    def sections(self) -> Iterator[Any]:
        """Of the long ones. Tables without rows come in between: time has passed."""
        import pyarrow as pa

        task = self._pool.task
        owners = [(place, index) for place, (_, count) in enumerate(self._long) for index in range(count)]
        if not owners or task.sections is None:
            return
        self._progress.long_inputs(len(self._long), len(owners))
        parts = (replace(self._long[place][0], section=index, sections=self._long[place][1]) for place, index in owners)
        waiting: dict[int, dict[int, Row]] = {}
        for answer in self._once(blocks_of(parts, 1)[0]):
            finished = []
            for row in answer.to_pylist():
                place, index = owners[row.pop(PLACE)]
                item, count = self._long[place]
                there = waiting.setdefault(place, {})
                there[index] = row
                self._progress.section_done()
                if len(there) == count:
                    rows = waiting.pop(place)
                    finished.append(joined_row(item, [rows[at] for at in range(count)], task.sections.join))
            yield pa.Table.from_pylist(finished, schema=self._schema)

    def _once(self, blocks: list[Any]) -> Iterator[Any]:
        """Answers to all inputs of `blocks`, one each. Those that an actor's process took along are done again, each
        by itself; what dies again is a failed row."""
        arrived = bytearray(sum(block.num_rows for block in blocks))

        def new(answers: Iterable[Any]) -> Iterator[Any]:
            for answer in answers:
                places = answer.column(PLACE).to_pylist()
                fresh = [not arrived[place] for place in places]
                for place in places:
                    arrived[place] = True
                yield answer if all(fresh) else answer.filter(fresh)

        def missing() -> list[Any]:
            return [
                block.slice(offset, 1)
                for block in blocks
                for offset, place in enumerate(block.column(PLACE).to_pylist())
                if not arrived[place]
            ]

        yield from new(self._pool.stream(blocks))
        if not all(arrived):
            yield from new(self._pool.stream(missing(), alone=True))
        if not all(arrived):
            yield from new([self._given_up(missing())])

    def _given_up(self, blocks: list[Any]) -> Any:
        import pyarrow as pa

        died = EngineFailed("the model's process died while it worked on this input alone; --retry-failed tries again")
        rows = []
        for block in blocks:
            for given in block.to_pylist():
                place = given.pop(PLACE)
                rows.append({**failed_row(Input(**given), died), PLACE: place})
        return pa.Table.from_pylist(rows, schema=answer_schema(self._pool.task.result_fields()))


def blocks_of(inputs: Iterable[Input], size: int) -> tuple[list[Any], int]:
    """Arrow tables of `input_schema`, at most `size` inputs in each, and how many inputs there are."""
    import pyarrow as pa

    blocks, count = [], 0
    waiting = iter(inputs)
    while chunk := list(islice(waiting, size)):
        placed = [{**asdict(item), PLACE: count + offset} for offset, item in enumerate(chunk)]
        blocks.append(pa.Table.from_pylist(placed, schema=input_schema()))
        count += len(chunk)
    return blocks, count
