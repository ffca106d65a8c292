"""`/docs` (Swagger UI) and `/redoc` (ReDoc), without the internet and behind any base path.

The two libraries' files come from the `fastapi-standalone-docs` wheel (the npm releases swagger-ui-dist 5.33.1 and
redoc 2.5.4 with their licences); the pages are ours, name everything by relative URLs, and forbid the browser to load
anything from elsewhere. With API keys the pages themselves stay open (they hold nothing of the service) and
`/openapi.json` is closed: the page asks for the key and sends it, with every "Try it out" as well.
"""

from __future__ import annotations

import asyncio
import hashlib
import html
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from deployments.serving.errors import BackendMissing

_OURS = Path(__file__).parent / "static"
_PACKAGE = "fastapi_standalone_docs"

# public path -> (folder: ours, or one of the package's static folders; media type)
_ASSETS = {
    "/docs-assets/docs.js": (None, "text/javascript; charset=utf-8"),
    "/docs-assets/favicon.svg": (None, "image/svg+xml"),
    "/docs-assets/swagger-ui-bundle.js": ("swagger", "text/javascript; charset=utf-8"),
    "/docs-assets/swagger-ui.css": ("swagger", "text/css; charset=utf-8"),
    "/docs-assets/redoc.standalone.js": ("redoc", "text/javascript; charset=utf-8"),
    "/redoc/logo-mini.svg": ("redoc", "image/svg+xml"),  # the place where the package's ReDoc looks for it
}
_PAGES = {"/docs": "swagger", "/redoc": "redoc"}

DOCS_PATHS = (*_PAGES, *_ASSETS)
"""Open without a key; `/openapi.json` is not among them."""

# Both libraries set styles from scripts; ReDoc searches in a worker made from a blob.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; worker-src blob:; base-uri 'none'; frame-ancestors 'self'"
)


@dataclass(frozen=True, slots=True)
class _Asset:
    body: bytes
    etag: str
    media_type: str


def add_docs(app: FastAPI) -> None:
    """Add the two pages, their files, and `/` as a way to `/docs` (unless the service has its own `/`)."""
    read: dict[str, _Asset] = {}

    async def page(request: Request) -> Response:
        text = await asyncio.to_thread((_OURS / "docs.html").read_text, "utf-8")
        ui = _PAGES["/" + request.scope["path"].rstrip("/").rpartition("/")[2]]
        body = Template(text).substitute(ui=ui, title=html.escape(f"{app.title} API"))
        return Response(
            body,
            media_type="text/html",
            headers={"Cache-Control": "no-cache", "Content-Security-Policy": _POLICY},
        )

    def asset(path: str) -> Any:
        async def send_asset(request: Request) -> Response:
            if path not in read:
                read[path] = await asyncio.to_thread(_read, path)
            found = read[path]
            headers = {"Cache-Control": "public, max-age=86400", "ETag": found.etag}
            if found.etag in request.headers.get("if-none-match", ""):
                return Response(status_code=304, headers=headers)
            return Response(found.body, media_type=found.media_type, headers=headers)

        return send_asset

    async def index(request: Request) -> Response:
        return RedirectResponse(f"{request.scope.get('root_path', '')}/docs")

    for path in _PAGES:
        app.add_route(path, page, include_in_schema=False)
    for path in _ASSETS:
        app.add_route(path, asset(path), include_in_schema=False)
    app.add_route("/", index, include_in_schema=False)


def _read(path: str) -> _Asset:
    folder, media_type = _ASSETS[path]
    body = ((_OURS if folder is None else _package_files() / folder) / path.rpartition("/")[2]).read_bytes()
    return _Asset(body, f'"{hashlib.sha256(body).hexdigest()[:16]}"', media_type)


def _package_files() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise BackendMissing(
            "The files of Swagger UI and ReDoc are not installed. Run `pip install fastapi-standalone-docs`."
        )
    return Path(spec.origin).parent / "static"
