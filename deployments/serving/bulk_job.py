"""The one Ray Data job of all services: list inputs, run them through engine actors, write rows, resume, report.

The driver writes: rows come to it as a stream, so each input's row is written once, whatever Ray had to do twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployments.serving.bulk_cluster import Cluster, EnginePool
from deployments.serving.bulk_destination import Destination, Format, Mode
from deployments.serving.bulk_progress import Progress, Summary, announce
from deployments.serving.bulk_rounds import Rounds, blocks_of
from deployments.serving.bulk_rows import row_schema
from deployments.serving.bulk_settings import JobSettings
from deployments.serving.bulk_sources import Source
from deployments.serving.bulk_task import BulkTask
from deployments.serving.bulk_writer import Writer, judge
from deployments.serving.errors import EngineFailed, InvalidInput, SensoriumError


@dataclass(frozen=True, slots=True)
class JobOptions:
    """What the operator asked for, beside the service's own options."""

    form: Format = "parquet"
    mode: Mode = "same-job"
    retry_failed: bool = False
    fail_on_errors: float | None = None
    """Per cent of failed rows above which the job stops and fails."""
    before_part: Callable[[Any], None] | None = None
    """Told of each part's rows (an Arrow table) before they are written; after a kill, of some of them again."""


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
    pending = (item for item in source.inputs() if item.input_id not in statuses)
    blocks, count = blocks_of(pending, settings.inputs_per_task)
    statuses.clear()
    folder = str(destination.folder)
    summary = Summary(task.service, source.name, folder, inputs=done + count, done_before=done, failed=failed)
    judge(failed, summary.inputs, options.fail_on_errors)
    if not count:
        summary.complete = True
        destination.write_summary(summary.as_dict())
        return summary
    announce(task.service, count, done)
    with Cluster():
        pool = EnginePool(task, settings, source)
        destination.record_model(pool.check())
        progress = Progress(task.service, summary.inputs, done, failed)
        writer = Writer(destination, settings, progress, options.before_part, options.fail_on_errors)
        rounds = Rounds(pool, progress)

        def sum_up() -> None:
            summary.written, summary.failed = writer.written, progress.failed
            summary.errors = dict(progress.errors)
            summary.seconds, summary.per_second = round(progress.seconds, 3), round(progress.per_second, 3)
            summary.complete = writer.written == count
            progress.end()
            destination.write_summary(summary.as_dict())

        try:
            writer.take(rounds.inputs(blocks))
            writer.take(rounds.sections())
        except BaseException:
            with suppress(SensoriumError):  # why it ended matters more than that the summary cannot be written either
                sum_up()
            raise
        sum_up()
    if not summary.complete:
        raise EngineFailed(f"{count - writer.written} rows did not arrive; run the same command again")
    return summary
