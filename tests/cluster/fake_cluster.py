"""A Ray cluster of several nodes on this machine: our own head, and workers that Ray's autoscaler starts and ends.

`ray.cluster_utils.AutoscalingCluster` is not used: Ray 2.60's wheel lacks its example.yaml, and it runs `ray stop`,
which would end every Ray of the machine.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from deployments.launch import instance, serve_api, token
from deployments.launch.environment import local_environment
from deployments.launch.instance import Instance
from tests.cluster.node_types import HEAD_NODE_ID, LABEL, for_fake_nodes
from tests.cluster.waiting import until

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Node:
    """One living Ray node."""

    id: str
    kind: str
    """Its type in cluster.yaml."""
    resources: Mapping[str, float]


@dataclass(frozen=True)
class FakeCluster:
    """The head, and what can be asked of it."""

    instance: Instance
    home: Path
    gcs_address: str
    node_types: Mapping[str, Any]
    """As in cluster.yaml, for the fake provider."""

    @property
    def url(self) -> str:
        return self.instance.base_url

    def deploy(self, config: dict[str, Any]) -> None:
        """Make `config` the goal, with this cluster's host and port; returns at once."""
        options = {**config.get("http_options", {}), "host": self.instance.host, "port": self.instance.port}
        goal = {**config, "proxy_location": "HeadOnly", "http_options": options}
        serve_api.put_config(self.instance.dashboard_url, goal)

    def applications(self) -> dict[str, Any]:
        """Serve's own details, by application."""
        found: dict[str, Any] = serve_api.get_details(self.instance.dashboard_url).get("applications", {})
        return found

    def replicas(self, application: str) -> list[dict[str, Any]]:
        """Running replicas of all deployments of `application`: `pid`, `node_id`, ..."""
        deployments = self.applications().get(application, {}).get("deployments", {}).values()
        replicas = [replica for deployment in deployments for replica in deployment.get("replicas", [])]
        return [replica for replica in replicas if replica["state"] == "RUNNING"]

    def replica_counts(self, names: Iterable[str], but: Collection[int] = ()) -> dict[str, int]:
        """Running replicas of each application, without those with a process id in `but`."""
        return {name: sum(replica["pid"] not in but for replica in self.replicas(name)) for name in names}

    def await_replicas(self, wanted: Mapping[str, int]) -> None:
        """Return once each application has as many running replicas as `wanted`.

        Raises:
            AssertionError: not in time; with what Serve says about it.
        """
        try:
            until(lambda: self.replica_counts(wanted) == wanted)
        except AssertionError as error:
            said = [
                (name, item["status"], item["message"], [replica["state"] for replica in item["replicas"]])
                for application in self.applications().values()
                for name, item in application["deployments"].items()
            ]
            raise AssertionError(f"{error}: {said}; nodes: {self.workers()}") from error

    def workers(self) -> list[Node]:
        """Living nodes but the head."""
        answer = self._get(
            "/api/v0/nodes", detail="true", filter_keys="state", filter_predicates="=", filter_values="ALIVE"
        )
        nodes = answer["data"]["result"]["result"]
        return [
            Node(node["node_id"], node["labels"][LABEL], node["resources_total"])
            for node in nodes
            if not node["is_head_node"]
        ]

    def processes(self) -> list[tuple[int, list[str]]]:
        """Process id and command line of everything that runs for this cluster."""
        found = []
        for pid in instance.processes(self.instance.name):
            with contextlib.suppress(OSError):  # it ended meanwhile
                found.append((pid, Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")))
        return found

    def haproxies(self) -> list[int]:
        """Process ids of HAProxy: one, and those that finish their last requests after a reload."""
        return [pid for pid, words in self.processes() if words[0].endswith("/haproxy")]

    def controllers(self) -> list[int]:
        """Process ids of Serve's controller: one, or none while it is dead."""
        return [pid for pid, words in self.processes() if words[0].startswith("ray::ServeController")]

    def raylet(self, node_id: str) -> int:
        """Process id of a node's raylet."""
        marker = f"RAY_OVERRIDE_NODE_ID_FOR_TESTING={node_id}".encode()
        [pid] = [
            pid
            for pid, words in self.processes()
            if words[0].endswith("/raylet/raylet") and marker in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        ]
        return pid

    def _get(self, path: str, **params: str) -> Any:
        answer = httpx.get(self.instance.dashboard_url + path, params=params, headers=token.headers(), timeout=30)
        answer.raise_for_status()
        return answer.json()


@contextmanager
def fake_cluster(
    cluster_yaml: Path, home: Path, idle_s: float = 6.0, max_workers: Mapping[str, int] | None = None
) -> Iterator[FakeCluster]:
    """The head of a cluster with `cluster_yaml`'s node types; every process of it is gone afterwards.

    The instance is where `sensorium status`, `serve` and `stop` with `SENSORIUM_HOME=home` find it.
    """
    from ray.util import get_node_ip_address

    name = f"s{secrets.token_hex(4)}"
    temp_dir = f"/tmp/srm-{name}"
    # Not those of `make serve`, which another instance may be about to take.
    ports = instance.free_ports(
        gcs=26379,
        dashboard=28265,
        agent=28365,
        ray_client=26001,
        stats=28404,
        metrics=29101,
        fallback=28500,
        http=28600,
    )
    ports["replicas"] = instance.free_port(34000)
    gcs_address = f"{get_node_ip_address()}:{ports['gcs']}"
    autoscaling = for_fake_nodes(yaml.safe_load(cluster_yaml.read_text()), gcs_address, idle_s, max_workers or {})
    config = home / "autoscaling.yaml"
    config.write_text(yaml.safe_dump(autoscaling))
    command = [
        str(Path(sys.executable).parent / "ray"), "start", "--head", "--block", "--disable-usage-stats",
        f"--port={ports['gcs']}", f"--temp-dir={temp_dir}", "--dashboard-host=127.0.0.1",
        f"--dashboard-port={ports['dashboard']}", f"--dashboard-agent-listen-port={ports['agent']}",
        f"--ray-client-server-port={ports['ray_client']}", "--object-store-memory=200000000",
        "--num-cpus=0", "--num-gpus=0", f"--autoscaling-config={config}",
    ]  # fmt: skip
    environment = {
        **os.environ,
        **local_environment(name, home, temp_dir, ports),
        "PYTHONPATH": str(ROOT),
        "RAY_FAKE_CLUSTER": "1",
        "RAY_enable_autoscaler_v2": "1",
        "AUTOSCALER_UPDATE_INTERVAL_S": "1",
        "RAY_OVERRIDE_NODE_ID_FOR_TESTING": HEAD_NODE_ID,
        "RAY_CLOUD_INSTANCE_ID": HEAD_NODE_ID,
    }
    token.ensure()
    with (home / "ray.log").open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    started = Instance(name, process.pid, "127.0.0.1", ports["http"], ports["dashboard"], ports["gcs"], temp_dir, "")
    instance.save(started)
    try:
        _await_dashboard(started, process)
        yield FakeCluster(started, home, gcs_address, autoscaling["available_node_types"])
    finally:
        instance.end(started, patience_s=5)
        process.wait(timeout=30)
        shutil.rmtree(temp_dir, ignore_errors=True)


def _await_dashboard(started: Instance, process: subprocess.Popen[bytes]) -> None:
    def answers() -> bool:
        assert process.poll() is None, "Ray ended: " + (instance.state_folder() / "ray.log").read_text()[-2000:]
        try:
            return httpx.get(f"{started.dashboard_url}/api/version", headers=token.headers(), timeout=10).is_success
        except httpx.TransportError:
            return False

    until(answers)
