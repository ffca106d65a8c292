"""The writer: parts in time, a job that cannot end well stops, a disk that is really full."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployments.serving.bulk_destination import Destination
from deployments.serving.bulk_progress import Progress
from deployments.serving.bulk_rows import failed_row, row_schema, success_row
from deployments.serving.bulk_settings import JobSettings
from deployments.serving.bulk_sources import Input
from deployments.serving.bulk_writer import TooManyErrors, Writer
from deployments.serving.engine import ModelCard
from deployments.serving.errors import SensoriumError, UnsupportedMedia

JOB: dict[str, Any] = {"service": "ocr", "source": "/a", "fingerprint": "", "options": {}}
CARD = ModelCard(model="m", backend="b", version="v")


def _schema() -> Any:
    import pyarrow as pa

    return row_schema([("text", pa.string())])


def _table(names: list[str], failed: bool = False, text: str = "") -> Any:
    import pyarrow as pa

    broken = UnsupportedMedia("broken")
    rows = [
        failed_row(Input(name, name), broken) if failed else success_row(Input(name, name), {"text": text}, CARD)
        for name in names
    ]
    return pa.Table.from_pylist(rows, schema=_schema())


def _writer(destination: Destination, total: int, limit: float | None = None, **settings: Any) -> Writer:
    return Writer(destination, JobSettings(**settings), Progress("ocr", total, 0, 0), fail_on_errors=limit)


def test_a_part_is_written_when_it_is_due_and_at_the_end(tmp_path: Path) -> None:
    destination = Destination(tmp_path / "out", _schema(), JOB)
    writer = _writer(destination, 10, part_rows=3, part_seconds=1000)
    sizes = []

    def tables() -> Iterator[Any]:
        for number in range(6):
            yield _table([str(number)])
            sizes.append(len(destination.parts()))

    writer.take(tables())
    destination.close()
    assert sizes == [1, 1, 1, 2, 2, 2]  # the first at once: a job shows soon that it can write
    assert (writer.written, len(destination.parts())) == (6, 3)


def test_a_job_stops_when_more_has_failed_than_may(tmp_path: Path) -> None:
    destination = Destination(tmp_path / "out", _schema(), JOB)
    writer = _writer(destination, 100, limit=10, part_seconds=1000)
    asked = []

    def tables() -> Iterator[Any]:
        for number in range(50):
            asked.append(number)
            yield _table([f"{number} a", f"{number} b"], failed=number % 2 == 0)

    with pytest.raises(TooManyErrors, match="12 of 100"):
        writer.take(tables())
    assert asked[-1] == 10
    assert len(dict(destination.statuses())) == writer.written == 22
    destination.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"mounting needs root: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_a_full_disk_ends_the_job_and_room_resumes_it(small_disk: Path, form: Any) -> None:
    stuffing = small_disk / "other program's"
    stuffing.write_bytes(os.urandom(100_000))
    destination = Destination(small_disk / "out", _schema(), JOB, form=form)
    writer = _writer(destination, 40, part_rows=1)
    texts = (os.urandom(10_000).hex() for _ in range(40))
    with pytest.raises(SensoriumError, match=r"No space left on device.*make room") as failure:
        writer.take(_table([str(number)], text=text) for number, text in enumerate(texts))
    assert failure.value.code == "write_failed"
    written = dict(destination.statuses())
    assert 0 < len(written) < 40
    destination.close()
    stuffing.unlink()
    again = Destination(small_disk / "out", _schema(), JOB, form=form)
    assert dict(again.statuses()) == written
    assert not list((small_disk / "out").rglob(".unfinished*"))
    _writer(again, 40).take(iter([_table(["40"], text="fits")]))
    assert len(dict(again.statuses())) == len(written) + 1
    again.close()
