"""Tables of paths or texts as inputs of a bulk job: Parquet, CSV, JSON lines, and plain lists."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deployments.serving.bulk_sources import Input, Kind
from deployments.serving.errors import InvalidInput

_LONGEST_CSV_FIELD = 2**31 - 1
Value = tuple[Any, str | None]
"""What a row holds in the column, and why it cannot be read."""


def read_table(path: str, kind: Kind, column: str) -> Iterator[Input]:
    """One input a row. Relative paths are taken from the table's folder.

    Raises:
        InvalidInput: the table has no such column, or is not of the form that its name says.
    """
    suffix = Path(path).suffix.lower()
    reader = {".parquet": _parquet, ".csv": _csv, ".jsonl": _json_lines, ".ndjson": _json_lines}.get(suffix)
    values = _list(path) if reader is None else reader(path, column)
    for number, (value, problem) in enumerate(values):
        yield _input(path, number, value, problem, kind)


def _input(table: str, number: int, value: Any, problem: str | None, kind: Kind) -> Input:
    name = f"{table}#{number}"
    if problem is None and not isinstance(value, str):
        problem = f"row {number} holds no {kind}" if value is None else f"row {number}: its {kind} is no string"
    if problem is None and not _storable(value):
        problem = f"row {number}: its {kind} holds half a UTF-16 pair, which no text may"
    if problem is not None:
        return Input(name, table, number, problem=problem)
    if kind == "text":
        return Input(name, table, number, text=value)
    if not value:
        return Input(name, table, number, problem=f"row {number} holds an empty path")
    if "://" not in value:
        value = os.path.normpath(Path(table).parent / value)
    return Input(name, value, number)


def _storable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _parquet(path: str, column: str) -> Iterator[Value]:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    try:
        with parquet.ParquetFile(path) as file:
            _check_column(path, column, file.schema_arrow.names)
            for batch in file.iter_batches(batch_size=1024, columns=[column]):
                yield from ((value, None) for value in batch.column(0).to_pylist())
    except pa.ArrowInvalid as error:
        raise InvalidInput(f"{path} is no Parquet file that can be read: {error}") from error


def _csv(path: str, column: str) -> Iterator[Value]:
    csv.field_size_limit(_LONGEST_CSV_FIELD)
    with open(path, encoding="utf-8-sig", newline="") as stream:  # noqa: PTH123
        try:
            reader = csv.DictReader(stream)
            _check_column(path, column, reader.fieldnames or [])
            for row in reader:
                yield row.get(column), None
        except UnicodeDecodeError as error:
            raise InvalidInput(f"{path} is not UTF-8: {error}") from error
        except csv.Error as error:
            raise InvalidInput(f"{path} is no CSV that can be read: {error}") from error


def _json_lines(path: str, column: str) -> Iterator[Value]:
    with open(path, "rb") as stream:  # noqa: PTH123
        for line in stream:
            if not line.strip():
                continue
            try:
                item = json.loads(line)
            except ValueError as error:
                yield None, f"this line is not JSON: {error}"
                continue
            if isinstance(item, dict) and column in item:
                yield item[column], None
            else:
                yield None, f"this line is no object with a {column!r}"


def _list(path: str) -> Iterator[Value]:
    data = Path(path).read_bytes()
    separator = b"\0" if b"\0" in data else b"\n"
    for item in data.split(separator):
        entry = item.removesuffix(b"\r") if separator == b"\n" else item
        if entry:
            try:
                yield entry.decode("utf-8"), None
            except UnicodeDecodeError:
                yield None, "this line is not UTF-8"


def _check_column(path: str, column: str, present: Any) -> None:
    if column not in present:
        raise InvalidInput(
            f"{path} has no column {column!r}; it has {', '.join(present) or 'none'}. Name one with --column",
            field="column",
            available=list(present),
        )
