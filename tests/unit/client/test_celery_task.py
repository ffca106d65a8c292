"""The task in a real worker, on a real Redis, against the service's real HTTP face."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deployments.client import RejectedRequest, Sensorium
from deployments.serving.errors import NotReady
from tests.unit.client.real_server import KEY, RealServer, free_port

ROOT = Path(__file__).parents[3]
WAIT_S = 60

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("Redis is not installed (apt-get install redis-server)")
    port = free_port()
    folder = tmp_path_factory.mktemp("redis")
    with (folder / "log").open("wb") as log:
        options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
        running = subprocess.Popen([program, *options], stdout=log, stderr=log)
    try:
        _wait_for(lambda: _listens(port))
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        running.terminate()
        running.wait(10)


@pytest.fixture(scope="module")
def task(redis_url: str, server: RealServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The task, and a worker that runs it."""
    pytest.importorskip("celery", reason="Celery is not installed (pip install celery[redis])")
    pytest.importorskip("redis", reason="Celery's Redis client is not installed (pip install celery[redis])")
    log_file = tmp_path_factory.mktemp("worker") / "log"
    environment = {**os.environ, "TEST_REDIS_URL": redis_url, "SENSORIUM_URL": server.url, "SENSORIUM_API_KEY": KEY}
    command = [sys.executable, "-m", "celery", "-A", "tests.unit.client.celery_app", "worker", "--pool", "solo"]
    with log_file.open("wb") as log:
        worker = subprocess.Popen(
            [*command, "--loglevel", "INFO", "--without-gossip"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    try:
        _wait_for(lambda: " ready." in log_file.read_text() or worker.poll() is not None)
        assert worker.poll() is None, log_file.read_text()
        from deployments.client.celery_task import extract_text
        from tests.unit.client.celery_app import app

        app.conf.update(broker_url=redis_url, result_backend=redis_url)
        app.set_default()
        yield extract_text
        app.close()
    finally:
        worker.terminate()
        worker.wait(20)


def test_a_batch_keeps_the_good_ones(task: Any) -> None:
    done = task.delay(private_imgs=["/a.png", "bad.png", "/c.png"], options={"language": "en"}).get(timeout=WAIT_S)

    assert done["ocr_result"] is None
    assert [entry["status"] for entry in done["ocr_results"]] == ["success", "failed", "success"]
    assert done["ocr_results"][2]["text_boxes"][0]["text"] == "/c.png"
    assert done["ocr_results"][1]["error_code"] == "unsupported_media"


def test_a_service_that_is_not_ready_is_asked_again_by_celery(task: Any, server: RealServer) -> None:
    refusals = [NotReady("still loading", retry_after_s=1)] * 2  # as often as the worker itself tries

    def refuse(content: str) -> None:
        if refusals:
            raise refusals.pop()

    server.ocr.before = refuse
    try:
        sent = task.delay(private_img="/retried.png")
        done = sent.get(timeout=WAIT_S)
    finally:
        server.ocr.before = lambda content: None

    assert done["ocr_result"]["text_boxes"][0]["text"] == "/retried.png"
    assert refusals == []
    assert [getattr(request.source, "uri", "") for request in server.ocr.requests].count("/retried.png") == 3
    with Sensorium(server.url, KEY) as client:
        [stored] = client.ocr.iterate_executions(chain_id=sent.id)
    assert stored.status == "success"


def test_what_is_refused_fails_at_once(task: Any, server: RealServer) -> None:
    before = len(server.ocr.requests)
    with pytest.raises(ValueError, match="not an image") as raised:
        task.delay(private_img="bad.png").get(timeout=WAIT_S)
    assert isinstance(raised.value, RejectedRequest)
    assert len(server.ocr.requests) == before + 1


@pytest.mark.parametrize("fields", [{"private_img": "/a", "private_imgs": ["/b"]}, {"no_such_field": 1}])
def test_a_contradictory_context_is_never_sent(task: Any, server: RealServer, fields: dict[str, Any]) -> None:
    before = len(server.ocr.requests)
    with pytest.raises(ValueError, match=r"both given|no_such_field"):
        task.delay(**fields).get(timeout=WAIT_S)
    assert len(server.ocr.requests) == before


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "it did not start in 30 s"
        time.sleep(0.05)
