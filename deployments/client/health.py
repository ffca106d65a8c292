"""How a service is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from deployments.client.call import Call
from deployments.client.replies import Reply, json_reader

ServiceName = Literal["ocr", "embedding", "speech", "container-number"]


@dataclass(frozen=True, slots=True)
class BackendHealth(Reply):
    """One configured backend: loaded, or why not."""

    name: str
    loaded: bool
    model: str
    reason: str


@dataclass(frozen=True, slots=True)
class ServiceHealth(Reply):
    """State of one service and its model."""

    service: str
    status: Literal["ready", "loading", "failed"]
    reason: str = ""
    """Why it is not ready, and what to do."""
    version: str = ""
    model: str = ""
    model_version: str = ""
    backend: str = ""
    device: str = ""
    languages: tuple[str, ...] = ()
    backends: tuple[BackendHealth, ...] = ()
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def ready(self) -> bool:
        return self.status == "ready"


def health(service: ServiceName) -> Call[ServiceHealth]:
    """State of one service. One that is not ready is an answer, not an error; needs no API key.

    Raises:
        RetryableError: nothing answers for this service.
    """
    return Call("GET", f"/{service}/health", json_reader(ServiceHealth), 10.0, answers=frozenset({503}))
