"""Parts of a bulk job's rows as files: Parquet, or JSON lines of the same columns."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from deployments.serving.errors import SensoriumError

UNFINISHED = ".unfinished-"
"""How names of files that are still being written begin."""


class WriteFailed(SensoriumError):
    """The disk is full, over quota, or does not answer."""

    code = "write_failed"


def write_part(stream: IO[bytes], rows: Any, suffix: str) -> None:
    """An Arrow table to an open file; `suffix` is `.parquet` or `.jsonl`."""
    if suffix == ".parquet":
        import pyarrow.parquet

        pyarrow.parquet.write_table(rows, stream, compression="zstd")
        return
    for batch in rows.to_batches(max_chunksize=256):
        for row in batch.to_pylist():
            stream.write(json.dumps(row, ensure_ascii=False, default=_as_text).encode() + b"\n")


def read_part(part: Path, schema: Any, columns: list[str] | None = None) -> Any:
    """A finished part as an Arrow table, all columns or some."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    if part.suffix == ".parquet":
        return parquet.read_table(part, columns=columns, partitioning=None)
    names = columns or schema.names
    kept = []
    with part.open("rb") as stream:
        for line in stream:
            row = json.loads(line)
            row["finished_at"] = datetime.fromisoformat(row["finished_at"])
            kept.append({name: row[name] for name in names})
    return pa.Table.from_pylist(kept, schema=pa.schema([schema.field(name) for name in names]))


def _as_text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def save(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """All of it under its name, or nothing.

    Raises:
        WriteFailed: of what is under its name already nothing is lost.
        PermissionError: it may not be written.
    """
    unfinished = path.with_name(f"{UNFINISHED}{path.name}")
    try:
        with unfinished.open("wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(path)
        sync(path.parent)
    except PermissionError:
        raise
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise WriteFailed(
            f"{path} cannot be written: {error.strerror or error}. Rows of finished parts are kept; "
            "make room and run the same command again"
        ) from error


def sync(folder: Path) -> None:
    """A rename is durable once its folder is synced."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
