"""Destinations of bulk jobs: whole parts or none, another job's rows are safe, failed rows can be done again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deployments.serving.bulk_destination import Destination, Format
from deployments.serving.bulk_rows import failed_row, row_schema, success_row
from deployments.serving.bulk_sources import Input
from deployments.serving.engine import ModelCard
from deployments.serving.errors import InvalidInput, SensoriumError, UnsupportedMedia

JOB: dict[str, Any] = {"service": "ocr", "source": "/a", "fingerprint": "", "options": {"language": "en"}}
CARD = ModelCard(model="m", backend="b", version="v")


def _schema() -> Any:
    import pyarrow as pa

    return row_schema([("text", pa.string())])


def _rows(*names: str, failed: tuple[str, ...] = ()) -> Any:
    import pyarrow as pa

    items = [Input(name, name) for name in names]
    rows = [
        failed_row(item, UnsupportedMedia("broken"))
        if item.path in failed
        else success_row(item, {"text": "읽다\n"}, CARD, prepare_ms=1.0)
        for item in items
    ]
    return pa.Table.from_pylist(rows, schema=_schema())


@pytest.fixture(params=["parquet", "jsonl"])
def form(request: pytest.FixtureRequest) -> Format:
    form: Format = request.param
    return form


def test_finished_rows_are_known_to_the_next_run(tmp_path: Path, form: Format) -> None:
    first = Destination(tmp_path / "out", _schema(), JOB, form=form)
    first.write(_rows("a", "b", failed=("b",)))
    first.write(_rows("c"))
    first.close()
    second = Destination(tmp_path / "out", _schema(), JOB, form=form)
    assert dict(second.statuses()) == {"a": "success", "b": "failed", "c": "success"}
    assert second.write(_rows("d")).name.startswith("part-000002")
    second.close()


def test_an_unfinished_part_is_no_part(tmp_path: Path, form: Format) -> None:
    first = Destination(tmp_path / "out", _schema(), JOB, form=form)
    part = first.write(_rows("a"))
    first.close()
    (part.parent / f".unfinished-part-000001.{form}").write_bytes(part.read_bytes()[:20])
    second = Destination(tmp_path / "out", _schema(), JOB, form=form)
    assert dict(second.statuses()) == {"a": "success"}
    assert [file.name for file in part.parent.iterdir()] == [part.name]
    second.close()


def test_failed_rows_are_dropped_to_be_done_again(tmp_path: Path, form: Format) -> None:
    destination = Destination(tmp_path / "out", _schema(), JOB, form=form)
    destination.write(_rows("a", "b", failed=("b",)))
    destination.write(_rows("c", failed=("c",)))
    assert destination.drop_failed() == 2
    assert dict(destination.statuses()) == {"a": "success"}
    destination.close()


@pytest.mark.parametrize("changed", [{"source": "/b"}, {"options": {"language": "ko"}}, {"service": "speech"}])
def test_another_jobs_rows_are_refused_and_kept(tmp_path: Path, changed: dict[str, Any]) -> None:
    first = Destination(tmp_path / "out", _schema(), JOB)
    first.write(_rows("a"))
    first.close()
    with pytest.raises(InvalidInput, match=next(iter(changed))):
        Destination(tmp_path / "out", _schema(), {**JOB, **changed})
    again = Destination(tmp_path / "out", _schema(), JOB)
    assert dict(again.statuses()) == {"a": "success"}
    again.close()


def test_resume_adds_another_source_but_never_other_options(tmp_path: Path) -> None:
    Destination(tmp_path / "out", _schema(), JOB).close()
    with pytest.raises(InvalidInput):
        Destination(tmp_path / "out", _schema(), {**JOB, "options": {}}, mode="resume")
    Destination(tmp_path / "out", _schema(), {**JOB, "source": "/b"}, mode="resume").close()


def test_overwrite_removes_the_other_jobs_rows(tmp_path: Path) -> None:
    first = Destination(tmp_path / "out", _schema(), JOB)
    first.write(_rows("a"))
    first.close()
    second = Destination(tmp_path / "out", _schema(), {**JOB, "service": "speech"}, mode="overwrite")
    assert not second.parts()
    second.close()
    assert json.loads((tmp_path / "out" / "job.json").read_text())["service"] == "speech"


@pytest.mark.parametrize("mode", ["same-job", "overwrite"])
def test_a_folder_of_other_files_is_never_touched(tmp_path: Path, mode: Any) -> None:
    (tmp_path / "thesis.doc").write_bytes(b"x")
    with pytest.raises(InvalidInput, match=r"thesis\.doc"):
        Destination(tmp_path, _schema(), JOB, mode=mode)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.doc"]


def test_two_runs_at_once_are_refused(tmp_path: Path) -> None:
    first = Destination(tmp_path / "out", _schema(), JOB)
    with pytest.raises(InvalidInput, match="another run"):
        Destination(tmp_path / "out", _schema(), JOB)
    first.close()


def test_results_of_two_models_do_not_mix(tmp_path: Path) -> None:
    destination = Destination(tmp_path / "out", _schema(), JOB)
    destination.record_model({"model": "m"})
    destination.write(_rows("a"))
    destination.record_model({"model": "m"})
    with pytest.raises(InvalidInput, match="other"):
        destination.record_model({"model": "other"})
    destination.close()


def test_a_full_disk_leaves_whole_parts_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    destination = Destination(tmp_path / "out", _schema(), JOB)
    part = destination.write(_rows("a"))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(SensoriumError, match="No space left"):
            destination.write(_rows("b"))
    assert [file.name for file in part.parent.iterdir()] == [part.name]
    destination.close()
