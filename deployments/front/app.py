"""The application at `/`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from deployments.front.missing import explain_missing
from deployments.front.page import Page
from deployments.front.probe import HealthBoard, Probe
from deployments.front.routes import build_router
from deployments.front.types import ServiceEntry
from deployments.serving.metrics import HttpMetrics
from deployments.web.app import create_app
from deployments.web.errors import answer_sensorium_error
from deployments.web.health import Health
from deployments.web.settings import WebSettings


def create_front_app(
    *,
    services: Sequence[ServiceEntry],
    probe: Probe,
    version: str,
    settings: WebSettings,
    public_url: str = "http://127.0.0.1:8000",
    refresh_s: float = 5.0,
    metrics: HttpMetrics | None = None,
) -> FastAPI:
    """The page that lists `services`, their health together, and the answer to every path that no service owns.

    It asks for no API key, whatever `settings` says: it tells nothing that the services' open `/health` does not.
    The probe is closed when the application stops. `public_url` stands in commands to copy where the visitor's own
    Host header cannot; the page renews what is live every `refresh_s` seconds.
    """
    if not services:
        raise ValueError("the front needs at least one service to show")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await probe.aclose()

    async def missing(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return await answer_sensorium_error(request, explain_missing(request.scope["path"], services))

    board = HealthBoard(services, probe)
    page = Page(version=version, refresh_s=refresh_s)
    app = create_app(
        service="front",
        title="Sensorium",
        version=version,
        routers=[build_router(board, page, version=version, public_url=public_url)],
        health=_Itself(),
        settings=replace(settings, api_keys=()),
        lifespan=lifespan,
        metrics=metrics,
    )
    app.add_exception_handler(404, missing)
    return app


class _Itself:
    """`/readyz` of the front: it can always answer."""

    def health(self) -> Health:
        return Health("ready")
