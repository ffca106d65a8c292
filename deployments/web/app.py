"""The application factory that every service uses."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI
from starlette.types import Lifespan

from deployments.serving.metrics import HttpMetrics
from deployments.web.access_log import attach_default_handler
from deployments.web.boundary import Boundary
from deployments.web.docs import DOCS_PATHS, add_docs
from deployments.web.errors import install_error_handlers
from deployments.web.health import HEALTH_PATHS, HealthSource, add_health_routes
from deployments.web.openapi import describe_shared_behaviour
from deployments.web.settings import WebSettings


def create_app(
    *,
    service: str,
    title: str,
    version: str,
    routers: Sequence[APIRouter],
    health: HealthSource,
    settings: WebSettings,
    lifespan: Lifespan[FastAPI] | None = None,
    description: str = "",
    metrics: HttpMetrics | None = None,
) -> FastAPI:
    """The HTTP face of one service: its routes, and what all services share around them.

    Args:
        service: name in logs and `/health`, e.g. `ocr`.
        title: name for people, shown by `/docs`.
        routers: the service's routes, without its base path (`root_path` brings that). They raise
            `deployments.serving.errors` only, and are `async def`: nothing may block the event loop. Only their
            routes are taken: a start or stop belongs in `lifespan`.
        health: asked on every `/health` and `/readyz`.
        metrics: told of every request but those to health and docs.
    """
    app = FastAPI(
        title=title,
        version=version,
        description=description,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        # Starlette stops form fields at 1 MiB, less than an image in base64; the body's limit covers them.
        form_limits={"max_part_size": settings.max_body_bytes},
        # FastAPI's OpenTelemetry hooks took 4 of an empty route's 33 microseconds with nothing configured to hear them.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    for router in routers:
        # Not `include_router`: FastAPI then tries every route twice for each request (19 of 54 microseconds with eight
        # empty routes). A router's own prefix, tags and dependencies are in its routes already.
        app.router.routes.extend(router.routes)
    add_health_routes(app, service=service, version=version, source=health)
    add_docs(app)
    describe_shared_behaviour(app, asks_for_key=bool(settings.api_keys))
    install_error_handlers(app)
    open_paths = (*HEALTH_PATHS, *DOCS_PATHS)
    app.add_middleware(Boundary, service=service, settings=settings, open_paths=open_paths, metrics=metrics)
    if settings.access_log:
        attach_default_handler()
    return app
