"""Environment variables that must be set where `ray start` runs, on every node. Figures: `docs/architecture.md`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

#: The same on a laptop and on a cluster (cluster.yaml repeats them; a test compares).
SERVE_ENVIRONMENT: dict[str, str] = {
    # One hop: HAProxy routes straight to the replicas, whose user code runs on their main loop.
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    # A request whose replica died before it answered goes to another one, if its body still fits HAProxy's buffer.
    "RAY_SERVE_HAPROXY_RETRY_ON": "conn-failure empty-response",
    "RAY_SERVE_HAPROXY_TUNE_BUFSIZE": "131072",
    # A dead replica has the fewest connections, so it is tried again until HAProxy has marked it down.
    "RAY_SERVE_HAPROXY_RETRIES": "10",
    # A dead HAProxy is noticed after 3 checks: 1.5 s instead of 30 s.
    "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "0.5",
    # Spinning OpenMP threads on busy cores make torch 5 to 10 times slower.
    "OMP_WAIT_POLICY": "PASSIVE",
    "GOMP_SPINCOUNT": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    # Some GPU code asks for it; harmless elsewhere. PaddleX: do not look for a hub while importing.
    "PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK": "True",
    "TOKENIZERS_PARALLELISM": "false",
}


def local_environment(name: str, home: Path, temp_dir: str, ports: dict[str, int]) -> dict[str, str]:
    """What one instance on one machine adds: its name, its own ports, quick endings.

    Args:
        name: of the instance; marks its processes.
        home: the instance's own folder, where services keep their data by default.
        temp_dir: Ray's; HAProxy's files go below it.
        ports: `stats`, `metrics`, `fallback` of HAProxy, `replicas` (first of 200).
    """
    haproxy = f"{temp_dir}/h"
    return {
        **SERVE_ENVIRONMENT,
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": f"{haproxy}/haproxy.cfg",
        "RAY_SERVE_HAPROXY_SOCKET_PATH": f"{haproxy}/admin.sock",
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": haproxy,
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": f"{haproxy}/server-state",
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": f"{haproxy}/metrics.sock",
        # Jobs say `python`, and mean this one.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "SENSORIUM_INSTANCE": name,
        "SENSORIUM_HOME": str(home),
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(Path(sys.executable).parent / "sensorium-haproxy"),
        "SENSORIUM_EDGE_LOG": f"{temp_dir}/session_latest/logs/serve/haproxy.log",
        "RAY_SERVE_HAPROXY_STATS_PORT": str(ports["stats"]),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(ports["metrics"]),
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(ports["fallback"]),
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(ports["replicas"]),
        "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(ports["replicas"] + 200),
        # Nobody else routes to a laptop's replicas: no need to linger for 30 s.
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "2",
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "5",
        # Jobs, the CLI and the dashboard need the token in ~/.ray/auth_token: other users of the machine have none.
        "RAY_AUTH_MODE": "token",
    }
