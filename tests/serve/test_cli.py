"""The command line against the real cluster, as a new user types it."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.serve.conftest import ROOT, Cluster

SAMPLES = ROOT / "samples"


def rows(ran: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """The JSON lines of a command that succeeded."""
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_ocr_finds_the_running_instance_by_itself(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    ran = cluster.sensorium("ocr", "samples/receipt.png", str(tmp_path), "samples/letter.pdf", "-l", "en")
    receipt, letter = (json.loads(line) for line in ran.stdout.splitlines())
    assert receipt["text_boxes"][0]["text"] == "HARBOR CAFE"
    assert (letter["pages"], letter["text_boxes"][0]["text"]) == (2, "Dear Customer,")
    [line] = ran.stderr.splitlines()
    assert line.startswith(f"sensorium: {tmp_path}/broken.png: ")
    assert "(unsupported_media, status 415, request " in line
    assert ran.returncode == 1


def test_ocr_draws_what_it_read(cluster: Cluster, tmp_path: Path) -> None:
    ran = cluster.sensorium(
        "ocr", "samples/receipt.png", "-l", "en", "--text", "--annotate", str(tmp_path / "read.png")
    )
    assert ran.stdout.splitlines()[-1] == "Thank you for your visit"
    assert ran.stderr == f"wrote {tmp_path}/read.png (8 boxes)\n"
    with Image.open(tmp_path / "read.png") as drawn, Image.open(SAMPLES / "receipt.png") as page:
        assert drawn.size == (2 * page.width + 12, page.height)


@pytest.mark.system
def test_korean_is_read_and_drawn(cluster: Cluster, tmp_path: Path) -> None:
    ran = cluster.sensorium("ocr", "samples/korean.png", "--annotate", str(tmp_path / "out.png"))
    if "tesseract-ocr-kor" in ran.stderr:
        pytest.skip("no backend that reads Korean is installed")
    assert rows(ran)[0]["text_boxes"][0]["text"] == "서울 커피 상점"
    if "no font here has" in ran.stderr:
        pytest.skip("no font with Hangul on this machine (fonts-nanum)")
    assert ran.stderr == f"wrote {tmp_path}/out.png (5 boxes)\n"


def test_transcribe_prints_subtitles(cluster: Cluster) -> None:
    ran = cluster.sensorium("transcribe", "samples/yard.wav", "--format", "srt")
    assert ran.returncode == 0, ran.stderr
    blocks = ran.stdout.strip().split("\n\n")
    assert [block.splitlines()[2] for block in blocks] == [
        "the container is ready for inspection at the gate seven",
        "the crane is moving the last container",
        "please open the gate for the next truck",
    ]
    assert all(re.match(r"\d+\n00:00:\d\d,\d{3} --> 00:00:\d\d,\d{3}\n", block) for block in blocks)


def test_embed_knows_which_texts_are_alike(cluster: Cluster) -> None:
    vectors = rows(cluster.sensorium("embed", "the ship is late", "a delayed vessel", "soup"))
    assert [vector["dim"] for vector in vectors] == [384] * 3
    [alike] = rows(cluster.sensorium("embed", "--similarity", "the ship is late", "a delayed vessel", "soup"))
    (_, vessel, soup), *_ = alike["similarity"]
    assert vessel > 0.5 > 0.3 > soup


def test_container_reads_files_and_compares_readers(cluster: Cluster, tmp_path: Path) -> None:
    [read] = rows(cluster.sensorium("container", "samples/container.png"))
    assert read["numbers"][0]["number"] == "CSQU3054383"
    output = tmp_path / "results.csv"
    ran = cluster.sensorium("container", "samples/container.png", "-o", str(output), "--compare", "auto,ocr")
    assert ran.stdout.splitlines()[-1] == "all agree on 1 of 1 pictures"
    assert "CSQU3054383" in output.read_text(encoding="utf-8-sig")


def test_bench_measures_what_answers(cluster: Cluster) -> None:
    for figures in rows(cluster.sensorium("bench", "embedding", "ocr", "-s", "1", "-c", "2")):
        assert (figures["failed"], figures["clients"]) == (0, 2)
        assert figures["requests"] >= 2
        assert 0 < figures["p50_ms"] <= figures["p99_ms"]


def test_a_language_that_nobody_reads_is_one_line_and_status_2(cluster: Cluster) -> None:
    ran = cluster.sensorium("ocr", "samples/receipt.png", "samples/invoice.jpg", "-l", "klingon")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("sensorium: no loaded backend reads 'klingon'; available: ")
    assert len(ran.stderr.splitlines()) == 1
