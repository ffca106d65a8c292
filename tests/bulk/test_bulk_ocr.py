"""OCR over folders: rows, codes, texts; killed and resumed; sources and destinations that are not as they should be."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from deployments.ocr.loading import OcrConfig, load_engine
from deployments.ocr.store.open_store import open_store
from deployments.ocr.store.records import ExecutionFilter, StoredExecution
from deployments.ocr.types import OcrOptions, OcrRequest
from deployments.serving.media import InlineMedia
from tests.bulk.conftest import Start, read_rows

Bulk = Callable[..., subprocess.CompletedProcess[str]]
ODD_NAMES = ("with space.png", "서울 거리.png", "two\nlines.png")
BROKEN = {
    "empty.png": (b"", "invalid_input"),
    "cut off.png": (b"\x89PNG\r\n\x1a\n\0\0", "unsupported_media"),
    "words.pdf": (b"%PDF-1.4 no objects", "unsupported_media"),
    "note.txt": (b"just text", "unsupported_media"),
}


def _draw(folder: Path, names: list[str]) -> None:
    rng = random.Random(7)
    for name in names:
        page = Image.new("L", (320, 120), 255)
        for line in range(2):
            text = f"Gate {rng.randint(10, 99)} unit {rng.randint(1000, 9999)}"
            ImageDraw.Draw(page).text((15, 15 + 50 * line), text, fill=0, font_size=26)
        page.save(folder / name, format="PNG")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 files: 56 pages, 4 broken."""
    folder = tmp_path_factory.mktemp("pages")
    _draw(folder, [*(f"page-{number:02}.png" for number in range(53)), *ODD_NAMES])
    for name, (data, _) in BROKEN.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Settings: a backend without a model, small steps."""
    file = tmp_path_factory.mktemp("settings") / "quick.yaml"
    model = {"backends": [{"kind": "fake", "delay_per_page_ms": 40}]}
    steps = {"inputs_per_task": 3, "part_seconds": 0.1, "actors": 2, "actor_cpus": 0.5}
    file.write_text(json.dumps({"ocr": {"model": model, **steps}}))
    return file


def _comparable(rows: list[dict[str, Any]]) -> list[tuple[str, str, str, str, str]]:
    names = ("input_id", "status", "error_code", "content_hash", "text")
    return sorted(tuple(str(row[name]) for name in names) for row in rows)  # type: ignore[misc]


def test_a_row_per_file_with_codes_and_the_engines_own_texts(pages: Path, bulk: Bulk, tmp_path: Path) -> None:
    ended = bulk("ocr", pages, tmp_path / "out", "--language", "en")
    assert ended.returncode == 0, ended.stderr
    rows = {Path(row["path"]).name: row for row in read_rows(tmp_path / "out")}
    assert sorted(rows) == sorted(file.name for file in pages.iterdir())
    failed = {name: row["error_code"] for name, row in rows.items() if row["status"] == "failed"}
    assert failed == {name: code for name, (_, code) in BROKEN.items()}
    engine = load_engine(OcrConfig(threads=1))
    for name in ("page-00.png", "page-31.png", *ODD_NAMES):
        request = OcrRequest(InlineMedia((pages / name).read_bytes()), OcrOptions(language="en"))
        units = engine.prepare(request)
        (outcome,) = engine.infer(units)
        assert not isinstance(outcome, Exception)
        own = engine.assemble(request, units, [outcome])
        assert rows[name]["text"] == "\n".join(box.text for box in own.text_boxes) != ""
        assert rows[name]["model"] == own.model
    engine.close()
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["inputs"], summary["written"], summary["failed"], summary["complete"]) == (60, 60, 4, True)
    assert "60 of 60 (100 %), 4 failed" in ended.stderr


def test_killed_at_random_moments_and_resumed(
    pages: Path, quick: Path, start: Start, bulk: Bulk, tmp_path: Path
) -> None:
    common = ("--language", "en", "--config", quick)
    assert bulk("ocr", pages, tmp_path / "whole", *common).returncode == 0
    rng = random.Random(time.time_ns())
    partial = 0
    for kill in range(5):
        process = start("ocr", pages, tmp_path / "out", *common)
        parts_before = len(list(tmp_path.glob("out/rows/part-*")))
        deadline = time.monotonic() + 60
        # From the first kill before anything is written to later ones in the middle of writing.
        while kill and process.poll() is None and time.monotonic() < deadline:
            if len(list(tmp_path.glob("out/rows/part-*"))) > parts_before:
                break
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.4))
        process.kill()
        process.wait()
        partial += process.returncode == -9 and any(tmp_path.glob("out/rows/part-*"))
    ended = bulk("ocr", pages, tmp_path / "out", *common)
    assert ended.returncode == 0, ended.stderr
    assert partial, "no kill fell into a run that had written something"
    assert _comparable(read_rows(tmp_path / "out")) == _comparable(read_rows(tmp_path / "whole"))


def test_a_source_that_changes_while_it_is_read(quick: Path, start: Start, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    names = [f"page-{number:02}.png" for number in range(60)]
    _draw(source, names)
    process = start("ocr", source, tmp_path / "out", "--language", "en", "--config", quick)
    deadline = time.monotonic() + 120
    while not any(tmp_path.glob("out/rows/part-*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    for name in names[50:]:
        (source / name).unlink()
    _draw(source, ["page-99 came too late.png"])
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    rows = {Path(row["path"]).name: row["error_code"] for row in read_rows(tmp_path / "out")}
    assert rows == {name: "not_found" if name in names[50:] else None for name in names}
    assert "50 good, 10 failed" in out


def test_failed_rows_are_done_again_on_request(quick: Path, bulk: Bulk, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    _draw(source, ["a.png", "b.png"])
    (source / "c.png").write_bytes(b"not yet copied")
    common = (source, tmp_path / "out", "--language", "en", "--config", quick)
    assert bulk("ocr", *common, "--fail-on-errors", "30%").returncode == 1
    _draw(source, ["c.png"])
    assert "0 new" in bulk("ocr", *common).stdout
    assert "1 new" in bulk("ocr", *common, "--retry-failed").stdout
    rows = read_rows(tmp_path / "out")
    assert sorted(row["status"] for row in rows) == ["success"] * 3


def test_rows_are_recorded_in_the_database_once_each(quick: Path, bulk: Bulk, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    _draw(source, ["a.png", "b.png"])
    (source / "c.png").write_bytes(b"broken")
    database = tmp_path / "ocr.sqlite3"
    common = ("--language", "en", "--config", quick, "--to-database", f"sqlite:///{database}")
    assert bulk("ocr", source, tmp_path / "out", *common).returncode == 0
    # As after a kill between database and files: everything is done, and recorded, again.
    shutil.rmtree(tmp_path / "out" / "rows")
    assert bulk("ocr", source, tmp_path / "out", *common).returncode == 0
    stored = asyncio.run(_stored(f"sqlite:///{database}"))
    assert sorted((Path(one.execution.source).name, one.execution.status) for one in stored) == [
        ("a.png", "success"),
        ("b.png", "success"),
        ("c.png", "failed"),
    ]
    assert all(one.text_box_count == 2 for one in stored if one.execution.status == "success")


async def _stored(url: str) -> tuple[StoredExecution, ...]:
    store = await open_store(url)
    page = await store.find(ExecutionFilter())
    await store.close()
    return page.executions


def test_an_empty_source_writes_nothing(bulk: Bulk, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ended = bulk("ocr", tmp_path / "empty", tmp_path / "out")
    assert (ended.returncode, "holds no inputs" in ended.stderr) == (1, True)
    assert not (tmp_path / "out").exists()


def test_another_jobs_destination_is_refused(pages: Path, quick: Path, bulk: Bulk, tmp_path: Path) -> None:
    one = tmp_path / "one"
    one.mkdir()
    _draw(one, ["a.png"])
    assert bulk("ocr", one, tmp_path / "out", "--language", "en", "--config", quick).returncode == 0
    before = read_rows(tmp_path / "out")
    ended = bulk("ocr", pages, tmp_path / "out", "--language", "en", "--config", quick)
    assert (ended.returncode, "--overwrite" in ended.stderr) == (1, True)
    assert read_rows(tmp_path / "out") == before


def test_a_language_that_nothing_reads_fails_the_job_not_every_row(pages: Path, bulk: Bulk, tmp_path: Path) -> None:
    ended = bulk("ocr", pages, tmp_path / "out", "--language", "klingon")
    assert (ended.returncode, "unsupported_option" in ended.stderr) == (1, True)
    assert not list((tmp_path / "out" / "rows").iterdir())
