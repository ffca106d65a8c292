"""Why a replica waits for a place, in one line: Serve says so only after 30 s, and at length."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from deployments.launch import token


def free_resources(dashboard_url: str) -> dict[str, float] | None:
    """What no actor has reserved on the whole cluster, by resource (`CPU`, `GPU`, ...); None where Ray does not say."""
    try:
        answer = httpx.get(f"{dashboard_url}/api/cluster_status", headers=token.headers(), timeout=10)
        usage = answer.json()["data"]["clusterStatus"]["loadMetricsReport"]["usage"]
    except (httpx.TransportError, ValueError, KeyError, TypeError):
        return None
    return {name: total - used for name, (used, total) in usage.items()}


def reason(pending: int, deployment: Mapping[str, Any], free: Mapping[str, float] | None) -> str:
    """What `pending` replicas of a deployment wait for; empty for none.

    Args:
        deployment: as in Serve's details.
        free: of `free_resources`.
    """
    if not pending:
        return ""
    needs: dict[str, float] = deployment.get("required_resources") or {}
    short = [name for name, amount in needs.items() if free is not None and free.get(name, 0.0) + 1e-6 < amount]
    if short:
        lacking = ", ".join(f"{needs[name]:g} {name} ({(free or {}).get(name, 0.0):g} free)" for name in short)
        return f"{pending} pending: each needs {lacking}"
    message = " ".join(str(deployment.get("message") or "").split())
    if "to be scheduled" in message:
        asked = ", ".join(f"{amount:g} {name}" for name, amount in needs.items())
        return f"{pending} pending: no single node has {asked} free"
    return f"{pending} starting" + (f": {message}" if message else "")
