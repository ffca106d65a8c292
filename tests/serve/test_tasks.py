"""Tasks over real HTTP: results as of the synchronous calls, cancelling, a full queue, dead replicas, a restart."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from deployments.client import Sensorium
from deployments.launch.instance import free_port
from tests.serve.conftest import ROOT, Cluster, sensorium

SAMPLES = ROOT / "samples"
ENGLISH = json.dumps({"language": "en"})
PATIENCE_S = 120


def _submit(client: httpx.Client, service: str, **body: Any) -> str:
    """The task's address below the base URL."""
    answer = client.post(f"/{service}/tasks", **body)
    assert answer.status_code == 202, answer.text
    location: str = answer.headers["location"]
    assert location == f"/{service}/tasks/{answer.json()['id']}"
    return location


def _ended(client: httpx.Client, location: str) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        answer = client.get(location)
        assert answer.status_code == 200, answer.text
        task: dict[str, Any] = answer.json()
        if task["state"] in ("finished", "cancelled"):
            return task
        assert time.monotonic() < deadline, task
        time.sleep(0.3)


def _without(reply: dict[str, Any], *names: str) -> list[dict[str, Any]]:
    """The entries of a batch, but for what differs from run to run."""
    return [{key: value for key, value in entry.items() if key not in names} for entry in reply["results"]]


def test_ocr_answers_as_its_synchronous_batch_does(client: httpx.Client) -> None:
    names = ["receipt.png", "broken.png", "letter.pdf"]
    data = {name: (SAMPLES / name).read_bytes() for name in names if name != "broken.png"}
    data["broken.png"] = data["receipt.png"][:3000]
    call: dict[str, Any] = {
        "files": [("files", (name, data[name])) for name in names],
        "data": {"request_data": json.dumps({"language": "en", "batch_id": "as-a-task"})},
    }
    location = _submit(client, "ocr", **call)
    direct = client.post("/ocr/extract_text_batch", **call).json()
    task = _ended(client, location)
    assert (task["state"], task["total"], task["succeeded"], task["failed"]) == ("finished", 3, 2, 1)
    varying = ("timings", "execution_id", "request_id", "index", "text_boxes")
    assert _without(task["result"], *varying) == _without(direct, *varying)
    for entry, other in zip(task["result"]["results"], direct["results"], strict=True):
        assert [box["text"] for box in entry["text_boxes"]] == [box["text"] for box in other["text_boxes"]]
        # In bfloat16 the confidence depends a little on what shares the batch.
        expected = pytest.approx([box["confidence"] for box in other["text_boxes"]], abs=0.05)
        assert [box["confidence"] for box in entry["text_boxes"]] == expected
    assert task["result"]["results"][1]["error_code"]
    totals = ("total_processed", "total_success", "total_failed")
    assert [task["result"][name] for name in totals] == [direct[name] for name in totals]
    rows = client.get("/ocr/executions", params={"chain_id": f"task-{task['id']}"}).json()["executions"]
    assert {row["id"] for row in rows} == {entry["execution_id"] for entry in task["result"]["results"]}
    assert task["id"] in {found["id"] for found in client.get("/ocr/tasks").json()["tasks"]}
    assert client.delete(location).status_code == 204
    assert client.get(location).json()["error"]["code"] == "not_found"


def test_a_path_outside_the_media_roots_is_refused_at_once(client: httpx.Client, cluster: Cluster) -> None:
    (cluster.media / "task.png").write_bytes((SAMPLES / "receipt.png").read_bytes())
    paths = [str(cluster.media / "task.png"), "/etc/passwd"]
    refused = client.post("/ocr/tasks", json={"request_data": {"language": "en"}, "private_imgs": paths})
    assert (refused.status_code, refused.json()["error"]["index"]) == (403, 1)
    location = _submit(client, "ocr", json={"request_data": {"language": "en"}, "private_imgs": paths[:1]})
    [entry] = _ended(client, location)["result"]["results"]
    assert "HARBOR CAFE" in [box["text"] for box in entry["text_boxes"]]


def test_speech_answers_as_transcribe_does(client: httpx.Client) -> None:
    files = [("files", ("gate.wav", (SAMPLES / "gate.wav").read_bytes())), ("files", ("no.wav", b"no sound"))]
    location = _submit(client, "speech", files=files, data={"language": "en"})
    direct = client.post("/speech/transcribe", files={"file": files[0][1]}, data={"language": "en"}).json()
    good, bad = _ended(client, location)["result"]["results"]
    for varying in ("processing_time", "real_time_factor"):
        direct.pop(varying)
        good.pop(varying)
    own = {"index": 0, "name": "gate.wav", "status": "success", "error": None, "error_code": None}
    assert good == direct | own
    assert (bad["status"], bad["index"]) == ("failed", 1)
    assert bad["error_code"]


