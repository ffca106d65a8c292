"""`sensorium container`: numbers printed, or in a results file; by a server, or in this process on the real models."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from deployments import local_container_service
from deployments.cli import server as cli_server
from deployments.client import AsyncSensorium
from deployments.container_number.compared_readers import readers_named
from deployments.container_number.iso6346 import parse
from deployments.local_container_service import local_client
from deployments.ocr.backends.rapidocr_openvino import RapidOcrOptions
from deployments.ocr.loading import OcrConfig
from tests.unit.cli.conftest import SAMPLES, Run
from tests.unit.client.real_server import KEY, RealServer
from training.rendering.crop import render_crop
from training.rendering.styles import PAINTED

CONTAINER = SAMPLES / "container.png"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A container, a crop, a picture without a number, a file that is no image, a file that is no picture."""
    place = tmp_path / "pictures"
    place.mkdir()
    shutil.copy(CONTAINER, place / "a container.png")
    render_crop(parse("CSQU3054383"), PAINTED, np.random.default_rng(11)).save(place / "b crop.PNG")
    shutil.copy(SAMPLES / "receipt.png", place / "c receipt.png")
    (place / "d broken.jpg").write_bytes(b"no image")
    (place / "notes.txt").write_text("no picture")
    return place


@pytest.fixture
def real_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--here` with OCR on the embedded weights only, so that it loads quickly."""

    @asynccontextmanager
    async def connect() -> AsyncIterator[AsyncSensorium]:
        async with local_client(ocr=OcrConfig(backends=(RapidOcrOptions(),), threads=2)) as client:
            yield client

    monkeypatch.setattr(local_container_service, "local_client", connect)


def rows_of(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


def test_a_server_reads_and_the_numbers_are_json_lines(run: Run) -> None:
    ran = run("container", CONTAINER, "-", "--compare", "ocr", stdin=CONTAINER.read_bytes())
    first, second = (json.loads(line) for line in ran.out.splitlines())
    assert (first["file"], second["file"]) == (str(CONTAINER), "-")
    assert (first["numbers"][0]["number"], first["numbers"][0]["size_type"]) == ("CSQU3054383", "22G1")
    assert ran.status == 0


def test_the_table_shows_number_and_size(run: Run) -> None:
    ran = run("container", CONTAINER, "--compare", "ocr", "--table")
    assert "CSQU3054383  22G1" in ran.out
    assert "20 ft long" in ran.out


def test_here_a_folder_becomes_a_table(run: Run, folder: Path, tmp_path: Path, real_models: None) -> None:
    output = tmp_path / "results.csv"
    ran = run("container", folder, "--output", output, "--here")
    container, crop, receipt, broken = rows_of(output)
    assert container["image"] == "a container.png"
    assert (container["number"], container["size_type"], container["valid"]) == ("CSQU3054383", "22G1", "true")
    assert (container["owner"], container["serial"], container["check_digit"]) == ("CSQ", "305438", "3")
    assert container["needs_review"] == "false"
    assert len(container["box"].split()) == 4
    assert crop["number"] == "CSQU3054383"
    assert (receipt["number"], receipt["error"]) == ("", "")
    assert (broken["number"], "not an image" in broken["error"]) == ("", True)
    assert ran.out == "auto: 2 of 4 pictures have a number, 2 certain, 1 failed\n"
    assert "d broken.jpg: these bytes are not an image" in ran.err
    assert ran.status == 1


def test_readers_side_by_side(run: Run, folder: Path, tmp_path: Path, real_models: None) -> None:
    output = tmp_path / "results.csv"
    ran = run("container", folder, "-o", output, "--compare", "base, ocr", "--here")
    lines = ran.out.splitlines()
    assert lines[1].startswith("ocr: 2 of 4 pictures have a number")
    assert lines[2] == "all agree on 1 of 4 pictures"
    rows = rows_of(output)
    assert [row["ocr number"] for row in rows] == ["CSQU3054383", "CSQU3054383", "", ""]
    assert rows[1]["base number"] == "CSQU3054383"
    assert [row["agree"] for row in rows] == ["false", "true", "false", "false"]


def test_a_text_file_as_the_old_script_wrote_it(run: Run, tmp_path: Path) -> None:
    shutil.copy(CONTAINER, tmp_path / "a.png")
    output = tmp_path / "results.txt"
    ran = run("container", tmp_path, "-o", output, "--compare", "ocr")
    assert output.read_text().startswith("a.png\n  ocr: CSQU3054383  22G1  ")
    assert ran.out == "ocr: 1 of 1 pictures have a number, 1 certain, 0 failed\n"
    assert ran.err == f"wrote {output}\n"


def test_where_no_server_was_named_and_none_runs_the_models_are_loaded_here(
    run: Run, monkeypatch: pytest.MonkeyPatch, server: RealServer
) -> None:
    monkeypatch.setattr(local_container_service, "local_client", lambda: AsyncSensorium(server.url, KEY))
    named = run("container", CONTAINER, "--url", "http://127.0.0.1:9")
    assert (named.status, named.out) == (3, "")
    monkeypatch.delenv("SENSORIUM_URL")
    monkeypatch.setattr(cli_server, "DEFAULT_URL", "http://127.0.0.1:9")
    ran = run("container", CONTAINER, "--compare", "ocr")
    assert json.loads(ran.out)["numbers"][0]["number"] == "CSQU3054383"
    assert "no server is running: the models are loaded in this process" in ran.err


def test_an_unknown_adapter_ends_the_run_and_writes_nothing(run: Run, folder: Path, tmp_path: Path) -> None:
    ran = run("container", folder, "-o", tmp_path / "r.csv", "--compare", "gone,ocr")
    assert (ran.status, ran.out) == (2, "")
    [line] = ran.err.splitlines()
    assert "there is no adapter 'gone'" in line
    assert not (tmp_path / "r.csv").exists()


def test_what_is_wrong_is_said_before_reading(run: Run, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for arguments, words in {
        (tmp_path / "gone", "-o", tmp_path / "r.csv"): "no such file or folder",
        (tmp_path / "empty",): "holds no file that ends in .jpg",
        (folder, "-o", tmp_path / "r.xlsx"): "neither in .csv nor",
        (folder, "-o", tmp_path / "none" / "r.csv"): "no folder",
        (folder, "--compare", "base,"): "no name",
    }.items():
        ran = run("container", *arguments, "--url", "http://127.0.0.1:9")
        assert (ran.out, words in ran.err) == ("", True), ran.err
        assert ran.status == 1


def test_names_of_readers() -> None:
    readers = readers_named(["ocr", "auto", "florence", "base", " gate-7", "ocr"])
    assert [by.reader for by in readers] == ["ocr", "auto", "florence", "florence", "florence"]
    assert (readers[-1].name, readers[-1].adapter) == ("gate-7", "gate-7")
