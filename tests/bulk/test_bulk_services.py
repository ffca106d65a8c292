"""Embedding, speech and container numbers in bulk: the same engines as online, one row per input."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np

from deployments.embedding.engine import load_engine
from deployments.embedding.types import EmbeddingConfig, EmbeddingRequest
from tests.bulk.conftest import ROOT, read_rows

Bulk = Callable[..., subprocess.CompletedProcess[str]]
SAMPLES = ROOT / "samples"


def test_vectors_are_the_engines_own(bulk: Bulk, tmp_path: Path) -> None:
    texts = ["a ship", "서울의 항구", "two\nlines", "long " * 400, ""]
    table = tmp_path / "texts.jsonl"
    table.write_text("".join(json.dumps({"body": text}) + "\n" for text in texts) + "no json\n")
    ended = bulk("embedding", table, tmp_path / "out", "--column", "body")
    assert ended.returncode == 0, ended.stderr
    rows = sorted(read_rows(tmp_path / "out"), key=lambda row: row["row"])
    assert [row["error_code"] for row in rows] == [None] * 4 + ["invalid_input"] * 2
    assert [row["truncated"] for row in rows[:4]] == [False, False, False, True]
    engine = load_engine(EmbeddingConfig())
    request = EmbeddingRequest(tuple(texts[:4]))
    units = engine.prepare(request)
    outcomes = [outcome for outcome in engine.infer(units) if not isinstance(outcome, Exception)]
    own = engine.assemble(request, units, outcomes).vectors
    assert np.sum(own * np.array([row["embedding"] for row in rows[:4]]), axis=1).min() >= 0.9999
    engine.close()
    table.write_text('{"body": "another first row"}\n')
    refused = bulk("embedding", table, tmp_path / "out", "--column", "body")
    assert (refused.returncode, "fingerprint" in refused.stderr) == (1, True)


def test_recordings(bulk: Bulk, tmp_path: Path) -> None:
    source = tmp_path / "calls"
    source.mkdir()
    shutil.copy(SAMPLES / "gate.wav", source / "게이트 7.wav")
    (source / "broken.wav").write_bytes(b"RIFF\0\0\0\0WAVE")
    ended = bulk("speech", source, tmp_path / "out", "--language", "en")
    assert ended.returncode == 0, ended.stderr
    broken, good = sorted(read_rows(tmp_path / "out"), key=lambda row: row["path"])
    assert good["text"] == "the container is ready for inspection at the gate seven"
    assert (good["model"], round(good["duration_s"], 1)) == ("pocketsphinx-en-us", 3.4)
    assert (broken["status"], broken["error_code"]) == ("failed", "unsupported_media")


def test_container_numbers_by_ocr(bulk: Bulk, tmp_path: Path) -> None:
    listing = tmp_path / "pictures.txt"
    listing.write_text(f"{SAMPLES / 'container.png'}\n{SAMPLES / 'receipt.png'}\nnone.png\n")
    ended = bulk("container_ocr", listing, tmp_path / "out")
    assert ended.returncode == 0, ended.stderr
    container, receipt, none = sorted(read_rows(tmp_path / "out"), key=lambda row: row["row"])
    assert container["number"] == "CSQU3054383"
    assert container["numbers"][0]["size_type"] == "22G1"
    assert (receipt["status"], receipt["number"], receipt["numbers"]) == ("success", None, [])
    assert none["error_code"] == "not_found"


def test_container_numbers_by_florence(bulk: Bulk, tmp_path: Path) -> None:
    ended = bulk("container_number", SAMPLES / "container.png", tmp_path / "out")
    assert ended.returncode == 0, ended.stderr
    (row,) = read_rows(tmp_path / "out")
    assert (row["status"], row["backend"]) == ("success", "transformers")


def test_an_input_that_kills_the_process_fails_alone(bulk: Bulk, tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(30)]
    texts[13] = texts[27] = "die"
    table = tmp_path / "texts.txt"
    table.write_text("\n".join(texts))
    ended = bulk("deadly", table, tmp_path / "out")
    assert ended.returncode == 0, ended.stderr
    assert "Warning" not in ended.stderr
    rows = sorted(read_rows(tmp_path / "out"), key=lambda row: row["row"])
    assert [row["text"] for row in rows] == [None if text == "die" else text.upper() for text in texts]
    assert [row["error_code"] for row in rows if row["text"] is None] == ["engine_failed"] * 2
