"""Upgrades, failed upgrades and rollbacks under load over real HTTP: every request is counted, none may fail."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from deployments.launch import serve_api
from deployments.launch.code_version import VARIABLE
from tests.serve.conftest import ROOT, Cluster

RECEIPT = ROOT / "samples" / "receipt.png"
KEPT_CONNECTIONS = httpx.Limits(max_connections=1, max_keepalive_connections=1)
NEW_CONNECTIONS = httpx.Limits(max_connections=1, max_keepalive_connections=0)


@dataclass
class Load:
    """Clients that send one request after another until they are told to stop, and what became of each."""

    url: str
    answers: Counter[str] = field(default_factory=Counter)
    """By service and outcome: `embedding 200`, `ocr ReadError`."""
    failures: list[str] = field(default_factory=list)
    running: bool = True

    async def embed(self, limits: httpx.Limits) -> None:
        async def call(client: httpx.AsyncClient) -> httpx.Response:
            await asyncio.sleep(0.02)  # the two cores are for the replicas
            return await client.post("/embedding/api/v1/embed", json={"text": "gate seven"})

        await self._repeat("embedding", limits, call)

    async def upload(self, picture: bytes) -> None:
        async def call(client: httpx.AsyncClient) -> httpx.Response:
            form = {"request_data": json.dumps({"language": "en"})}
            return await client.post("/ocr/extract_text", files={"file": ("r.png", picture)}, data=form)

        await self._repeat("ocr", KEPT_CONNECTIONS, call)

    async def _repeat(
        self, service: str, limits: httpx.Limits, call: Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]
    ) -> None:
        async with httpx.AsyncClient(base_url=self.url, timeout=120, limits=limits) as client:
            while self.running:
                try:
                    answer = await call(client)
                except httpx.HTTPError as error:
                    self._note(service, type(error).__name__, str(error))
                    continue
                self._note(service, str(answer.status_code), answer.text[:300])

    def _note(self, service: str, outcome: str, detail: str) -> None:
        self.answers[f"{service} {outcome}"] += 1
        if outcome != "200":
            self.failures.append(f"{time.strftime('%H:%M:%S')} {service} {outcome}: {detail}")


@asynccontextmanager
async def _constant_load(cluster: Cluster) -> AsyncIterator[Load]:
    """Four clients that keep their connections and one that opens a new one each time on embedding; OCR uploads."""
    load = Load(cluster.url)
    picture = RECEIPT.read_bytes()
    clients = [load.embed(KEPT_CONNECTIONS) for _ in range(4)] + [load.embed(NEW_CONNECTIONS), load.upload(picture)]
    tasks = [asyncio.create_task(client) for client in clients]
    try:
        await asyncio.sleep(1)
        yield load
        await asyncio.sleep(1)
    finally:
        load.running = False
        await asyncio.gather(*tasks)


@pytest.fixture
def original(cluster: Cluster) -> Iterator[dict[str, Any]]:
    """The cluster's configuration, which runs again afterwards."""
    yield yaml.safe_load(cluster.config.read_text())
    restored = cluster.sensorium("deploy", str(cluster.config), "--yes")
    assert restored.returncode == 0, restored.stdout + restored.stderr


