"""What `sensorium status` makes of Serve's details and of Ray's metrics."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest
from rich.console import Console

from deployments.launch import metrics_scrape, pending, status, status_view
from deployments.launch.destination import Destination
from deployments.launch.figures import PREFIXES, figures, quantile
from deployments.launch.history import FileHistory
from deployments.launch.metrics_scrape import Scrape

FREE = {"CPU": 0.5, "GPU": 0.0}


def _exposed(replica: str, ok: int, refused: int, fast: int, slow: int) -> str:
    """One replica's metrics as Ray exposes them: `fast` requests below 10 ms, `slow` ones between 1 and 2.5 s."""
    labels = f'Component="core_worker",WorkerId="w",replica="{replica}",service="ocr"'
    both = fast + slow
    return f"""
# HELP ray_sensorium_http_requests_total HTTP requests ended
# TYPE ray_sensorium_http_requests_total counter
ray_sensorium_http_requests_total{{{labels},status="200",code="ok"}} {ok}
ray_sensorium_http_requests_total{{{labels},status="503",code="overloaded"}} {refused}
ray_sensorium_http_seconds_bucket{{{labels},le="0.005"}} 0
ray_sensorium_http_seconds_bucket{{{labels},le="0.01"}} {fast}
ray_sensorium_http_seconds_bucket{{{labels},le="1.0"}} {fast}
ray_sensorium_http_seconds_bucket{{{labels},le="2.5"}} {both}
ray_sensorium_http_seconds_bucket{{{labels},le="+Inf"}} {both}
ray_sensorium_batch_size_sum{{{labels},backend="b"}} 30
ray_sensorium_batch_size_count{{{labels},backend="b"}} 10
ray_sensorium_queue_units{{{labels},backend="b"}} 7
ray_component_rss_bytes{{Component="ray::ServeReplica:ocr:ocr",ip="10.0.0.1",pid=""}} 1048576000
ray_node_cpu_count{{ip="10.0.0.1"}} 2
"""


@pytest.fixture
def node() -> Iterator[tuple[str, list[str]]]:
    """A metrics endpoint, `host:port`, and the text that it gives."""
    texts = [""]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(texts[-1].encode())

        def log_message(self, *arguments: Any) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", texts
        server.shutdown()


def test_figures_are_what_was_counted_between_two_scrapes(node: tuple[str, list[str]]) -> None:
    address, texts = node
    texts.append(_exposed("r1", 10, 0, 10, 0) + _exposed("old", 99, 9, 0, 99))
    before = metrics_scrape.scrape([address], PREFIXES)
    texts.append(_exposed("r1", 110, 3, 100, 10) + _exposed("r2", 40, 0, 40, 0) + _exposed("old", 99, 9, 0, 99))
    now = metrics_scrape.scrape([address, "127.0.0.1:9"], PREFIXES)
    assert now.unreachable == ("127.0.0.1:9",)
    assert "ray_node_cpu_count" not in now.samples

    found = figures(now, before, {"r1", "r2"}, "ray::ServeReplica:ocr:ocr", 10)
    assert found.requests == 100 + 3 + 40
    assert found.requests_per_s == pytest.approx(14.3)
    assert found.errors == {"overloaded": 3}
    assert found.p50_s is not None
    assert 0.005 < found.p50_s < 0.01
    assert found.p95_s is not None
    assert 1 < found.p95_s < 2.5
    assert found.queue_units == 14, "of both replicas, but not of the one that has gone"
    assert found.batch_mean == 3
    assert found.memory_bytes is not None

    ever = figures(now, None, {"r1"}, "ray::ServeReplica:ocr:ocr", None)
    assert (ever.requests, ever.requests_per_s) == (113, None)


def test_what_is_not_measured_is_unknown_and_not_zero() -> None:
    found = figures(Scrape(0), None, {"r1"}, "ray::ServeReplica:ocr:ocr", 10)
    assert found == type(found)()
    assert set(asdict(found).values()) == {None}


@pytest.mark.parametrize(
    ("buckets", "share", "expected"),
    [
        ({"1.0": 10, "2.0": 20, "+Inf": 20}, 0.5, 1.0),
        ({"1.0": 10, "2.0": 20, "+Inf": 20}, 0.75, 1.5),
        ({"1.0": 0, "+Inf": 5}, 0.5, 1.0),
        ({"1.0": 0, "+Inf": 0}, 0.5, None),
        ({}, 0.5, None),
    ],
)
def test_percentiles_are_interpolated_as_prometheus_does(
    buckets: dict[str, float], share: float, expected: float | None
) -> None:
    assert quantile(buckets, share) == expected


@pytest.mark.parametrize(
    ("needs", "message", "expected"),
    [
        ({"GPU": 0.2, "CPU": 0.1}, "", "2 pending: each needs 0.2 GPU (0 free)"),
        ({"CPU": 0.4}, "", "2 starting"),
        ({"CPU": 0.4}, "has taken more than 30s to be scheduled.", "no single node has 0.4 CPU"),
    ],
)  # fmt: skip
def test_a_pending_replica_has_a_reason(needs: dict[str, float], message: str, expected: str) -> None:
    assert expected in pending.reason(2, {"required_resources": needs, "message": message}, FREE)
    assert pending.reason(0, {"required_resources": needs, "message": message}, FREE) == ""
    assert pending.reason(1, {"required_resources": {"GPU": 1}}, None) == "1 starting"


def test_the_table_shows_dashes_and_reasons(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    details = {
        "applications": {
            "ocr": {
                "name": "ocr",
                "status": "DEPLOYING",
                "deployments": {
                    "ocr": {
                        "name": "ocr",
                        "target_num_replicas": 2,
                        "required_resources": {"GPU": 1},
                        "replicas": [{"state": "RUNNING", "replica_id": "r1"}, {"state": "STARTING"}],
                    }
                },
            }
        }
    }
    monkeypatch.setattr(Destination, "details", lambda self: details)
    monkeypatch.setattr(pending, "free_resources", lambda url: FREE)
    report, _ = status.observe(Destination("http://127.0.0.1:9", FileHistory(tmp_path), None))
    assert not report.all_run
    console = Console(width=120)
    with console.capture() as captured:
        console.print(status_view.render(report))
    [line] = [line for line in captured.get().splitlines() if line.startswith("ocr ")]
    assert line.split() == ["ocr", "deploying", "1/2", "+1", "pending", "-", "-", "-", "-", "-", "-", "-"]
    assert "ocr: 1 pending: each needs 1 GPU (0 free)" in captured.get()
    assert report.as_json()["rows"][0]["figures"]["p95_s"] is None
