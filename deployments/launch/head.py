"""Start and stop the local Ray head as one background process of ours."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

from deployments.launch import instance, token
from deployments.launch.environment import local_environment
from deployments.launch.errors import LaunchFailed
from deployments.launch.instance import Instance


def start(host: str, port: int, config: Path) -> Instance:
    """Start Ray and wait until its dashboard can take a configuration.

    Raises:
        LaunchFailed: the port is taken, or Ray did not come up.
    """
    if not instance.port_is_free(port, host):
        raise LaunchFailed(
            f"port {port} on {host} is taken by another program. Choose another: make serve PORT={port + 1}"
        )
    name = f"s{secrets.token_hex(4)}"
    # Unix sockets live below it, whose paths may have 107 bytes, 56 of them Ray's node id: short, and in /tmp.
    temp_dir = f"/tmp/srm-{name}"  # noqa: S108 - not predictable
    instance.remove_last()
    token.ensure()
    ports = instance.free_ports(
        gcs=6379, dashboard=8265, agent=52365, ray_client=10001, stats=8404, metrics=9101, fallback=8500
    )
    ports["replicas"] = instance.free_range(33000, 250)
    gcs_port, dashboard_port = ports["gcs"], ports["dashboard"]
    command = [
        str(Path(sys.executable).parent / "ray"), "start", "--head", "--block", "--disable-usage-stats",
        f"--port={gcs_port}", f"--temp-dir={temp_dir}", "--include-dashboard=true", "--dashboard-host=127.0.0.1",
        f"--dashboard-port={dashboard_port}", f"--dashboard-agent-listen-port={ports['agent']}",
        f"--ray-client-server-port={ports['ray_client']}", f"--object-store-memory={_object_store_bytes()}",
    ]  # fmt: skip
    log = instance.state_folder() / "ray.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env={**os.environ, **local_environment(name, instance.state_folder(), temp_dir, ports)},
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    started = Instance(name, process.pid, host, port, dashboard_port, gcs_port, temp_dir, str(config))
    instance.save(started)
    _await_dashboard(started, process, log)
    return started


def _await_dashboard(started: Instance, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        if process.poll() is not None:
            reason = _last_error(log)
            raise LaunchFailed(f"Ray did not start: {reason} (all of it: {log})")
        if not instance.port_is_free(started.dashboard_port, "127.0.0.1"):
            return
        time.sleep(0.2)
    instance.end(started, patience_s=5)
    raise LaunchFailed(f"Ray's dashboard did not answer within 90 s; see {log}")


def _last_error(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if "Error" in line or "error" in line]
    return (errors or lines or ["no output"])[-1][:300]


def _object_store_bytes() -> int:
    """A fifth of memory, at most 2 GB: services do not use it, jobs stream through it."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(min(2e9, total / 5))