def _application(config: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(item for item in config["applications"] if item["name"] == name)
    return found


def _written(cluster: Cluster, name: str, config: dict[str, Any]) -> str:
    file = cluster.home / name
    file.write_text(yaml.safe_dump(config))
    return str(file)


def _replicas(cluster: Cluster, *applications: str) -> dict[str, set[str]]:
    """Ids of the running replicas of each application."""
    details = serve_api.get_details(cluster.instance.dashboard_url)["applications"]
    return {
        application: {
            replica["replica_id"]
            for deployment in details[application]["deployments"].values()
            for replica in deployment["replicas"]
            if replica["state"] == "RUNNING"
        }
        for application in applications
    }


@pytest.mark.timeout(600)
async def test_upgrades_failed_upgrades_and_rollbacks_fail_no_request(
    cluster: Cluster, original: dict[str, Any], tmp_path: Path
) -> None:
    """Settings in place, arguments and code version by new replicas, a model that does not load, and back."""
    if not {"ocr", "embedding"} <= {item["name"] for item in original["applications"]}:
        pytest.skip("needs ocr and embedding")
    settings = deepcopy(original)
    _application(settings, "embedding")["deployments"][0]["user_config"] = {"max_batch_size": 8}
    _application(settings, "ocr")["args"]["batching"]["max_batch_size"] = 4
    code = deepcopy(settings)
    _application(code, "embedding")["runtime_env"] = {"env_vars": {VARIABLE: "next"}}
    broken = deepcopy(code)
    _application(broken, "embedding")["args"]["model"] = {"model": str(tmp_path / "no-such-model")}
    replicas = [_replicas(cluster, "embedding", "ocr")]

    async with _constant_load(cluster) as load:

        async def run(*arguments: str) -> subprocess.CompletedProcess[str]:
            result = await asyncio.to_thread(cluster.sensorium, *arguments)
            assert load.failures == [], (arguments, len(load.failures), load.failures[:5], result.stdout, result.stderr)
            replicas.append(_replicas(cluster, "embedding", "ocr"))
            return result

        result = await run("deploy", _written(cluster, "settings.yaml", settings), "--yes")
        assert result.returncode == 0, result.stderr
        assert re.search(r"user_config.max_batch_size +\(default\) -> 8 +in place, no restart", result.stdout)
        assert re.search(r"args.batching.max_batch_size +16 -> 4 +new replicas, rolling", result.stdout)
        assert replicas[-1]["ocr"].isdisjoint(replicas[-2]["ocr"])

        result = await run("deploy", _written(cluster, "code.yaml", code), "--yes")
        assert result.returncode == 0, result.stderr
        assert re.search(r'code version .* -> "next" +new replicas, rolling', result.stdout)
        assert replicas[-1]["embedding"].isdisjoint(replicas[-2]["embedding"])

        result = await run("deploy", _written(cluster, "broken.yaml", broken), "--yes")
        assert result.returncode == 1
        assert "what ran before runs again" in result.stderr
        assert "embedding: weights_missing" in result.stderr
        assert "Traceback" not in result.stderr
        assert replicas[-1]["embedding"] == replicas[-2]["embedding"], "the old replicas went on"

        result = await run("rollback", "--yes")
        assert result.returncode == 0, result.stderr
        assert replicas[-1]["embedding"].isdisjoint(replicas[-2]["embedding"])
    assert load.answers["embedding 200"] > 300
    assert load.answers["ocr 200"] > 5
    history = cluster.sensorium("history")
    assert "rolled back" in history.stdout
    assert "rollback to" in history.stdout


def test_deploy_asks_checks_and_shows(cluster: Cluster) -> None:
    changed = yaml.safe_load(cluster.config.read_text())
    _application(changed, "embedding")["deployments"][0]["num_replicas"] = 2
    file = _written(cluster, "more.yaml", changed)
    shown = cluster.sensorium("deploy", file, "--dry-run")
    assert shown.returncode == 0
    assert re.search(r"deployments.embedding.num_replicas +1 -> 2 +in place, no restart", shown.stdout)
    asked = cluster.sensorium("deploy", file)
    assert asked.returncode == 1
    assert "--yes" in asked.stderr
    _application(changed, "embedding")["args"]["modle"] = {}
    refused = cluster.sensorium("deploy", _written(cluster, "typo.yaml", changed), "--yes")
    assert refused.returncode == 1
    assert "applications.embedding.args.modle: unknown key" in refused.stderr
    address = ("--address", cluster.instance.dashboard_url)
    elsewhere = cluster.sensorium("deploy", str(cluster.config), "--dry-run", *address)
    assert elsewhere.returncode == 0, elsewhere.stderr
    assert cluster.sensorium("rollback", "--to", "99").stderr.strip() == "sensorium: `sensorium history` has no 99"


def test_status_has_the_figures_of_each_service(cluster: Cluster, client: httpx.Client) -> None:
    assert client.post("/embedding/api/v1/embed", json={"text": "measured"}).status_code == 200
    client.post("/embedding/api/v1/embed", json={"text": ""})
    deadline = time.monotonic() + 60
    while True:
        result = cluster.sensorium("status", "--json", "--address", cluster.instance.dashboard_url)
        assert result.returncode == 0, result.stderr
        report = json.loads(result.stdout)
        row = next(item for item in report["rows"] if item["application"] == "embedding")
        figures = row["figures"]
        if figures["memory_bytes"] and figures["errors"] and figures["batch_mean"]:
            break
        assert time.monotonic() < deadline, report
        time.sleep(2)  # Ray exposes metrics every 10 s
    assert (row["status"], row["running"], row["wanted"], row["pending"]) == ("RUNNING", 1, 1, 0)
    assert figures["requests"] >= 2
    assert 0 < figures["p50_s"] <= figures["p95_s"]
    assert figures["errors"]["invalid_input"] >= 1
    assert figures["queue_units"] == 0
    assert figures["memory_bytes"] > 50e6
    table = cluster.sensorium("status").stdout
    assert "embedding" in table
    assert "invalid_input" in table
