"""The one Ray Data job of all services: list inputs, run them through engine actors, write rows, resume, report.

The driver writes: rows come to it as a stream, so each input's row is written once, whatever Ray had to do twice.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from deployments.serving.bulk_destination import Destination, Format, Mode
from deployments.serving.bulk_engine import BulkTask, EngineRows
from deployments.serving.bulk_progress import Progress, Summary
from deployments.serving.bulk_rows import input_schema, row_schema
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
    on_rows: Callable[[Any], None] | None = None
    """Told of each part's rows (an Arrow table) once they are written."""


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
        with _ray():
            pool = _pool(settings)
            destination.record_model(_check(task, settings, source, pool))
            progress = Progress(task.service, done + pending, done, failed)
            writer = _Writer(destination, settings, options, progress)
            try:
                writer.take(_stream(task, settings, source, pool, blocks))
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


class EngineActor:
    """What Ray Data's actors are: an engine that turns blocks of inputs into blocks of rows."""

    def __init__(self, task: BulkTask, settings: JobSettings, roots: tuple[str, ...]) -> None:
        self._rows = EngineRows(task, settings.batching, roots, settings.prepare_threads)
        self._schema = row_schema(task.result_fields())

    def __call__(self, block: Any) -> Any:
        import pyarrow as pa

        return pa.Table.from_pylist(self._rows.rows([Input(**row) for row in block.to_pylist()]), schema=self._schema)


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
        self._destination.write(rows)
        self.written += rows.num_rows
        if self._options.on_rows is not None:
            self._options.on_rows(rows)


def _judge(failed: int, inputs: int, options: JobOptions) -> None:
    limit = options.fail_on_errors
    if limit is not None and failed * 100 > limit * inputs:
        raise TooManyErrors(f"{failed} of {inputs} inputs failed, more than {limit:g} %; see error_code in the rows")


class _ray:  # noqa: N801  (reads as a verb: `with _ray():`)
    """A connection to the cluster that `RAY_ADDRESS` names, else a Ray of this process's own; closed again."""

    def __enter__(self) -> None:
        import ray

        self._ours = not ray.is_initialized()
        if self._ours and os.environ.get("RAY_ADDRESS"):
            ray.init(address="auto", log_to_driver=False, logging_level=logging.WARNING)
        elif self._ours:
            ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level=logging.WARNING)
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        # `ray job stop` and `docker stop` end a driver like this; what was done is to be kept.
        self._before = signal.signal(signal.SIGTERM, _interrupt)

    def __exit__(self, *_: object) -> None:
        import ray

        signal.signal(signal.SIGTERM, self._before)
        if self._ours:
            ray.shutdown()


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _pool(settings: JobSettings) -> tuple[int, float]:
    """(actors, CPUs of each): what the settings say, else what is free."""
    import ray

    free = ray.available_resources().get("CPU", 0.0)
    cpus = settings.actor_cpus or (1.0 if free >= 1 else max(0.1, round(0.9 * free, 2)))
    return settings.actors or max(1, int(free / cpus)), cpus


def _check(task: BulkTask, settings: JobSettings, source: Source, pool: tuple[int, float]) -> dict[str, str]:
    """Load the model once where it will run, before a million inputs fail for one reason; what answers.

    Raises:
        SensoriumError: it does not load, or the job's options suit no input.
    """
    import ray

    def check() -> tuple[dict[str, str] | None, SensoriumError | None]:
        try:
            rows = EngineRows(task, settings.batching, source.roots)
            rows.check()
        except SensoriumError as error:
            return None, error
        card = rows.card
        rows.close()
        return {"model": card.model, "backend": card.backend, "version": card.version}, None

    remote = ray.remote(check).options(num_cpus=pool[1], num_gpus=settings.actor_gpus, max_retries=0)
    try:
        answer, error = ray.get(remote.remote())
    except ray.exceptions.RayError as failure:
        reason = str(failure).strip().splitlines()[-1]
        raise EngineFailed(f"the model does not load on the cluster: {reason[:500]}") from failure
    if error is not None:
        raise error
    assert answer is not None
    return dict(answer)


def _stream(
    task: BulkTask, settings: JobSettings, source: Source, pool: tuple[int, float], blocks: list[Any]
) -> Iterator[Any]:
    """Blocks of rows, in any order, as actors finish them."""
    import ray

    actors, cpus = pool
    rows = ray.data.from_arrow(blocks).map_batches(
        EngineActor,
        batch_size=None,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=min(actors, len(blocks)), max_tasks_in_flight_per_actor=2),
        fn_constructor_args=(task, settings, source.roots),
        num_cpus=cpus,
        num_gpus=settings.actor_gpus or None,
    )
    blocks.clear()
    yield from rows.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=1)
