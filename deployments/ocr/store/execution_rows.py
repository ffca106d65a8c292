"""Executions as rows, and back; their ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deployments.database.clean_text import clean_text
from deployments.database.ids import time_ordered_id
from deployments.ocr.store.records import Execution, StoredExecution
from deployments.ocr.store.tables import OCRExecution, OCRTextBox
from deployments.ocr.types import TextBox

Row = dict[str, Any]
Key = tuple[str, int]
"""(chain_id, image_index)"""

_PLAIN_COLUMNS = (
    "batch_id",
    "chain_id",
    "image_index",
    "request_id",
    "source",
    "public_file_path",
    "status",
    "error_code",
    "error_message",
    "language",
    "confidence_threshold",
    "use_angle_cls",
    "backend",
    "model",
    "width",
    "height",
    "pages",
    "duration_ms",
)
"""Fields of `Execution` that are columns of the same name."""


@dataclass(frozen=True, slots=True)
class NewExecution:
    """An execution with the id it gets if it is new: fixed before the first attempt, so that attempts can repeat."""

    id: str
    created_at: datetime
    execution: Execution

    @property
    def key(self) -> Key | None:
        chain_id = self.execution.chain_id
        return None if chain_id is None else (clean_text(chain_id), self.execution.image_index)


def name_executions(executions: Sequence[Execution], now: datetime) -> list[NewExecution]:
    """Give each execution an id that sorts by time, and then by its position."""
    return [
        NewExecution(time_ordered_id(now, position), now, execution) for position, execution in enumerate(executions)
    ]


def execution_row(new: NewExecution) -> Row:
    row: Row = {column: getattr(new.execution, column) for column in _PLAIN_COLUMNS}
    row["id"] = new.id
    row["created_at"] = new.created_at
    return row


def box_rows(execution_id: str, boxes: Sequence[TextBox]) -> list[Row]:
    return [
        {
            "execution_id": execution_id,
            "position": position,
            "page": box.page,
            "text": box.text,
            "confidence": box.confidence,
            "bbox": box.bbox,
            "rotation": box.rotation,
        }
        for position, box in enumerate(boxes)
    ]


def stored_execution(row: OCRExecution, boxes: Sequence[OCRTextBox], text_box_count: int) -> StoredExecution:
    fields = {column: getattr(row, column) for column in _PLAIN_COLUMNS}
    execution = Execution(**fields, text_boxes=tuple(_text_box(box) for box in boxes))
    return StoredExecution(row.id, row.created_at, execution, text_box_count)


def _text_box(row: OCRTextBox) -> TextBox:
    top_left, top_right, bottom_right, bottom_left = ((float(x), float(y)) for x, y in row.bbox)
    return TextBox(row.text, row.confidence, (top_left, top_right, bottom_right, bottom_left), row.page, row.rotation)
