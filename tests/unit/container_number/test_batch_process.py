"""`sensorium container FOLDER`: a folder of pictures through the service, into a table."""

from __future__ import annotations

import csv
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from deployments.container_number import batch_process
from deployments.container_number.batch_process import ServiceRefused, process_folder, read_pictures, source_named
from deployments.container_number.iso6346 import parse
from deployments.local_container_service import local_client
from deployments.ocr.backends.rapidocr_openvino import RapidOcrOptions
from deployments.ocr.loading import OcrConfig
from deployments.serving.errors import InvalidInput, Unavailable
from training.rendering.crop import render_crop
from training.rendering.styles import PAINTED

SAMPLES = Path(__file__).parents[3] / "samples"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A container, a crop, a picture without a number, a file that is no image, a file that is no picture."""
    place = tmp_path / "pictures"
    place.mkdir()
    shutil.copy(SAMPLES / "container.png", place / "a container.png")
    render_crop(parse("CSQU3054383"), PAINTED, np.random.default_rng(11)).save(place / "b crop.PNG")
    shutil.copy(SAMPLES / "receipt.png", place / "c receipt.png")
    (place / "d broken.jpg").write_bytes(b"no image")
    (place / "notes.txt").write_text("no picture")
    return place


@asynccontextmanager
async def connect() -> AsyncIterator[httpx.AsyncClient]:
    """Both real models in this process, as the command runs them where no service is."""
    async with local_client(ocr=OcrConfig(backends=(RapidOcrOptions(),), threads=2)) as client:
        yield client


def rows_of(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


def test_one_reader_to_csv(folder: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    lines = process_folder(folder, tmp_path / "results.csv", connect=connect, progress=lambda *n: seen.append(n))
    container, crop, receipt, broken = rows_of(tmp_path / "results.csv")
    assert container["image"] == "a container.png"
    assert (container["number"], container["size_type"], container["valid"]) == ("CSQU3054383", "22G1", "true")
    assert (container["owner"], container["serial"], container["check_digit"]) == ("CSQ", "305438", "3")
    assert container["needs_review"] == "false"
    assert len(container["box"].split()) == 4
    assert crop["number"] == "CSQU3054383"
    assert (receipt["number"], receipt["error"]) == ("", "")
    assert broken["number"] == ""
    assert "not an image" in broken["error"]
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert lines == ["auto: 2 of 4 pictures have a number, 2 certain, 1 failed"]


@pytest.mark.parametrize("suffix", [".csv", ".txt"])
def test_readers_side_by_side(folder: Path, tmp_path: Path, suffix: str) -> None:
    output = tmp_path / f"results{suffix}"
    lines = process_folder(folder, output, compare=("base", "ocr"), connect=connect)
    assert lines[1].startswith("ocr: 2 of 4 pictures have a number")
    assert lines[2] == "all agree on 1 of 4 pictures"
    if suffix == ".csv":
        rows = rows_of(output)
        assert [row["ocr number"] for row in rows] == ["CSQU3054383", "CSQU3054383", "", ""]
        assert rows[1]["base number"] == "CSQU3054383"
        assert [row["agree"] for row in rows] == ["false", "true", "false", "false"]
        assert rows[3]["error"]
    else:
        text = output.read_text()
        assert "b crop.PNG\n  base: CSQU3054383" in text
        assert "c receipt.png\n  base: -\n  ocr:  -" in text
        assert "all agree on 1 of 4 pictures" in text


def test_unknown_adapter_ends_the_run_and_writes_nothing(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ServiceRefused, match="gone: the service answered 404: there is no adapter 'gone'"):
        process_folder(folder, tmp_path / "results.csv", compare=("base", "gone"), connect=connect)
    assert not (tmp_path / "results.csv").exists()


def test_what_is_wrong_is_said_before_reading(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for arguments, words in {
        (tmp_path / "gone", "r.csv"): "not a folder",
        (tmp_path / "empty", "r.csv"): "no picture",
        (folder, "r.xlsx"): "neither in .csv nor",
        (folder, "none/r.csv"): "no folder",
    }.items():
        with pytest.raises(InvalidInput, match=words):
            process_folder(arguments[0], tmp_path / arguments[1])
    with pytest.raises(InvalidInput, match="no name"):
        process_folder(folder, tmp_path / "r.csv", compare=("base", ""))


def test_names_of_readers() -> None:
    assert [source_named(name).reader for name in ("ocr", "auto", "florence", "base", "gate-7")] == [
        "ocr", "auto", "florence", "florence", "florence",
    ]  # fmt: skip
    assert source_named("gate-7").adapter == "gate-7"


def client_of(answer: Callable[[httpx.Request], httpx.Response]) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://service/container-number")


async def test_a_busy_service_is_asked_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusals = iter([httpx.Response(503, headers={"retry-after": "0"}), httpx.Response(502)])
    found: list[dict[str, Any]] = [{"number": "CSQU3054383"}]
    monkeypatch.setattr(batch_process, "_LONGEST_PAUSE_S", 0.01)

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/container-number/read"
        return next(refusals, None) or httpx.Response(200, json={"results": [{"numbers": found, "error": None}]})

    async with client_of(answer) as client:
        [result] = await read_pictures(client, [folder / "a container.png"], [source_named("ocr")])
    assert result.numbers == tuple(found)


async def test_a_service_that_is_away_is_an_error_that_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_process, "_LONGEST_PAUSE_S", 0.01)

    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    async with client_of(answer) as client:
        with pytest.raises(Unavailable, match="does not answer"):
            await read_pictures(client, [folder / "a container.png"], [source_named("ocr")])


async def test_a_picture_too_large_fails_alone(folder: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(413, json={"error": {"message": "the body is too large"}})

    async with client_of(answer) as client:
        [result] = await read_pictures(client, [folder / "a container.png"], [source_named("ocr")])
    assert result.error == "the body is too large"
