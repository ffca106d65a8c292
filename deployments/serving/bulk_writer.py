"""Takes a bulk job's rows as they come and writes them in parts; stops a job in which too much fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from deployments.serving.bulk_destination import Destination
from deployments.serving.bulk_progress import Progress
from deployments.serving.bulk_settings import JobSettings
from deployments.serving.errors import SensoriumError


class TooManyErrors(SensoriumError):
    """More inputs failed than `--fail-on-errors` allows."""

    code = "too_many_errors"


class Writer:
    """
    Args:
        before_part: told of each part's rows (an Arrow table) before they are written.
        fail_on_errors: per cent of all inputs that may fail; None for any number.
    """

    def __init__(
        self,
        destination: Destination,
        settings: JobSettings,
        progress: Progress,
        before_part: Callable[[Any], None] | None = None,
        fail_on_errors: float | None = None,
    ) -> None:
        self._destination = destination
        self._settings = settings
        self._progress = progress
        self._before_part = before_part
        self._fail_on_errors = fail_on_errors
        self.written = 0
        self._waiting: list[Any] = []
        self._waiting_rows = 0
        self._wrote_at = float("-inf")

    def take(self, tables: Iterator[Any]) -> None:
        """Write all of them; what has come is written, too, if it is stopped.

        Raises:
            TooManyErrors: so much has failed that the rest cannot make it good.
            SensoriumError: a part cannot be written.
        """
        try:
            for table in tables:
                self._add(table)
                age = time.monotonic() - self._wrote_at
                if self._waiting_rows >= self._settings.part_rows or age >= self._settings.part_seconds:
                    self._write()
                judge(self._progress.failed, self._progress.total, self._fail_on_errors)
        except (KeyboardInterrupt, TooManyErrors):
            self._write()
            raise
        self._write()

    def _add(self, table: Any) -> None:
        if table.num_rows:
            self._waiting.append(table)
            self._waiting_rows += table.num_rows
            self._progress.advance(table.num_rows, table.column("error_code").drop_null().to_pylist())

    def _write(self) -> None:
        import pyarrow as pa

        if not self._waiting:
            return
        rows = pa.concat_tables(self._waiting)
        self._waiting, self._waiting_rows = [], 0
        if self._before_part is not None:
            self._before_part(rows)
        self._destination.write(rows)
        self._wrote_at = time.monotonic()
        self.written += rows.num_rows


def judge(failed: int, inputs: int, limit: float | None) -> None:
    """
    Raises:
        TooManyErrors: more than `limit` per cent of the inputs failed.
    """
    if limit is not None and failed * 100 > limit * inputs:
        raise TooManyErrors(
            f"{failed:,} of {inputs:,} inputs failed, more than {limit:g} %; see error_code in the rows. "
            "--retry-failed does them again, without --fail-on-errors the rest is done as well"
        )
