"""Overload, departure and sudden death, against real replicas behind the real HAProxy."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import yaml

from tests.serve.conftest import Cluster


async def _pids(client: httpx.AsyncClient) -> set[int]:
    """Process ids of the replicas that answer now."""
    answers = await asyncio.gather(*(client.get("/echo/inside") for _ in range(20)))
    return {answer.json()["pid"] for answer in answers if answer.status_code == 200}


async def _wait_for_replicas(client: httpx.AsyncClient, count: int, without: int = 0) -> set[int]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        pids = await _pids(client)
        if len(pids) == count and without not in pids:
            return pids
        await asyncio.sleep(0.5)
    raise AssertionError(f"{count} replicas did not come back")


def _client(cluster: Cluster, kept_connections: int = 0) -> httpx.AsyncClient:
    """Every request on a connection of its own, as independent clients have, but for `kept_connections`."""
    limits = httpx.Limits(max_keepalive_connections=kept_connections, max_connections=400)
    return httpx.AsyncClient(base_url=cluster.url, timeout=60, limits=limits)


@pytest.mark.parametrize(
    ("size", "kept_connections"),
    [(10, 0), (200_000, 0), (200_000, 200)],
    ids=["small body", "upload", "upload on connections that served before"],
)
async def test_killing_a_replica_loses_only_what_it_ran(cluster: Cluster, size: int, kept_connections: int) -> None:
    body = b"x" * size
    async with _client(cluster, kept_connections) as client:
        pids = await _wait_for_replicas(client, 2)
        await asyncio.gather(
            *(client.post("/echo/say", params={"text": "t", "seconds": 0.1}) for _ in range(kept_connections))
        )
        victim = min(pids)
        calls = [
            asyncio.create_task(client.post("/echo/say", params={"text": f"t{i}", "seconds": 0.2}, content=body))
            for i in range(200)
        ]
        await asyncio.sleep(0.6)
        os.kill(victim, signal.SIGKILL)
        answers = await asyncio.gather(*calls)
        lost = [answer for answer in answers if answer.status_code != 200]
        for answer in lost:
            assert answer.status_code >= 500
            error = answer.json()["error"]
            assert error["code"] in ("replica_lost", "unavailable", "overloaded"), error
            assert error["message"]
        assert len(lost) < 150, "only what the dead replica ran may be lost"
        good = [answer.json() for answer in answers if answer.status_code == 200]
        assert {reply["bytes"] for reply in good} == {size}
        assert {answer.json()["pid"] for answer in answers[-5:] if answer.status_code == 200} <= pids - {victim} | pids
        await _wait_for_replicas(client, 2, without=victim)


async def test_overload_is_a_typed_503_with_a_time_to_come_back(cluster: Cluster) -> None:
    async with _client(cluster) as client:
        await _wait_for_replicas(client, 2)
        answers = await asyncio.gather(
            *(client.post("/echo/say", params={"text": "busy", "seconds": 0.4}) for _ in range(390))
        )
        refused = [answer for answer in answers if answer.status_code == 503]
        assert refused, "390 requests at two replicas that hold 150 each"
        assert len(refused) + sum(answer.status_code == 200 for answer in answers) == 390
        for answer in refused:
            assert int(answer.headers["retry-after"]) >= 1
            assert answer.json()["error"]["code"] == "overloaded"
        assert (await client.post("/echo/say", params={"text": "after"})).json()["text"] == "after"


async def test_a_client_that_leaves_frees_its_place(cluster: Cluster) -> None:
    async with _client(cluster) as client:
        await _wait_for_replicas(client, 2)
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/echo/say", params={"text": "a b c d e", "seconds": 0.7}, timeout=0.3)
        await asyncio.sleep(1.5)
        inside = await asyncio.gather(*(client.get("/echo/inside") for _ in range(10)))
        assert {answer.json()["requests"] for answer in inside} == {0}


async def test_units_of_different_clients_share_a_batch(cluster: Cluster) -> None:
    async with _client(cluster) as client:
        await _wait_for_replicas(client, 2)
        answers = await asyncio.gather(
            *(client.post("/echo/say", params={"text": "x", "seconds": 0.1}) for _ in range(32))
        )
        assert max(answer.json()["batch"] for answer in answers) > 1
        bad = await asyncio.gather(
            *(
                client.post("/echo/say", params={"text": t, "seconds": 0.05})
                for t in ("ok", "poison", "fail", "bad", "ok")
            )
        )
        assert [answer.status_code for answer in bad] == [200, 500, 422, 422, 200]
        assert bad[1].json()["error"]["code"] == "engine_failed"


async def test_a_client_cannot_lift_the_servers_timeout_by_a_header(cluster: Cluster) -> None:
    async with _client(cluster) as client:
        answer = await client.post(
            "/echo/say", params={"text": "x", "seconds": 0.5}, headers={"x-request-timeout-seconds": "0.01"}
        )
        assert answer.status_code == 200, "HAProxy drops the header, in either direction"


def test_batching_knobs_change_without_a_restart(cluster: Cluster, client: httpx.Client) -> None:
    def replicas() -> set[int]:
        with ThreadPoolExecutor(8) as pool:  # at once, so that HAProxy gives work to both
            return {answer.json()["pid"] for answer in pool.map(lambda _: client.get("/echo/inside"), range(80))}

    def say_until_batches_hold(size: int) -> None:
        """Serve reports the application as running before each replica has taken its new knobs."""
        deadline = time.monotonic() + 20
        while {client.post("/echo/say", params={"text": "a b c"}).json()["batch"] for _ in range(8)} != {size}:
            assert time.monotonic() < deadline, f"batches of {size} did not come"
            time.sleep(0.3)

    before = replicas()
    config = yaml.safe_load(cluster.config.read_text())
    echo = config["applications"][0]["deployments"][0]
    changed = cluster.home / "changed.yaml"
    for size, expected in ((1, 1), (8, 3)):
        echo["user_config"] = {"max_batch_size": size}
        changed.write_text(yaml.safe_dump(config))
        result = cluster.sensorium("serve", "--config", str(changed), "--port", str(cluster.instance.port))
        assert result.returncode == 0, result.stderr
        say_until_batches_hold(expected)
    assert not replicas().isdisjoint(before), "the replicas were replaced"
