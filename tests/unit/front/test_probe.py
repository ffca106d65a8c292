"""The probe against real services on real sockets."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from deployments.front.probe import HealthBoard, HttpProbe
from deployments.front.types import ServiceEntry
from deployments.web.health import Health
from tests.unit.front.stub import make_front
from tests.unit.web.conftest import Serve
from tests.unit.web.service import CARD, Source, make_app

SERVICE = ServiceEntry("sample", "Sample", "/sample")


def under(base_path: str, app: ASGIApp) -> ASGIApp:
    """Route as Ray Serve does."""

    async def routed(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["root_path"] = base_path
        await app(scope, receive, send)

    return routed


@pytest.fixture
async def probe_at() -> AsyncIterator[list[HttpProbe]]:
    probes: list[HttpProbe] = []
    yield probes
    for probe in probes:
        await probe.aclose()


async def test_a_ready_service(serve: Serve, probe_at: list[HttpProbe], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # not for this
    port = serve(under("/sample", make_app(api_keys=("k",))))
    probe_at.append(HttpProbe(f"http://127.0.0.1:{port}/"))
    report = await probe_at[0].look(SERVICE)
    assert (report.state, report.reason) == ("ready", "")
    assert report.health is not None
    assert report.health.model == CARD.model
    assert [backend.name for backend in report.health.backends] == ["openvino", "torch"]


async def test_a_service_that_says_it_is_not_ready(serve: Serve, probe_at: list[HttpProbe]) -> None:
    source = Source()
    source.answer = Health("loading", "warming up")
    port = serve(under("/sample", make_app(source=source)))
    probe_at.append(HttpProbe(f"http://127.0.0.1:{port}"))
    report = await probe_at[0].look(SERVICE)
    assert (report.state, report.reason) == ("loading", "warming up")


async def test_nothing_listens(probe_at: list[HttpProbe]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    probe_at.append(HttpProbe(f"http://127.0.0.1:{port}"))
    report = await probe_at[0].look(SERVICE)
    assert report.state == "unreachable"
    assert f"http://127.0.0.1:{port}/sample/health cannot be reached" in report.reason


async def test_a_service_that_hangs_is_given_up_and_does_not_hold_the_others(probe_at: list[HttpProbe]) -> None:
    """Ray Serve keeps a request waiting while an application has no replica."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        probe_at.append(HttpProbe(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout_s=0.2))
        began = time.monotonic()
        reports = await HealthBoard([SERVICE] * 5, probe_at[0]).look()
        assert time.monotonic() - began < 2
    assert [report.state for report in reports] == ["unreachable"] * 5
    assert "no answer within 0.2 s" in reports[0].reason


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b"hello"), (500, b"Internal Server Error"), (200, b'{"status": "splendid"}'), (200, b"\xff")],
)
async def test_an_answer_that_is_no_health_report(
    serve: Serve, probe_at: list[HttpProbe], status: int, body: bytes
) -> None:
    async def other(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for done in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{done}.complete"})
            return
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})

    port = serve(other)
    probe_at.append(HttpProbe(f"http://127.0.0.1:{port}"))
    report = await probe_at[0].look(SERVICE)
    assert report.state == "unreachable"
    assert f"answered {status} without a health report" in report.reason


async def test_a_service_that_is_not_deployed_meets_the_front_itself(serve: Serve, probe_at: list[HttpProbe]) -> None:
    port = serve(make_front())
    probe_at.append(HttpProbe(f"http://127.0.0.1:{port}"))
    report = await probe_at[0].look(ServiceEntry("ocr", "OCR", "/ocr"))
    assert report.state == "unreachable"
    assert "not running (yet)" in report.reason


async def test_a_visitor_who_leaves_does_not_stop_the_look_of_the_next(probe_at: list[HttpProbe], serve: Serve) -> None:
    port = serve(under("/sample", make_app()))
    probe_at.append(HttpProbe(f"http://127.0.0.1:{port}"))
    board = HealthBoard([SERVICE], probe_at[0])
    first = asyncio.create_task(board.look())
    second = asyncio.create_task(board.look())
    await asyncio.sleep(0)
    first.cancel()
    assert [report.state for report in await second] == ["ready"]
    with pytest.raises(asyncio.CancelledError):
        await first
