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

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from deployments.serving.bulk_sources import Input
from deployments.serving.engine import ModelCard
from deployments.serving.errors import EngineFailed, SensoriumError

Row = dict[str, Any]


def input_schema() -> Any:
    """Arrow schema of the blocks that engine actors are given: the fields of `Input`."""
    import pyarrow as pa

    fields = [("input_id", pa.string()), ("path", pa.string()), ("row", pa.int64())]
    return pa.schema([*fields, ("text", pa.string()), ("problem", pa.string())])


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


def success_row(item: Input, result: Row, card: ModelCard, **measured: Any) -> Row:
    """`result` may name another model than the card's, where an engine holds several."""
    answered = {"model": card.model, "backend": card.backend, "model_version": card.version}
    return {**_base(item), "status": "success", **answered, **measured, **result}


def failed_row(item: Input, error: Exception, **measured: Any) -> Row:
    if not isinstance(error, SensoriumError):
        error = EngineFailed(f"{type(error).__name__}: {error}"[:500])
    message = error.message.encode("utf-8", "backslashreplace").decode()
    return {**_base(item), "status": "failed", "error_code": error.code, "error_message": message, **measured}


def _base(item: Input) -> Row:
    return {"input_id": item.input_id, "path": item.path, "row": item.row, "finished_at": datetime.now(UTC)}
