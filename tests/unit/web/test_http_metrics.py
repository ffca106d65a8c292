"""What the web layer reports of each request: status, code and time; nothing of probes."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from deployments.web.app import create_app
from deployments.web.settings import WebSettings
from tests.unit.web.service import Journal, Source, working_routes


class Recorder:
    def __init__(self) -> None:
        self.seen: list[tuple[int, str]] = []

    def exchange(self, status: int, code: str, seconds: float) -> None:
        assert 0 <= seconds < 60
        self.seen.append((status, code))


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def client(recorder: Recorder) -> httpx.AsyncClient:
    app = create_app(
        service="small",
        title="Small",
        version="1",
        routers=[working_routes(Journal())],
        health=Source(),
        settings=WebSettings(api_keys=("right",), request_timeout_s=0.3),
        metrics=recorder,
    )
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test", headers={"x-api-key": "right"})


async def test_every_outcome_has_its_code(client: httpx.AsyncClient, recorder: Recorder) -> None:
    await client.post("/texts", json={"texts": ["a"]})
    await client.post("/texts", json={"texts": []})
    await client.get("/nowhere")
    await client.get("/id", headers={"x-api-key": "wrong"})
    await client.get("/sleep", params={"seconds": 5})
    assert recorder.seen == [
        (200, "ok"), (422, "invalid_input"), (404, "not_found"), (401, "unauthorized"), (504, "deadline_exceeded")
    ]  # fmt: skip


async def test_a_caller_that_left_is_counted_as_such(client: httpx.AsyncClient, recorder: Recorder) -> None:
    request = asyncio.create_task(client.get("/sleep", params={"seconds": 5}))
    await asyncio.sleep(0.1)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert recorder.seen == [(499, "client_closed")]


async def test_probes_and_docs_are_left_out(client: httpx.AsyncClient, recorder: Recorder) -> None:
    for path in ("/health", "/livez", "/readyz", "/docs", "/redoc"):
        assert (await client.get(path)).status_code == 200
    assert recorder.seen == []