def test_container_numbers_answer_as_read_does(client: httpx.Client) -> None:
    call: dict[str, Any] = {"files": [("files", ("container.png", (SAMPLES / "container.png").read_bytes()))]}
    location = _submit(client, "container-number", **call)
    direct = client.post("/container-number/read", **call).json()
    task = _ended(client, location)
    assert _without(task["result"], "duration_ms", "index") == _without(direct, "duration_ms")
    assert task["result"]["results"][0]["numbers"][0]["number"] == "CSQU3054383"
    assert task["result"]["reader"] == direct["reader"]


def test_a_task_sent_twice_with_one_key_is_one_task(client: httpx.Client) -> None:
    key = {"Idempotency-Key": "monday-1"}
    first = _submit(client, "echo", json={"texts": ["a"]}, headers=key)
    assert _submit(client, "echo", json={"texts": ["a"]}, headers=key) == first
    other = client.post("/echo/tasks", json={"texts": ["b"]}, headers=key)
    assert (other.status_code, other.json()["error"]["code"]) == (422, "invalid_input")


def test_progress_cancelling_and_a_full_queue(client: httpx.Client) -> None:
    location = _submit(client, "echo", json={"texts": [f"w{number}" for number in range(50)], "seconds": 0.3})
    refused = client.post("/echo/tasks", json={"texts": ["x"] * 40})
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
    assert int(refused.headers["retry-after"]) >= 1
    too_large = client.post("/echo/tasks", json={"texts": ["x"] * 61})
    assert (too_large.status_code, too_large.json()["error"]["code"]) == (413, "input_too_large")
    while not (task := client.get(location).json())["done"]:
        assert task["state"] in ("queued", "running")
        time.sleep(0.1)
    assert 0 < task["done"] < 50
    assert len(task["result"]["results"]) == task["done"]
    cancelled = client.delete(location).json()
    assert cancelled["state"] == "cancelled"
    time.sleep(1)
    assert client.get(location, params={"limit": 0}).json()["done"] == cancelled["done"]
    _ended(client, _submit(client, "echo", json={"texts": ["x"] * 40}))


def test_killing_a_replica_loses_no_item_and_does_none_twice(client: httpx.Client) -> None:
    texts = [f"w{number}" for number in range(50)]
    location = _submit(client, "echo", json={"texts": texts, "seconds": 0.2})
    while (task := client.get(location).json())["done"] < 6:
        time.sleep(0.1)
    victim = task["result"]["results"][-1]["pid"]
    os.kill(victim, signal.SIGKILL)
    task = _ended(client, location)
    results = task["result"]["results"]
    assert [entry["index"] for entry in results] == list(range(50))
    assert [entry["text"] for entry in results] == texts
    assert (task["succeeded"], task["failed"], task["done"]) == (50, 0, 50)
    pids = [entry["pid"] for entry in results]
    assert victim in pids
    assert pids[-1] != victim, "another replica went on"


def test_the_docs_show_tasks(client: httpx.Client) -> None:
    for service in ("ocr", "speech", "container-number"):
        paths = client.get(f"/{service}/openapi.json").json()["paths"]
        assert {*paths["/tasks"], *paths["/tasks/{task_id}"]} == {"post", "get", "delete"}
        body = paths["/tasks"]["post"]["requestBody"]["content"]
        assert body["application/json"]["schema"]["example"]
        assert "multipart/form-data" in body


@contextmanager
def _speech_alone(home: Path, config: Path, port: int) -> Iterator[Sensorium]:
    started = sensorium("serve", "--config", str(config), "--port", str(port), home=home)
    assert started.returncode == 0, started.stdout + started.stderr
    try:
        with Sensorium(f"http://127.0.0.1:{port}") as client:
            yield client
    finally:
        stopped = sensorium("stop", home=home)
        assert stopped.returncode == 0, stopped.stdout + stopped.stderr


def test_a_restart_of_everything_resumes_what_was_accepted(tmp_path: Path) -> None:
    config = yaml.safe_load((ROOT / "ray_configs" / "embedded.yaml").read_text())
    config["applications"] = [item for item in config["applications"] if item["name"] == "speech"]
    config["applications"][0]["args"]["tasks"] = {"lease_s": 3, "concurrency": 1}
    file = tmp_path / "serve.yaml"
    file.write_text(yaml.safe_dump(config))
    port = free_port(18900)
    with _speech_alone(tmp_path, file, port) as client:
        task = client.speech.submit_batch([SAMPLES / "gate.wav"] * 12, language="en")
        while not (status := task.status()).done:
            time.sleep(0.1)
        assert not status.ended, "it was to be interrupted"
    with _speech_alone(tmp_path, file, port) as client:
        task = client.speech.task(task.id)
        assert task.wait(PATIENCE_S).succeeded == 12
        results = task.results().results
    assert [entry.index for entry in results] == list(range(12))
    assert {entry.text for entry in results} == {"the container is ready for inspection at the gate seven"}
