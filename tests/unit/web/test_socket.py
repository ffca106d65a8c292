"""The same app behind a real server and real sockets."""

from __future__ import annotations

import contextlib
import json
import socket
import time

import httpx
import pytest

from tests.unit.web.conftest import Lines, Serve, wait_for
from tests.unit.web.service import Journal, checked, make_app


def request_head(path: str, *headers: str) -> bytes:
    return "\r\n".join((f"POST {path} HTTP/1.1", "Host: test", *headers, "", "")).encode()


def read_response(connection: socket.socket) -> tuple[int, bytes]:
    """Status and body of one response with a Content-Length."""
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(65536)
        assert part, f"closed after {received!r}"
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(
        int(line.partition(b":")[2]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
    )
    while len(body) < length:
        body += connection.recv(65536)
    return int(head.split()[1]), body


def test_keep_alive_survives_every_kind_of_answer(serve: Serve) -> None:
    port = serve(make_app(max_body_bytes=1000, request_timeout_s=0.2))
    with httpx.Client(
        base_url=f"http://127.0.0.1:{port}", trust_env=False, limits=httpx.Limits(max_connections=1)
    ) as client:
        ports = set()
        for _ in range(2):
            checked(client.post("/raw", content=b"x" * 200_000), 413, "input_too_large")
            checked(client.get("/crash"), 500, "internal")
            checked(client.get("/sleep", params={"seconds": 5}), 504, "deadline_exceeded")
            checked(client.get("/nothing"), 404, "not_found")
            assert client.post("/raw", content=b"x" * 1000).json() == {"bytes": 1000}
            reply = client.get("/id")
            ports.add(reply.extensions["network_stream"].get_extra_info("client_addr"))
    assert len(ports) == 1


def test_a_declared_length_is_refused_before_the_body_arrives(serve: Serve) -> None:
    port = serve(make_app(max_body_bytes=1000))
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(request_head("/raw", "Content-Length: 5000000000"))
        status, body = read_response(connection)
    assert status == 413
    assert json.loads(body)["error"]["actual"] == 5_000_000_000


def test_an_endless_chunked_body_is_stopped_at_the_limit(serve: Serve, lines: Lines) -> None:
    port = serve(make_app(max_body_bytes=100_000))
    chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(request_head("/raw", "Transfer-Encoding: chunked"))
        for _ in range(8):  # 131,072 bytes, and no last chunk
            connection.sendall(chunk)
        status, body = read_response(connection)
    assert status == 413
    assert json.loads(body)["error"]["limit"] == 100_000
    wait_for(lambda: lines.lines)
    [line] = lines.read()
    assert line["status"] == 413
    assert 100_000 < line["bytes_in"] <= 131_072


def test_a_slow_body_meets_the_deadline(serve: Serve) -> None:
    port = serve(make_app(request_timeout_s=0.3))
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(request_head("/raw", "Content-Length: 100") + b"x")
        began = time.monotonic()
        status, body = read_response(connection)
        assert 0.2 < time.monotonic() - began < 3
    assert (status, json.loads(body)["error"]["code"]) == (504, "deadline_exceeded")


def test_clients_that_leave_do_no_harm(serve: Serve, lines: Lines) -> None:
    journal = Journal()
    port = serve(make_app(journal))
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(request_head("/texts", "Content-Type: application/json", "Content-Length: 100") + b'{"te')
    wait_for(lambda: lines.lines)
    with contextlib.closing(socket.create_connection(("127.0.0.1", port), timeout=5)) as connection:
        connection.sendall(b"GET /stream?parts=100000&pause_s=0.005 HTTP/1.1\r\nHost: test\r\n\r\n")
        assert connection.recv(1000)
    wait_for(lambda: len(lines.lines) == 2)
    assert [(line["status"], line["error"]) for line in lines.read()] == [(499, "client_closed")] * 2
    assert journal.events == ["closed"]
    assert httpx.get(f"http://127.0.0.1:{port}/livez", trust_env=False).status_code == 200


def test_a_stream_that_breaks_is_seen_as_broken(serve: Serve) -> None:
    port = serve(make_app())
    with httpx.Client(trust_env=False) as client, pytest.raises(httpx.RemoteProtocolError):
        client.get(f"http://127.0.0.1:{port}/broken-stream", params={"kind": "EngineFailed"})


def test_header_bytes_above_ascii(serve: Serve) -> None:
    port = serve(make_app(api_keys=("schlüssel",)))
    url = f"http://127.0.0.1:{port}/id"
    odd = [(b"x-request-id", b"\xff\xfe")]
    with httpx.Client(trust_env=False) as client:
        assert client.get(url, headers=[*odd, (b"x-api-key", "schlüssel".encode())]).status_code == 200
        checked(client.get(url, headers=[*odd, (b"authorization", b"Bearer \xff")]), 401, "unauthorized")
