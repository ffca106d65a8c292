"""Request ids, the access log, and what happens when a client leaves: through raw ASGI where httpx cannot."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest
from fastapi import FastAPI

from deployments.web.access_log import LOGGER_NAME, attach_default_handler
from deployments.web.request_id import current_request_id
from tests.unit.web.conftest import Lines
from tests.unit.web.service import Journal, client_of, make_app


def scope_of(
    path: str, method: str = "GET", query: str = "", headers: tuple[tuple[bytes, bytes], ...] = ()
) -> dict[str, Any]:
    return {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": method,
        "scheme": "http", "path": path, "raw_path": b"", "root_path": "", "query_string": query.encode(),
        "headers": list(headers), "client": ("10.1.2.3", 5), "server": ("127.0.0.1", 80), "state": {},
    }  # fmt: skip


class Wire:
    """The server's side of one ASGI call."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self.incoming = list(messages)
        self.sent: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        if self.incoming:
            return self.incoming.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    async def send(self, message: Any) -> None:
        self.sent.append(message)


EMPTY = {"type": "http.request", "body": b"", "more_body": False}


async def call(app: FastAPI, scope: dict[str, Any], wire: Wire) -> None:
    await app(scope, wire.receive, wire.send)


@pytest.mark.parametrize("offered", ["a", "0f9b-4c", "trace:1/2.3@x=y~z+", "x" * 128])
async def test_a_fit_id_is_kept(offered: str) -> None:
    async with client_of(make_app()) as client:
        response = await client.get("/id", headers={"x-request-id": offered})
    assert response.headers.get_list("x-request-id") == [offered]
    assert response.json() == {"here": offered, "thread": offered}


@pytest.mark.parametrize(
    "offered", [b"", b"x" * 129, b"a b", b'"', b"\xff\xfe", "é".encode(), b"a\tb", b"{}", b"a\x00"]
)
async def test_any_other_is_replaced(offered: bytes) -> None:
    wire = Wire(EMPTY)
    await call(make_app(), scope_of("/id", headers=((b"x-request-id", offered),)), wire)
    [made] = [value for name, value in wire.sent[0]["headers"] if name == b"x-request-id"]
    assert len(made) == 32
    assert int(made, 16)
    assert json.loads(wire.sent[1]["body"])["here"] == made.decode()


async def test_ids_differ_and_do_not_leak() -> None:
    async with client_of(make_app()) as client:
        replies = await asyncio.gather(*(client.get("/id") for _ in range(50)))
    assert len({reply.json()["here"] for reply in replies}) == 50
    wire = Wire(EMPTY)
    await call(make_app(), scope_of("/id"), wire)
    assert current_request_id() == ""


async def test_a_response_object_that_is_sent_twice_gets_one_id_each() -> None:
    async with client_of(make_app()) as client:
        for _ in range(3):
            assert len((await client.get("/shared")).headers.get_list("x-request-id")) == 1


async def test_the_echo_can_be_left_to_ray_serve() -> None:
    async with client_of(make_app(echo_request_id=False)) as client:
        response = await client.get("/raise/NotFound", headers={"x-request-id": "r1"})
    assert "x-request-id" not in response.headers
    assert response.json()["error"]["request_id"] == "r1"


async def test_one_line_per_request(lines: Lines) -> None:
    async with client_of(make_app(api_keys=("secret-key",)), "/ocr") as client:
        headers = {"x-request-id": "r1", "x-api-key": "secret-key"}
        await client.post("/texts?token=hidden", json={"texts": ["private"]}, headers=headers)
        await client.get("/raise/Overloaded", headers=headers)
        await client.get("/id")
    ok, busy, refused = lines.read()
    assert list(ok) == [
        "time", "service", "method", "path", "status", "ms", "bytes_in", "bytes_out", "request_id", "error", "client"
    ]  # fmt: skip
    assert (ok["service"], ok["method"], ok["path"], ok["status"]) == ("sample", "POST", "/ocr/texts", 200)
    assert (ok["bytes_in"], ok["bytes_out"], ok["request_id"]) == (21, 11, "r1")
    assert ok["error"] is None
    assert 0 < ok["ms"] < 10_000
    assert ok["time"].endswith("+00:00")
    assert (busy["status"], busy["error"]) == (503, "overloaded")
    assert (refused["status"], refused["error"]) == (401, "unauthorized")
    for word in ("secret-key", "hidden", "private"):
        assert not any(word in line for line in lines.lines)


