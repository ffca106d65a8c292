"""A bulk job beside the running services, submitted as the README writes it: same texts, same codes, nobody waits."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image, ImageDraw

from tests.bulk.conftest import read_rows
from tests.serve.conftest import ROOT, Cluster


def _gigantic(page: bytes) -> bytes:
    """A PNG whose header claims 2^60 pixels."""
    header = b"IHDR" + (2**30).to_bytes(4, "big") * 2 + page[24:29]
    return page[:12] + header + zlib.crc32(header).to_bytes(4, "big") + page[33:]


BROKEN: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
    ("png", lambda page: b""),
    ("png", lambda page: page[: len(page) // 2]),
    ("pdf", lambda page: b"%PDF-1.7 and nothing else"),
    ("jpg", lambda page: "사진이 아닙니다".encode()),
    ("bmp", _gigantic),
)
ENGLISH = json.dumps({"language": "en"})


def _draw(folder: Path, count: int, broken: int) -> None:
    """`count` small pages of two lines, every one different; `broken` of them spoilt in five ways."""
    rng = random.Random(20)
    spoilt = dict(zip(rng.sample(range(count), broken), [BROKEN[number % 5] for number in range(broken)], strict=True))
    for number in range(count):
        page = Image.new("L", (320, 120), 255)
        for line in range(2):
            text = f"Berth {number} {rng.choice(['crane', 'yard', 'quay'])} {rng.randint(100, 9999)}"
            ImageDraw.Draw(page).text((15, 15 + 50 * line), text, fill=0, font_size=26)
        file = folder / f"페이지 {number}.png"
        page.save(file, format="PNG")
        if number in spoilt:
            suffix, spoil = spoilt[number]
            file.rename(file.with_suffix(f".{suffix}")).write_bytes(spoil(file.with_suffix(f".{suffix}").read_bytes()))


def _online(client: httpx.Client, file: Path) -> tuple[str | None, str | None]:
    """(text, error code) of the running service."""
    reply = client.post(
        "/ocr/extract_text", files={"file": (file.name, file.read_bytes())}, data={"request_data": ENGLISH}
    )
    if reply.status_code != 200:
        return None, reply.json()["error"]["code"]
    return "\n".join(box["text"] for box in reply.json()["text_boxes"]), None


@contextmanager
def _asked_all_the_time(url: str, file: Path) -> Iterator[list[tuple[float, int]]]:
    """(seconds, status) of one request after the other, as long as the block runs."""
    answers: list[tuple[float, int]] = []
    going = True

    def ask() -> None:
        with httpx.Client(base_url=url, timeout=60) as client:
            while going:
                began = time.monotonic()
                reply = client.post(
                    "/ocr/extract_text", files={"file": file.read_bytes()}, data={"request_data": ENGLISH}
                )
                answers.append((time.monotonic() - began, reply.status_code))
                time.sleep(0.2)

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask)
        try:
            yield answers
        finally:
            going = False
        asking.result()


def _submit(cluster: Cluster, source: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """The README's line, in the project's root with all that lies in it."""
    return subprocess.run(
        [
            str(Path(sys.executable).parent / "ray"), "job", "submit", "--address", cluster.instance.dashboard_url,
            "--working-dir", ".", "--", "python", "-m", "deployments.ocr.bulk", str(source), str(out),
            "--language", "en",
        ],
        env={**os.environ, "RAY_AUTH_MODE": "token"},
        cwd=ROOT, capture_output=True, text=True, timeout=800, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("count", "broken"), [(60, 10), pytest.param(500, 20, marks=[pytest.mark.cluster, pytest.mark.timeout(900)])]
)
def test_a_job_writes_what_the_service_answers(
    cluster: Cluster, client: httpx.Client, tmp_path: Path, count: int, broken: int
) -> None:
    source = tmp_path / "스캔 원본"
    source.mkdir()
    _draw(source, count, broken)
    with _asked_all_the_time(cluster.url, ROOT / "samples" / "receipt.png") as answers:
        ended = _submit(cluster, source, tmp_path / "out")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert {status for _, status in answers} == {200}
    assert len(answers) >= 3
    lines = re.findall(rf"ocr: ([\d,]+) of {count} \(\d+ %\), \d+ failed, [\d.]+ files/s", ended.stdout)
    assert int(lines[-1]) == count
    assert len(lines) >= (3 if count == 500 else 1)
    rows = read_rows(tmp_path / "out")
    assert sorted(row["path"] for row in rows) == sorted(str(file) for file in source.iterdir())
    found: dict[str, tuple[Any, Any]] = {row["path"]: (row["text"], row["error_code"]) for row in rows}
    assert sum(code is not None for _, code in found.values()) == broken
    assert {code for _, code in found.values()} == {None, "invalid_input", "unsupported_media", "input_too_large"}
    with ThreadPoolExecutor(4) as pool:
        files = sorted(source.iterdir())
        online = dict(zip(map(str, files), pool.map(lambda file: _online(client, file), files), strict=True))
    assert found == online
    assert len({text for text, _ in online.values()}) == count - broken + 1


def test_a_job_without_a_token_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    ended = subprocess.run(
        [
            str(Path(sys.executable).parent / "ray"), "job", "submit", "--address", cluster.instance.dashboard_url,
            "--", "true",
        ],
        env={**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "wrong" * 10},
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ended.returncode != 0
    assert "401" in ended.stdout + ended.stderr or "403" in ended.stdout + ended.stderr or "token" in ended.stderr
