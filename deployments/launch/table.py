"""What a person sees once the services are up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from deployments.front.services import KNOWN
from deployments.launch.instance import Instance


def show(console: Console, instance: Instance, services: Mapping[str, str]) -> None:
    """Service, base URL, model, backends; then one call to try for each."""
    table = Table(title="Sensorium is ready", title_justify="left")
    for column in ("service", "base URL", "model", "backends"):
        table.add_column(column, overflow="fold", no_wrap=column != "backends")
    calls = []
    for name, prefix in services.items():
        url = instance.base_url + prefix.rstrip("/")
        health = _health(url)
        loaded = [item["name"] for item in health.get("backends", []) if item["loaded"]]
        backends = ", ".join(loaded) or str(health.get("backend") or "")
        table.add_row(name, url or "/", str(health.get("model") or ""), backends)
        if name in KNOWN:
            calls.append(KNOWN[name].example.replace("{base_url}", instance.base_url))
    console.print(table)
    console.print("Try:")
    for call in calls:
        console.print("  " + call, markup=False, highlight=False, soft_wrap=True)
    console.print(f"Docs at /docs of each; Ray's dashboard at {instance.dashboard_url}; `make stop` ends it.")


def _health(url: str) -> dict[str, Any]:
    try:
        body: dict[str, Any] = httpx.get(url + "/health", timeout=5).json()
    except (httpx.TransportError, ValueError):
        return {}
    return body
