"""A small service with one route per way to answer or to fail, behind the real application factory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
from fastapi import APIRouter, FastAPI, File, Form, HTTPException, Request, UploadFile
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response, StreamingResponse

from deployments.serving import errors
from deployments.serving.engine import BackendStatus, ModelCard
from deployments.web.app import create_app
from deployments.web.health import Health
from deployments.web.request_id import current_request_id
from deployments.web.settings import WebSettings

CARD = ModelCard(
    model="all-MiniLM-L6-v2",
    backend="openvino",
    version="sha256:53aa51172d14",
    device="cpu",
    languages=("en",),
    backends=(BackendStatus("openvino", True, "all-MiniLM-L6-v2"), BackendStatus("torch", False, reason="no GPU")),
    notes={"dimensions": 384},
)


class Source:
    """A health source whose answer tests set."""

    def __init__(self) -> None:
        self.answer: Health | Exception = Health.of_card(CARD)

    def health(self) -> Health:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Texts(BaseModel):
    model_config = ConfigDict(extra="forbid")
    texts: list[str] = Field(min_length=1, max_length=3)
    threshold: float = Field(default=0.5, ge=0, le=1)


class Journal:
    """What handlers saw, so that tests can tell that they were cancelled or never called."""

    def __init__(self) -> None:
        self.events: list[str] = []


def working_routes(journal: Journal) -> APIRouter:
    router = APIRouter()

    @router.post("/texts")
    async def texts(body: Texts) -> dict[str, Any]:
        journal.events.append("called")
        return {"count": len(body.texts)}

    @router.post("/raw")
    async def raw(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    @router.post("/form")
    async def form(file: Annotated[UploadFile, File()], note: Annotated[str, Form()] = "") -> dict[str, int]:
        return {"file": len(await file.read()), "note": len(note)}

    @router.get("/id")
    async def own_id() -> dict[str, str]:
        in_thread = await asyncio.to_thread(current_request_id)
        return {"here": current_request_id(), "thread": in_thread}

    @router.get("/sleep")
    async def sleep(seconds: float) -> dict[str, float]:
        journal.events.append("called")
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            journal.events.append("cancelled")
            raise
        return {"slept": seconds}

    @router.get("/stream")
    async def stream(parts: int, pause_s: float = 0.0) -> Response:
        async def write() -> AsyncIterator[bytes]:
            try:
                for _ in range(parts):
                    yield b"part\n"
                    await asyncio.sleep(pause_s)
                journal.events.append("streamed")
            finally:
                journal.events.append("closed")

        return StreamingResponse(write(), media_type="text/plain")

    shared = Response(b"shared")

    @router.get("/shared")
    async def same_response() -> Response:
        return shared

    return router


def failing_routes() -> APIRouter:
    router = APIRouter()

    @router.get("/raise/{kind}")
    async def fail(kind: str, retry_after_s: float | None = None) -> None:
        details: dict[str, Any] = {} if retry_after_s is None else {"retry_after_s": retry_after_s}
        raise getattr(errors, kind)("wrong, do right", **details)

    @router.get("/awkward")
    async def awkward() -> None:
        raise errors.UnsupportedOption(
            "no language \ud800" + "x" * 5000,
            field="language",
            code="mine",
            score=float("nan"),
            big=10**30,
            asked="\udcff" + "y" * 10_000,
            available={"ko"},
            deep=[[[[[[[1]]]]]]],
            data=b"\xff",
        )

    @router.get("/crash")
    async def crash() -> None:
        raise ZeroDivisionError("secret of the inside")

    @router.get("/broken-stream")
    async def broken_stream(kind: str) -> Response:
        async def write() -> AsyncIterator[bytes]:
            yield b"part\n"
            raise ZeroDivisionError if kind == "ZeroDivisionError" else errors.EngineFailed("in the middle")

        return StreamingResponse(write(), media_type="text/plain")

    @router.get("/http/{status}")
    async def http(status: int) -> None:
        raise HTTPException(status, "as FastAPI says it", headers={"X-Kept": "yes"})

    @router.get("/own-timeout")
    async def own_timeout() -> None:
        raise TimeoutError("of the handler's own making")

    return router


def make_app(journal: Journal | None = None, source: Source | None = None, **settings: Any) -> FastAPI:
    return create_app(
        service="sample",
        title="Sample",
        version="1.2.3",
        routers=[working_routes(journal or Journal()), failing_routes()],
        health=source or Source(),
        settings=WebSettings(**settings),
    )


def client_of(app: FastAPI, root_path: str = "") -> httpx.AsyncClient:
    """As Ray Serve does it: `root_path` is part of the path too."""
    transport = httpx.ASGITransport(app, root_path=root_path)
    return httpx.AsyncClient(transport=transport, base_url=f"http://test{root_path}")


def checked(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The error of `response`, whose envelope and headers must be complete."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert list(response.json()) == ["error"]
    error: dict[str, Any] = response.json()["error"]
    assert error["code"] == code
    assert error["message"]
    assert error["request_id"] == response.headers["x-request-id"]
    assert error["type"] in {"invalid_request_error", "authentication_error", "permission_error", "server_error"}
    assert "param" in error
    return error
