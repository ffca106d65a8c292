"""The statements that write executions, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import Table, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from deployments.ocr.store.execution_rows import Key, NewExecution, box_rows, execution_row
from deployments.ocr.store.tables import OCRExecution, OCRTextBox

_EXECUTIONS = cast("Table", OCRExecution.__table__)
_BOXES = cast("Table", OCRTextBox.__table__)
_KEPT = {"id", "created_at", "chain_id", "image_index"}
"""Columns that keep the first attempt's values when a failed execution is replaced."""


class ExecutionWriter:
    """Args:
    dialect: `sqlite` or `postgresql`.
    """

    def __init__(self, dialect: str) -> None:
        insert: Any = postgresql.insert if dialect == "postgresql" else sqlite.insert
        # Ids are made by us: a transaction that is tried again, though its commit went through, meets its own rows.
        self._insert = insert(_EXECUTIONS).on_conflict_do_nothing(index_elements=["id"])
        self._insert_boxes = insert(_BOXES).on_conflict_do_nothing(index_elements=["execution_id", "position"])
        upsert = insert(_EXECUTIONS)
        self._upsert = upsert.on_conflict_do_update(
            index_elements=["chain_id", "image_index"],
            set_={column.name: upsert.excluded[column.name] for column in _EXECUTIONS.c if column.name not in _KEPT},
            where=_EXECUTIONS.c.status == "failed",
        ).returning(_EXECUTIONS.c.id, _EXECUTIONS.c.chain_id, _EXECUTIONS.c.image_index)

    async def write(self, connection: AsyncConnection, group: Sequence[NewExecution]) -> list[str]:
        """Write `group` and its boxes; the id under which each is stored, in order."""
        loose = [new for new in group if new.key is None]
        chosen = _one_per_key(group)
        if loose:
            await connection.execute(self._insert, [execution_row(new) for new in loose])
        written = await self._write_keyed(connection, chosen) if chosen else {}
        boxes = [row for new in loose for row in box_rows(new.id, new.execution.text_boxes)]
        for key, stored_id in written.items():
            boxes += box_rows(stored_id, chosen[key].execution.text_boxes)
        if boxes:
            await connection.execute(self._insert_boxes, boxes)
        ids = written | await self._find(connection, [key for key in chosen if key not in written])
        return [new.id if new.key is None else ids[new.key] for new in group]

    async def _write_keyed(self, connection: AsyncConnection, chosen: dict[Key, NewExecution]) -> dict[Key, str]:
        # In one order everywhere, so that two transactions cannot wait for each other.
        rows = [execution_row(chosen[key]) for key in sorted(chosen)]
        returned = await connection.execute(self._upsert, rows)
        return {(chain_id, index): stored_id for stored_id, chain_id, index in returned}

    async def _find(self, connection: AsyncConnection, keys: list[Key]) -> dict[Key, str]:
        """Ids of executions that were stored before, and stay as they are."""
        found: dict[Key, str] = {}
        columns = (_EXECUTIONS.c.chain_id, _EXECUTIONS.c.image_index)
        for start in range(0, len(keys), 500):  # both databases bound the number of parameters, at about 32,000
            query = select(_EXECUTIONS.c.id, *columns).where(tuple_(*columns).in_(keys[start : start + 500]))
            for stored_id, chain_id, index in await connection.execute(query):
                found[chain_id, index] = stored_id
        return found


def _one_per_key(group: Sequence[NewExecution]) -> dict[Key, NewExecution]:
    """The outcome to store where a group has several of one image: its first success, else its last failure."""
    chosen: dict[Key, NewExecution] = {}
    for new in group:
        if new.key is not None and (new.key not in chosen or chosen[new.key].execution.status == "failed"):
            chosen[new.key] = new
    return chosen
