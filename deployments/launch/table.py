"""What a person sees once the services are up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from deployments.launch.instance import Instance

#: One call per service on a file of `samples/`, run from the checkout's root.
TRY = {
    "ocr": """curl -s {url}/extract_text -F file=@samples/receipt.png -F 'request_data={{"language": "en"}}'""",
    "embedding": """curl -s {url}/api/v1/embed -H 'content-type: application/json' -d '{{"text": "hello"}}'""",
    "speech": "curl -s {url}/transcribe -F file=@samples/gate.wav",
    "container-number": "curl -s {url}/read -F files=@samples/container.png",
    "front": "open {url}/ in a browser",
}


def show(console: Console, instance: Instance, services: Mapping[str, str]) -> None:
    """Service, base URL, model, backends; then one call to try for each."""
    table = Table("service", "base URL", "model", "backends", title="Sensorium is ready", title_justify="left")
    calls = []
    for name, prefix in services.items():
        url = instance.base_url + prefix.rstrip("/")
        health = _health(url)
        loaded = [item["name"] for item in health.get("backends", []) if item["loaded"]]
        backends = ", ".join(loaded) or str(health.get("backend") or "")
        table.add_row(name, url or "/", str(health.get("model") or ""), backends)
        calls.append(TRY.get(name, "curl -s {url}/health").format(url=url))
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
