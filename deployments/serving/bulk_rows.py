"""The rows a bulk job writes: one per input, always. These columns come first; each service adds its own.

====================  ==================  ==========================================================================
column                Arrow type          meaning
====================  ==================  ==========================================================================
input_id              string              unique; the path, or `table#row`
path                  string              the file; for a text, the table
row                   int64               row of the table, from 0; null for a file
status                string              `success` or `failed`
error_code            string              of `deployments.serving.errors`; null on success
error_message         string              what is wrong and what to do; null on success
content_hash          string              `sha256:` of the bytes (a text's UTF-8) that were read; null if none were
model, backend        string              what answered; null where nothing did
model_version         string              identifies the weights
prepare_ms            float               reading, decoding, cutting
inference_ms          float               this input's share, by cost, of the batches it was in
finished_at           timestamp[ms, UTC]
====================  ==================  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from deployments.serving.bulk_sources import Input
from deployments.serving.engine import ModelCard
from deployments.serving.errors import EngineFailed, InvalidInput, SensoriumError

Row = dict[str, Any]

PLACE, SECTIONS = "_place", "_sections"
"""Columns beside those of rows, between driver and actors only: the input's place in its round; see `long_row`."""


def input_schema() -> Any:
    """Arrow schema of the blocks that engine actors are given: the fields of `Input`, and `PLACE`."""
    import pyarrow as pa

    fields = [("input_id", pa.string()), ("path", pa.string()), ("row", pa.int64())]
    sections = [("section", pa.int32()), ("sections", pa.int32())]
    return pa.schema([*fields, ("text", pa.string()), ("problem", pa.string()), *sections, (PLACE, pa.int64())])


def row_schema(result_fields: Sequence[Any]) -> Any:
    """Arrow schema of a service's rows."""
    import pyarrow as pa

    texts = ("status", "error_code", "error_message", "content_hash", "model", "backend", "model_version")
    return pa.schema(
        [
            *(("input_id", pa.string()), ("path", pa.string()), ("row", pa.int64())),
            *((name, pa.string()) for name in texts),
            *(("prepare_ms", pa.float32()), ("inference_ms", pa.float32())),
            ("finished_at", pa.timestamp("ms", "UTC")),
            *result_fields,
        ]
    )


def answer_schema(result_fields: Sequence[Any]) -> Any:
    """Arrow schema of what engine actors give back: rows, with `PLACE` and `SECTIONS`."""
    import pyarrow as pa

    return pa.schema([*row_schema(result_fields), (PLACE, pa.int64()), (SECTIONS, pa.int32())])


def success_row(item: Input, result: Row, card: ModelCard, **measured: Any) -> Row:
    """`result` may name another model than the card's, where an engine holds several."""
    answered = {"model": card.model, "backend": card.backend, "model_version": card.version}
    return {**_base(item), "status": "success", **answered, **measured, **result}


def failed_row(item: Input, error: Exception, **measured: Any) -> Row:
    if not isinstance(error, SensoriumError):
        error = EngineFailed(f"{type(error).__name__}: {error}"[:500])
    message = error.message.encode("utf-8", "backslashreplace").decode()
    return {**_base(item), "status": "failed", "error_code": error.code, "error_message": message, **measured}


def long_row(item: Input, sections: int) -> Row:
    """Says that `item` is to be cut into so many sections; never written."""
    return {**_base(item), SECTIONS: sections}


def joined_row(item: Input, sections: Sequence[Row], join: Callable[[Sequence[Row]], Row]) -> Row:
    """The row of an input from those of its sections, in order: failed if one of them is."""
    measured: Row = {name: sum(row[name] or 0.0 for row in sections) for name in ("prepare_ms", "inference_ms")}
    failed = next((place for place, row in enumerate(sections) if row["status"] == "failed"), None)
    if failed is not None:
        row = sections[failed]
        about = {name: row[name] for name in ("status", "error_code", "content_hash")}
        message = f"{row['error_message']} (section {failed + 1} of {len(sections)})"
        return {**_base(item), **about, "error_message": message, **measured}
    if len({row["content_hash"] for row in sections}) > 1:
        return failed_row(item, InvalidInput("the file changed while it was read; --retry-failed reads it again"))
    about = {name: sections[0][name] for name in ("status", "content_hash", "model", "backend", "model_version")}
    return {**_base(item), **about, **measured, **join(sections)}


def _base(item: Input) -> Row:
    return {"input_id": item.input_id, "path": item.path, "row": item.row, "finished_at": datetime.now(UTC)}
