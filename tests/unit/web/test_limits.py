from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from tests.unit.web.service import Journal, checked, client_of, make_app

PART = b'--b\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\n'


async def chunks(count: int, size: int, start: bytes = b"") -> AsyncIterator[bytes]:
    if start:
        yield start
    for _ in range(count):
        yield b"x" * size


async def test_a_body_at_the_limit_passes() -> None:
    async with client_of(make_app(max_body_bytes=1000)) as client:
        assert (await client.post("/raw", content=b"x" * 1000)).json() == {"bytes": 1000}
        assert (await client.post("/raw", content=chunks(10, 100))).json() == {"bytes": 1000}


async def test_a_declared_body_over_the_limit_is_refused_unread() -> None:
    read: list[int] = []

    async def body() -> AsyncIterator[bytes]:
        read.append(1)
        yield b"x"

    async with client_of(make_app(max_body_bytes=1000)) as client:
        response = await client.post("/raw", content=body(), headers={"content-length": "1001"})
    error = checked(response, 413, "input_too_large")
    assert (error["limit"], error["actual"], error["unit"]) == (1000, 1001, "bytes")
    assert not read


@pytest.mark.parametrize("length", [b"-1", b"1_001", b"\xff", b"", "١٢".encode(), b"10"])
@pytest.mark.parametrize("path", ["/raw", "/texts", "/form"])
async def test_a_body_is_counted_whatever_it_declares(length: bytes, path: str) -> None:
    kind = "multipart/form-data; boundary=b" if path == "/form" else "application/json"
    async with client_of(make_app(max_body_bytes=1000)) as client:
        headers = {b"content-length": length, b"content-type": kind.encode()}
        response = await client.post(path, content=chunks(11, 100, PART if path == "/form" else b""), headers=headers)
    assert checked(response, 413, "input_too_large")["limit"] == 1000


async def test_a_digit_bomb_as_length_is_refused_cheaply() -> None:
    async with client_of(make_app()) as client:
        response = await client.post("/raw", content=chunks(1, 1), headers={"content-length": "9" * 10_000})
    checked(response, 413, "input_too_large")


async def test_form_fields_are_bounded_by_the_body_only() -> None:
    """Starlette's own limit of 1 MiB for a field would refuse an image in base64."""
    async with client_of(make_app()) as client:
        response = await client.post("/form", data={"note": "n" * 3_000_000}, files={"file": b"f" * 2_000_000})
    assert response.json() == {"file": 2_000_000, "note": 3_000_000}


async def test_the_deadline_cancels_the_handler() -> None:
    journal = Journal()
    async with client_of(make_app(journal, request_timeout_s=0.05)) as client:
        began = time.perf_counter()
        response = await client.get("/sleep", params={"seconds": 30})
    error = checked(response, 504, "deadline_exceeded")
    assert error["timeout_s"] == 0.05
    assert time.perf_counter() - began < 2
    assert journal.events == ["called", "cancelled"]


async def test_the_deadline_covers_a_slow_upload() -> None:
    async def trickle() -> AsyncIterator[bytes]:
        while True:
            yield b"x"
            await asyncio.sleep(0.01)

    async with client_of(make_app(request_timeout_s=0.1)) as client:
        response = await client.post("/raw", content=trickle())
    checked(response, 504, "deadline_exceeded")


async def test_the_deadline_ends_where_the_response_starts() -> None:
    journal = Journal()
    async with client_of(make_app(journal, request_timeout_s=0.1)) as client:
        response = await client.get("/stream", params={"parts": 4, "pause_s": 0.08})
    assert response.text == "part\n" * 4
    assert journal.events == ["streamed", "closed"]


async def test_a_timeout_of_the_handler_s_own_is_not_the_deadline() -> None:
    async with client_of(make_app(request_timeout_s=30)) as client:
        checked(await client.get("/own-timeout"), 500, "internal")


async def test_no_deadline() -> None:
    async with client_of(make_app(request_timeout_s=None)) as client:
        assert (await client.get("/sleep", params={"seconds": 0.01})).status_code == 200
