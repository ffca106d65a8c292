"""Load makes a service ask for a second replica, that makes the autoscaler add a node, and quiet takes both away."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.cluster import samples
from tests.cluster.fake_cluster import FakeCluster
from tests.cluster.load import Outcome, Report, constant_load
from tests.cluster.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def embedding(cluster: FakeCluster) -> None:
    """The embedding service with a replica that fills a `cpu_worker`: a second one needs a second node."""
    config: dict[str, Any] = {
        "name": "embedding",
        "route_prefix": "/embedding",
        "import_path": "deployments.app:embedding",
        "deployments": [
            {
                "name": "embedding",
                "ray_actor_options": {"num_cpus": cluster.node_types["cpu_worker"]["resources"]["CPU"]},
                "autoscaling_config": {
                    "min_replicas": 1,
                    "max_replicas": 2,
                    "target_ongoing_requests": 2,
                    "upscale_delay_s": 1,
                    "downscale_delay_s": 3,
                    "metrics_interval_s": 0.5,
                    "look_back_period_s": 2,
                },
            }
        ],
    }
    cluster.deploy({"applications": [config]})
    cluster.await_replicas({"embedding": 1})
    until(lambda: len(cluster.workers()) == 1)  # nodes of other tests have gone


@pytest.mark.usefixtures("embedding")
async def test_load_brings_a_replica_and_its_node_and_quiet_takes_both_away(cluster: FakeCluster) -> None:
    [first] = await asyncio.to_thread(cluster.workers)
    assert first.kind == "cpu_worker"

    busy = samples.embedding(texts=100, clients=8)
    async with constant_load(cluster.url, [busy]) as under_load:
        await asyncio.to_thread(until, lambda: len(cluster.replicas("embedding")) == 2)
        nodes = {node.id: node.kind for node in await asyncio.to_thread(cluster.workers)}
        homes = {replica["node_id"] for replica in await asyncio.to_thread(cluster.replicas, "embedding")}
        assert list(nodes.values()) == ["cpu_worker"] * 2
        assert homes == set(nodes), "one replica on each node"
        await asyncio.sleep(3)

    quiet = samples.embedding(clients=1)
    async with constant_load(cluster.url, [quiet]) as meanwhile:
        await asyncio.to_thread(until, lambda: len(cluster.replicas("embedding")) == 1)
        await asyncio.to_thread(until, lambda: len(cluster.workers()) == 1)
        await asyncio.sleep(3)

    for reports in (under_load, meanwhile):
        for name, report in reports.items():
            assert report.outcomes[Outcome.OK] > 5, name
            _all_answered(report)


def _all_answered(report: Report) -> None:
    assert report.outcomes.total() == report.outcomes[Outcome.OK], report.failures[:5]
