"""Watch the services come up: Serve's own status for failures, each service's `/readyz` for success."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from deployments.launch import serve_api
from deployments.launch.errors import LaunchFailed
from deployments.launch.instance import Instance, processes

FAILED = ("DEPLOY_FAILED", "UNHEALTHY")


def await_ready(
    instance: Instance, services: Mapping[str, str], timeout_s: float, report: Callable[[Mapping[str, str]], None]
) -> None:
    """Return when every service answers; `report` gets service -> phase a few times a second.

    Raises:
        LaunchFailed: a service failed to load (with its reason), Ray died, or `timeout_s` passed.
    """
    deadline = time.monotonic() + timeout_s
    phases = dict.fromkeys(services, "waiting")
    while time.monotonic() < deadline:
        details = serve_api.get_details(instance.dashboard_url).get("applications", {})
        for name, prefix in services.items():
            phases[name] = _phase(details.get(name, {}), instance.base_url + prefix.rstrip("/"))
        report(phases)
        if all(phase == "ready" for phase in phases.values()):
            return
        if instance.pid not in processes(instance.name):
            raise LaunchFailed("Ray stopped while the services were starting; see `make logs`")
        time.sleep(0.4)
    waiting = ", ".join(f"{name} ({phase})" for name, phase in phases.items() if phase != "ready")
    raise LaunchFailed(f"not ready after {timeout_s:g} s: {waiting}. `make logs` shows why; `make stop` ends it")


def _phase(application: Mapping[str, Any], url: str) -> str:
    status = application.get("status", "waiting")
    if status in FAILED:
        raise LaunchFailed(f"a service failed to load.\n{failure(application)}")
    if status != "RUNNING":
        return "loading" if status == "DEPLOYING" else "waiting"
    try:
        answer = httpx.get(url + "/readyz", timeout=5)
    except httpx.TransportError:
        return "routing"
    return "ready" if answer.status_code == httpx.codes.OK else "routing"


def failure(application: Mapping[str, Any]) -> str:
    """The one line that a replica's constructor raised, out of Serve's long message; else that message's end."""
    messages = [application.get("message", "")]
    messages += [item.get("message", "") for item in application.get("deployments", {}).values()]
    text = "\n".join(messages)
    found = re.findall(
        r"(?m)^\s*(?:\w+\.)*(?:RuntimeError|ValueError|ValidationError|ImportError|\w+Error): (.+)$", text
    )
    name = application.get("name", "?")
    return f"{name}: {found[-1] if found else text.strip()[-500:]}"
