"""`sensorium bench`: what it counts, and what it sends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deployments.bench.load import load, request_bytes
from deployments.bench.load import run as run_load
from tests.unit.cli.conftest import Run
from tests.unit.client.real_server import KEY, RealServer
from tests.unit.client.scripted_server import CLOSE, ScriptedServer, error, response


def test_figures_of_every_service(run: Run, server: RealServer) -> None:
    before = len(server.ocr.requests)
    ran = run("bench", "ocr", "embedding", "speech", "-s", "0.3", "-c", "3")
    rows = [json.loads(line) for line in ran.out.splitlines()]
    assert [row["service"] for row in rows] == ["ocr", "embedding", "speech"]
    for row in rows:
        assert row["requests"] >= 3
        assert row["requests_per_second"] == pytest.approx(row["requests"] / row["seconds"], rel=0.01)
        assert 0 < row["p50_ms"] <= row["p90_ms"] <= row["p99_ms"] <= row["longest_ms"]
        assert (row["clients"], row["failed"]) == (3, 0)
    assert len(server.ocr.requests) - before >= rows[0]["requests"]
    assert (ran.status, ran.err) == (0, "")


def test_own_inputs_and_the_table(run: Run, server: RealServer, tmp_path: Path) -> None:
    page = tmp_path / "page.png"
    page.write_text("my own page")
    ran = run("bench", "ocr", "--input", page, "-l", "ko", "-s", "0.2", "-c", "1", "--table")
    assert ran.out.split()[:9] == ["service", "clients", "requests/s", "p50", "ms", "p90", "ms", "p99", "ms"]
    assert server.ocr.requests[-1].options.language == "ko"
    several = run("bench", "--input", page)
    assert (several.status, "name it" in several.err) == (2, True)


def test_an_input_that_is_refused_is_said_before_the_load(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_text("bad picture")
    ran = run("bench", "ocr", "--input", tmp_path / "bad.png")
    assert (ran.status, ran.out) == (1, "")
    assert "sensorium: ocr: not an image of a kind we read (unsupported_media" in ran.err


def test_failures_are_counted_and_cut_connections_opened_again() -> None:
    busy, fine = error(503, "overloaded"), response(200, {"ok": True})
    with ScriptedServer(fine, busy, CLOSE, fine) as server:
        result = run_load(server.url, [request_bytes(f"{server.url}/x", b"{}", api_key=KEY)], 1, 0.6)
    assert result.requests >= 2
    assert [failure.split(":")[0] for failure in result.failures] == ["HTTP/1.1 503 Reason", "IncompleteReadError"]
    assert {seen.headers["authorization"] for seen in server.seen} == {f"Bearer {KEY}"}


async def test_a_server_that_hangs_is_not_waited_for_for_ever() -> None:
    with ScriptedServer(response(200, {})).then_hang() as server:
        result = await load(server.url, [request_bytes(f"{server.url}/x", b"{}")], 2, 0.2, patience_s=0.3)
    assert result.requests == 1
    assert result.failures == ("no answer 0.3 s after the end",) * 2


def test_nobody_there_is_a_failure_a_pause_not_thousands() -> None:
    result = run_load("http://127.0.0.1:9", [b""], 2, 0.3)
    assert result.requests == 0
    assert 2 <= len(result.failures) <= 6
