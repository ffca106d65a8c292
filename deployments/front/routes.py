"""The front's paths: `/` for people and programs, `/health` for all services together."""

from __future__ import annotations

from typing import Any, Literal

import orjson
from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from deployments.front.page import Page, base_url_of
from deployments.front.probe import HealthBoard
from deployments.front.types import ServiceReport, State
from deployments.web.health import HealthBody


class ServiceBody(BaseModel):
    """One service in the list."""

    name: str
    title: str
    base_path: str
    summary: str
    docs: str
    status: State
    reason: str
    health: HealthBody | None
    """The service's own `/health`; null where it did not answer."""


class FrontBody(BaseModel):
    """Body of `/health`, and of `/` as JSON. `ready` only if every service is."""

    service: str = "front"
    status: Literal["ready", "degraded"]
    version: str
    services: list[ServiceBody]


def build_router(board: HealthBoard, page: Page, *, version: str, public_url: str) -> APIRouter:
    """`public_url` stands in commands to copy where a visitor's Host header cannot."""
    router = APIRouter()

    async def index(request: Request) -> Response:
        """The page; as JSON where `Accept` asks for that and not for HTML."""
        reports = await board.look()
        accept = request.headers.get("accept", "")
        headers = {"Cache-Control": "no-store", "Vary": "Accept"}
        if "application/json" in accept and "text/html" not in accept:
            return _json(reports, version, headers)
        base_url = base_url_of(request.scope["scheme"], request.headers.get("host", ""), public_url)
        headers["Content-Security-Policy"] = page.policy
        return Response(page.render(reports, base_url), media_type="text/html", headers=headers)

    async def health() -> Response:
        """Health of all services. 503 with the same body unless all are ready."""
        reports = await board.look()
        response = _json(reports, version, {"Cache-Control": "no-store"})
        if any(report.state != "ready" for report in reports):
            response.status_code = 503
            response.headers["Retry-After"] = "2"
        return response

    router.add_api_route("/", index, methods=["GET"], response_model=None, responses={200: {"model": FrontBody}})
    router.add_api_route(
        "/health",
        health,
        methods=["GET"],
        tags=["health"],
        response_model=None,
        responses={200: {"model": FrontBody}, 503: {"model": FrontBody}},
    )
    router.add_api_route("/", index, methods=["HEAD"], response_model=None, include_in_schema=False)
    router.add_api_route("/health", health, methods=["HEAD"], response_model=None, include_in_schema=False)
    return router


def _json(reports: tuple[ServiceReport, ...], version: str, headers: dict[str, str]) -> Response:
    body: dict[str, Any] = {
        "service": "front",
        "status": "ready" if all(report.state == "ready" for report in reports) else "degraded",
        "version": version,
        "services": [
            {
                "name": report.entry.name,
                "title": report.entry.title,
                "base_path": report.entry.base_path,
                "summary": report.entry.summary,
                "docs": f"{report.entry.base_path}/docs",
                "status": report.state,
                "reason": report.reason,
                "health": None if report.health is None else report.health.model_dump(),
            }
            for report in reports
        ],
    }
    return Response(orjson.dumps(body), media_type="application/json", headers=headers)
