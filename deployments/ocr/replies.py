"""Outcomes and stored executions as the JSON that clients read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from deployments.database.clean_text import clean_text
from deployments.ocr.extraction import Outcome
from deployments.ocr.store.records import Execution, StoredExecution
from deployments.ocr.types import TextBox

Json = dict[str, Any]

_EXECUTION_FIELDS = tuple(field.name for field in fields(Execution) if field.name != "text_boxes")


def single_reply(outcome: Outcome, execution_id: str | None) -> Json:
    """What was read of one image or document; after a failure, the same fields with nothing in them."""
    result = outcome.result
    pages = result.pages if result else ()
    timings = {f"{name}_ms": round(value, 3) for name, value in result.timings_ms.items()} if result else {}
    return {
        "text_boxes": [_text_box(box) for box in result.text_boxes] if result else [],
        "backend": result.backend if result else None,
        "model": result.model if result else None,
        "language": clean_text(result.language if result else outcome.job.options.language),
        "width": pages[0][0] if pages else None,
        "height": pages[0][1] if pages else None,
        "pages": len(pages),
        "page_sizes": [{"width": width, "height": height} for width, height in pages],
        "timings": timings | {"total_ms": round(outcome.duration_ms, 3)},
        "execution_id": execution_id,
        "request_id": outcome.job.request_id,
    }


def batch_entry(outcome: Outcome, execution_id: str | None) -> Json:
    """One image of several."""
    return single_reply(outcome, execution_id) | {
        "status": "failed" if outcome.error else "success",
        "error": clean_text(outcome.error.message) if outcome.error else None,
        "error_code": outcome.error.code if outcome.error else None,
    }


def batch_reply(entries: Sequence[Any], succeeded: int, failed: int, request_id: str) -> Json:
    """All entries in order, and the counts."""
    return {
        "results": list(entries),
        "total_processed": succeeded + failed,
        "total_success": succeeded,
        "total_failed": failed,
        "request_id": request_id,
    }


def execution_summary(stored: StoredExecution) -> Json:
    """A row without its boxes."""
    reply: Json = {name: getattr(stored.execution, name) for name in _EXECUTION_FIELDS}
    reply |= {"id": stored.id, "created_at": stored.created_at, "text_box_count": stored.text_box_count}
    return reply


def execution_reply(stored: StoredExecution) -> Json:
    """A row with its boxes."""
    return execution_summary(stored) | {"text_boxes": [_text_box(box) for box in stored.execution.text_boxes]}


def _text_box(box: TextBox) -> Json:
    return {
        "text": clean_text(box.text),
        "confidence": box.confidence,
        "bbox": box.bbox,
        "page": box.page,
        "rotation": box.rotation,
    }
