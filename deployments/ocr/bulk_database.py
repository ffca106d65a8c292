"""Rows of a bulk OCR job as executions of the store, beside the files.

A part's rows are recorded before the part has its name. After a kill in between, its inputs are done again, and the
store, which knows an execution by its `chain_id`, keeps one of each; a failure is replaced when it is done again.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from deployments.ocr.store.open_store import open_store
from deployments.ocr.store.records import Execution
from deployments.ocr.types import OcrOptions, TextBox

_AT_ONCE = 500
"""Executions in one transaction."""


class ExecutionRecorder:
    """Call it with an Arrow table of rows. A context manager; used from one thread.

    Args:
        url: of the database; `$NAME` is taken from the environment.
        source: the job's; with the options and an input's id it makes the `chain_id`.

    Raises:
        UnsupportedOption, StoreUnavailable: see `open_store`; each call may raise `StoreUnavailable`, too.
    """

    def __init__(self, url: str, source: str, options: OcrOptions) -> None:
        self._options = options
        self._job = f"{source}\0{json.dumps([options.language, options.confidence_threshold, options.use_angle_cls])}"
        self._loop = asyncio.Runner()
        self._store = self._loop.run(open_store(os.path.expandvars(url)))

    @property
    def batch_id(self) -> str:
        """What all executions of the job carry."""
        return _key(self._job)

    def __enter__(self) -> ExecutionRecorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.run(self._store.close())
        self._loop.close()

    def __call__(self, rows: Any) -> None:
        for start in range(0, rows.num_rows, _AT_ONCE):
            executions = [self._execution(row) for row in rows.slice(start, _AT_ONCE).to_pylist()]
            self._loop.run(self._store.record_many(executions))

    def _execution(self, row: Mapping[str, Any]) -> Execution:
        pages = row["pages"] or []
        return Execution(
            status=row["status"],
            source=row["path"],
            chain_id=_key(f"{self._job}\0{row['input_id']}"),
            batch_id=self.batch_id,
            error_code=row["error_code"],
            error_message=row["error_message"],
            language=row["language"] or self._options.language,
            confidence_threshold=self._options.confidence_threshold,
            use_angle_cls=self._options.use_angle_cls,
            backend=row["backend"] or self._options.backend,
            model=row["model"],
            width=pages[0]["width"] if pages else None,
            height=pages[0]["height"] if pages else None,
            pages=len(pages),
            duration_ms=row["prepare_ms"] + row["inference_ms"],
            text_boxes=tuple(_box(box) for box in row["text_boxes"] or []),
        )


def _box(box: Mapping[str, Any]) -> TextBox:
    a, b, c, d = ((float(x), float(y)) for x, y in box["bbox"])
    return TextBox(box["text"], box["confidence"], (a, b, c, d), box["page"], box["rotation"])


def _key(text: str) -> str:
    return f"bulk-{hashlib.sha256(text.encode()).hexdigest()[:40]}"
