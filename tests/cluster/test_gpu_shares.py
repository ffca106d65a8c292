"""gpu.yaml's shares of a card on a node that declares one: all services fit, and one more waits and says for what.

The engines are stand-ins (this machine has no GPU); names, shares, CPUs and bounds of replicas are gpu.yaml's.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.cluster.fake_cluster import ROOT, FakeCluster
from tests.cluster.waiting import until
from tests.serve.conftest import sensorium

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]
ONE_MORE: dict[str, Any] = {
    "name": "one-more",
    "ray_actor_options": {"num_cpus": 0.1, "num_gpus": 0.1},
    "graceful_shutdown_timeout_s": 1,  # Serve waits that long for a replica, even for one that never got its place
}

_KEPT = ("ray_actor_options", "autoscaling_config", "graceful_shutdown_timeout_s")


def _stand_ins() -> list[dict[str, Any]]:
    """gpu.yaml's applications that use a card, with the echo engine behind each deployment."""
    config = yaml.safe_load((ROOT / "ray_configs" / "gpu.yaml").read_text())
    deployments = [deployment for application in config["applications"] for deployment in application["deployments"]]
    return [_stand_in(item) for item in deployments if item["ray_actor_options"].get("num_gpus")]


def _stand_in(deployment: dict[str, Any]) -> dict[str, Any]:
    kept = {key: deployment[key] for key in _KEPT if key in deployment}
    return {
        "name": deployment["name"],
        "route_prefix": f"/{deployment['name']}",
        "import_path": "tests.serve.echo_app:echo",
        "deployments": [{"name": "echo", **kept}],
    }


@pytest.fixture(scope="module")
def services(cluster: FakeCluster) -> list[str]:
    applications = _stand_ins()
    cluster.deploy({"applications": applications})
    names = [application["name"] for application in applications]
    cluster.await_replicas(dict.fromkeys(names, 1))
    return names


def test_all_services_share_one_card(cluster: FakeCluster, services: list[str]) -> None:
    assert set(services) >= {"ocr", "embedding", "speech", "container-number"}
    cards = [node.id for node in cluster.workers() if node.kind == "gpu_worker"]
    assert len(cards) == 1
    assert {replica["node_id"] for name in services for replica in cluster.replicas(name)} == set(cards)
    for name in services:
        answer = httpx.post(f"{cluster.url}/{name}/say", params={"text": "here"}, timeout=60)
        assert answer.json()["text"] == "here"
    assert "1.0/1.0 GPU" in _ray_status(cluster)


def test_one_more_waits_and_says_for_what(cluster: FakeCluster, services: list[str]) -> None:
    cluster.deploy({"applications": [*_stand_ins(), _stand_in(ONE_MORE)]})
    until(lambda: "to be scheduled" in _message(cluster))
    assert "num_gpus" in _message(cluster) or "GPU" in _message(cluster)
    demand = [line for line in _ray_status(cluster).splitlines() if "'GPU': 0.1" in line]
    assert demand, "the autoscaler knows what waits"
    shown = sensorium("status", home=cluster.home)
    assert re.search(r"one-more\S*: 1 pending: [^:]*0\.1 GPU", " ".join(shown.stdout.split())), shown.stdout
    assert shown.returncode != 0
    for name in services:  # those that run are not disturbed
        assert len(cluster.replicas(name)) == 1
    cluster.deploy({"applications": _stand_ins()})
    until(lambda: "one-more" not in cluster.applications())


def _message(cluster: FakeCluster) -> str:
    deployments = cluster.applications().get(ONE_MORE["name"], {}).get("deployments", {})
    return str(deployments.get("echo", {}).get("message", ""))


def _ray_status(cluster: FakeCluster) -> str:
    """What `ray status` prints on the head."""
    done = subprocess.run(
        [str(Path(sys.executable).parent / "ray"), "status", f"--address={cluster.gcs_address}"],
        env={**os.environ, "RAY_AUTH_MODE": "token"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout
