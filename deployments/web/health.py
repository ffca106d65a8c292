"""`/health`, `/livez` and `/readyz`: what a service says about itself. They need no API key."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, Protocol

import orjson
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from deployments.serving.engine import BackendStatus, ModelCard

logger = logging.getLogger("sensorium.web")

HEALTH_PATHS = ("/health", "/livez", "/readyz")

Status = Literal["ready", "loading", "failed"]


@dataclass(frozen=True, slots=True)
class Health:
    """State of one service. Empty fields are not known (yet)."""

    status: Status
    reason: str = ""
    """Why it is not ready, and what to do."""
    version: str = ""
    """Of the service; filled in by the web layer where empty."""
    model: str = ""
    model_version: str = ""
    """Identifies the weights, see `ModelCard.version`."""
    backend: str = ""
    device: str = ""
    languages: tuple[str, ...] = ()
    backends: tuple[BackendStatus, ...] = ()
    notes: dict[str, str | int | float | bool] = field(default_factory=dict)

    @classmethod
    def of_card(cls, card: ModelCard, *, status: Status = "ready", reason: str = "", version: str = "") -> Health:
        """The health of a service that has loaded the model of `card`."""
        return cls(
            status=status,
            reason=reason,
            version=version,
            model=card.model,
            model_version=card.version,
            backend=card.backend,
            device=card.device,
            languages=card.languages,
            backends=card.backends,
            notes=card.notes,
        )


class HealthSource(Protocol):
    """Who knows the state of the service. Called on the event loop: it must not wait."""

    def health(self) -> Health: ...


class BackendBody(BaseModel):
    """One configured backend: loaded, or why not."""

    name: str
    loaded: bool
    model: str
    reason: str


class HealthBody(BaseModel):
    """Body of `/health`, whatever its status."""

    service: str
    status: Status
    reason: str
    version: str
    model: str
    model_version: str
    backend: str
    device: str
    languages: list[str]
    backends: list[BackendBody]
    notes: dict[str, str | int | float | bool]


def add_health_routes(app: FastAPI, *, service: str, version: str, source: HealthSource) -> None:
    """Add the three paths, for GET and HEAD; a path that the service's own routes have already stays theirs."""
    taken = {getattr(route, "path", "") for route in app.router.routes}

    def look() -> Health:
        try:
            health = source.health()
        except Exception as error:  # a health check that fails is an answer: the service is not well
            logger.exception("the health of %s could not be read", service)
            health = Health(status="failed", reason=f"{type(error).__name__}: {error}")
        return health if health.version else replace(health, version=version)

    async def health(request: Request) -> Response:
        """State of the service and its model. 503 with the same body while it is not ready."""
        state = look()
        return _response(state, {"service": service, **asdict(state)})

    async def readyz(request: Request) -> Response:
        """Whether requests can be answered now."""
        state = look()
        return _response(state, {"status": state.status, "reason": state.reason})

    async def livez(request: Request) -> Response:
        """Whether the process answers at all."""
        return Response(b'{"status":"alive"}', media_type="application/json")

    for path, endpoint in zip(HEALTH_PATHS, (health, livez, readyz), strict=True):
        if path in taken:
            continue
        app.add_api_route(
            path,
            endpoint,
            methods=["GET"],
            tags=["health"],
            response_model=None,
            responses={200: {"model": HealthBody}, 503: {"model": HealthBody}} if path == "/health" else None,
        )
        app.add_route(path, endpoint, methods=["HEAD"], include_in_schema=False)


def _response(state: Health, body: dict[str, Any]) -> Response:
    ready = state.status == "ready"
    headers = {"Cache-Control": "no-store"} | ({} if ready else {"Retry-After": "1"})
    return Response(orjson.dumps(body), 200 if ready else 503, headers, media_type="application/json")
