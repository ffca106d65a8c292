"""The one Ray Data job of all services: list inputs, run them through engine actors, write rows, resume, report.

The driver writes: rows come to it as a stream, so each input's row is written once, whatever Ray had to do twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from deployments.serving.bulk_cluster import Cluster, check_model, pool_of, stream_rows
from deployments.serving.bulk_destination import Destination, Format, Mode
from deployments.serving.bulk_engine import BulkTask
from deployments.serving.bulk_progress import Progress, Summary
from deployments.serving.bulk_rows import failed_row, input_schema, row_schema
from deployments.serving.bulk_settings import JobSettings
from deployments.serving.bulk_sources import Input, Source
from deployments.serving.errors import EngineFailed, InvalidInput, SensoriumError


@dataclass(frozen=True, slots=True)
class JobOptions:
    """What the operator asked for, beside the service's own options."""

    form: Format = "parquet"
    mode: Mode = "same-job"
    retry_failed: bool = False
    fail_on_errors: float | None = None
    """Per cent of failed rows above which the job fails."""
    before_part: Callable[[Any], None] | None = None
    """Told of each part's rows (an Arrow table) before they are written; after a kill, of some of them again."""


class TooManyErrors(SensoriumError):
    """More inputs failed than `--fail-on-errors` allows."""

    code = "too_many_errors"


def run_job(
    task: BulkTask,
    source: Source,
    folder: Path,
    settings: JobSettings,
    options: JobOptions,
    service_options: Mapping[str, Any],
) -> Summary:
    """Run until every input has its row; what is there already is not done again.

    Args:
        service_options: what results depend on besides the model (`language`, ...); a resumed run must name the same.

    Raises:
        InvalidInput: the source is empty, or the destination holds another job's data.
        TooManyErrors: see `JobOptions.fail_on_errors`; every row so far is written.
        SensoriumError: the model does not load, the options suit no input, or the destination cannot be written.
    """
    if next(iter(source.inputs()), None) is None:
        raise InvalidInput(f"{source.name} holds no inputs; nothing was written")
    schema = row_schema(task.result_fields())
    job = {"service": task.service, "source": source.name, "fingerprint": source.fingerprint}
    destination = Destination(
        folder, schema, {**job, "options": dict(service_options)}, form=options.form, mode=options.mode
    )
    try:
        if options.retry_failed:
            destination.drop_failed()
        return _run(task, source, destination, settings, options)
    finally:
        destination.close()


def _run(
    task: BulkTask, source: Source, destination: Destination, settings: JobSettings, options: JobOptions
) -> Summary:
    statuses = dict(destination.statuses())
    failed = sum(status == "failed" for status in statuses.values())
    done = len(statuses)
    blocks, pending = _blocks((item for item in source.inputs() if item.input_id not in statuses), settings)
    statuses.clear()
    summary = Summary(
        task.service, source.name, str(destination.folder), inputs=done + pending, done_before=done, failed=failed
    )
    if pending:
        with Cluster():
            pool = pool_of(settings)
            destination.record_model(check_model(task, settings, source, pool))
            progress = Progress(task.service, done + pending, done, failed)
            writer = _Writer(destination, settings, options, progress)
            try:
                writer.take(stream_rows(task, settings, source, pool, blocks))
                if writer.written < pending:
                    # Each by itself, so that only the culprits stay without a row.
                    alone = _missing(blocks, destination)
                    writer.take(stream_rows(task, settings, source, pool, alone, alone=True))
                    writer.take(_given_up(task, _missing(blocks, destination)))
            finally:
                summary.written, summary.failed = writer.written, progress.failed
                summary.errors = dict(progress.errors)
                summary.seconds, summary.per_second = round(progress.seconds, 3), round(progress.per_second, 3)
                summary.complete = writer.written == pending
                destination.write_summary(summary.as_dict())
                progress.end()
            if writer.written != pending:
                raise EngineFailed(f"{pending - writer.written} rows did not arrive; run the same command again")
    else:
        summary.complete = True
        destination.write_summary(summary.as_dict())
    _judge(summary.failed, summary.inputs, options)
    return summary


def _blocks(inputs: Iterable[Input], settings: JobSettings) -> tuple[list[Any], int]:
    """Arrow tables of at most `inputs_per_task` inputs, and how many inputs there are."""
    import pyarrow as pa

    blocks, count = [], 0
    waiting = iter(inputs)
    while chunk := list(islice(waiting, settings.inputs_per_task)):
        blocks.append(pa.Table.from_pylist([asdict(item) for item in chunk], schema=input_schema()))
        count += len(chunk)
    return blocks, count


def _missing(blocks: list[Any], destination: Destination) -> list[Any]:
    """Inputs without a row, each in a block of its own: an actor's process died on one of them, or with one of them."""
    there = {input_id for input_id, _ in destination.statuses()}
    return [
        block.slice(place, 1)
        for block in blocks
        for place, input_id in enumerate(block.column("input_id").to_pylist())
        if input_id not in there
    ]


def _given_up(task: BulkTask, blocks: list[Any]) -> Iterator[Any]:
    """Failed rows of inputs that killed their actor."""
    import pyarrow as pa

    died = EngineFailed("the model's process died while it worked on this input alone; --retry-failed tries again")
    rows = [failed_row(Input(**row), died) for block in blocks for row in block.to_pylist()]
    yield pa.Table.from_pylist(rows, schema=row_schema(task.result_fields()))


class _Writer:
    """Takes blocks of rows as they come, writes parts."""

    def __init__(
        self, destination: Destination, settings: JobSettings, options: JobOptions, progress: Progress
    ) -> None:
        self._destination = destination
        self._settings = settings
        self._options = options
        self._progress = progress
        self.written = 0
        self._waiting: list[Any] = []
        self._waiting_rows = 0
        self._oldest = 0.0

    def take(self, blocks: Iterator[Any]) -> None:
        try:
            for block in blocks:
                if not block.num_rows:
                    continue
                if not self._waiting:
                    self._oldest = time.monotonic()
                self._waiting.append(block)
                self._waiting_rows += block.num_rows
                codes = [code for code in block.column("error_code").to_pylist() if code is not None]
                self._progress.advance(block.num_rows, codes)
                age = time.monotonic() - self._oldest
                if self._waiting_rows >= self._settings.part_rows or age >= self._settings.part_seconds:
                    self._write()
        except KeyboardInterrupt:  # what was done is kept
            self._write()
            raise
        self._write()

    def _write(self) -> None:
        import pyarrow as pa

        if not self._waiting:
            return
        rows = pa.concat_tables(self._waiting)
        self._waiting, self._waiting_rows = [], 0
        if self._options.before_part is not None:
            self._options.before_part(rows)
        self._destination.write(rows)
        self.written += rows.num_rows


def _judge(failed: int, inputs: int, options: JobOptions) -> None:
    limit = options.fail_on_errors
    if limit is not None and failed * 100 > limit * inputs:
        raise TooManyErrors(f"{failed} of {inputs} inputs failed, more than {limit:g} %; see error_code in the rows")