@pytest.mark.parametrize("path", ["/\ud800", "/a\nb\r{}", "/" + "p" * 100_000, "/한국"])
async def test_any_path_is_one_short_line(lines: Lines, path: str) -> None:
    wire = Wire(EMPTY)
    await call(make_app(), scope_of(path), wire)
    assert wire.sent[0]["status"] == 404
    [line] = lines.lines
    assert "\n" not in line
    assert len(line) < 1000
    assert json.loads(line)["path"] == path[:512]


async def test_the_log_can_be_off(lines: Lines) -> None:
    async with client_of(make_app(access_log=False)) as client:
        await client.get("/id")
    assert lines.lines == []


def test_the_default_handler_gives_way_to_a_configured_one(monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger(LOGGER_NAME)
    monkeypatch.setattr(logger, "propagate", False)  # pytest has handlers at the root
    monkeypatch.setattr(logger, "level", logger.level)
    monkeypatch.setattr(logger, "handlers", [])
    attach_default_handler()
    attach_default_handler()
    assert len(logger.handlers) == 1
    assert logger.getEffectiveLevel() == logging.INFO
    configured: list[logging.Handler] = [logging.NullHandler()]
    monkeypatch.setattr(logger, "handlers", list(configured))
    attach_default_handler()
    assert logger.handlers == configured


async def test_a_cancellation_passes_through_and_is_logged_as_499(lines: Lines) -> None:
    """What Ray Serve does to a replica when the client has left."""
    journal = Journal()
    wire = Wire(EMPTY)
    task = asyncio.create_task(
        call(make_app(journal, request_timeout_s=30), scope_of("/sleep", query="seconds=30"), wire)
    )
    while not journal.events:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()
    assert journal.events == ["called", "cancelled"]
    assert wire.sent == []
    [line] = lines.read()
    assert (line["status"], line["error"], line["client"]) == (499, "client_closed", "10.1.2.3")


async def test_a_client_that_leaves_during_its_upload(lines: Lines) -> None:
    wire = Wire({"type": "http.request", "body": b'{"te', "more_body": True}, {"type": "http.disconnect"})
    headers = ((b"content-type", b"application/json"),)
    await call(make_app(), scope_of("/texts", "POST", headers=headers), wire)
    [line] = lines.read()
    assert (line["status"], line["error"], line["bytes_in"]) == (499, "client_closed", 4)


async def test_a_client_that_leaves_during_a_stream(lines: Lines) -> None:
    journal = Journal()
    wire = Wire(EMPTY)

    async def receive() -> dict[str, Any]:
        if wire.incoming:
            return wire.incoming.pop(0)
        while len(wire.sent) < 3:
            await asyncio.sleep(0.001)
        return {"type": "http.disconnect"}

    await make_app(journal)(scope_of("/stream", query="parts=1000&pause_s=0.01"), receive, wire.send)
    assert journal.events == ["closed"]
    [line] = lines.read()
    assert line["status"] == 499
    assert 0 < line["bytes_out"] < 5000


async def test_websockets_are_refused() -> None:
    wire = Wire({"type": "websocket.connect"})
    await make_app(api_keys=("k",))(
        {"type": "websocket", "path": "/texts", "headers": [], "query_string": b""}, wire.receive, wire.send
    )
    assert [message["type"] for message in wire.sent] == ["websocket.close"]
