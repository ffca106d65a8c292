"""The front page, the metrics endpoint, and what `sensorium serve` says when something is wrong."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import httpx
import yaml

from deployments.launch import token
from tests.serve.conftest import Cluster, sensorium


def test_the_front_lists_services_and_health(client: httpx.Client) -> None:
    page = client.get("/", headers={"accept": "text/html"})
    assert "/ocr" in page.text
    assert "/embedding" in page.text
    health = client.get("/health").json()
    assert {service["name"]: service["status"] for service in health["services"]}["ocr"] == "ready"
    missing = client.get("/ocrx")
    assert missing.status_code == 404
    assert missing.json()["error"]["code"] == "not_found"


def test_every_service_has_health_docs_and_request_ids(client: httpx.Client) -> None:
    for base in ("/ocr", "/embedding"):
        assert client.get(f"{base}/health").json()["status"] == "ready"
        assert client.get(f"{base}/livez").status_code == 200
        assert client.get(f"{base}/readyz").status_code == 200
        for page in ("docs", "redoc"):
            assert client.get(f"{base}/{page}").status_code == 200
        assert client.get(f"{base}/openapi.json").json()["paths"]
        answer = client.get(f"{base}/nope", headers={"x-request-id": "mine-123"})
        assert answer.headers["x-request-id"] == "mine-123"
        assert answer.json()["error"]["request_id"] == "mine-123"


def test_metrics_reach_rays_prometheus_endpoint(client: httpx.Client, cluster: Cluster) -> None:
    client.post("/embedding/api/v1/embed", json={"text": "measured"})
    client.post("/embedding/api/v1/embed", json={"text": ""})
    targets = httpx.get(f"{cluster.instance.dashboard_url}/api/prometheus/sd", headers=token.headers()).json()[0][
        "targets"
    ]
    wanted = ("ray_sensorium_requests", "ray_sensorium_batch_size", "ray_sensorium_queue_seconds",
              "ray_sensorium_inference_seconds", "ray_sensorium_units", "ray_sensorium_batch_cost")  # fmt: skip
    deadline = time.monotonic() + 45
    text = ""
    while time.monotonic() < deadline and not all(name in text for name in wanted):
        text = "".join(httpx.get(f"http://{target}/metrics", timeout=10).text for target in targets)
        time.sleep(1)
    missing = [name for name in wanted if name not in text]
    assert not missing, missing
    assert 'service="embedding"' in text


def test_a_second_serve_takes_seconds(cluster: Cluster) -> None:
    began = time.monotonic()
    again = cluster.sensorium("serve", "--config", str(cluster.config), "--port", str(cluster.instance.port))
    assert again.returncode == 0, again.stderr
    assert time.monotonic() - began < 30
    assert "/embedding" in again.stdout
    assert "curl" in again.stdout
    assert cluster.sensorium("status").returncode == 0


def test_another_port_while_running_is_refused(cluster: Cluster) -> None:
    result = cluster.sensorium("serve", "--config", str(cluster.config), "--port", str(cluster.instance.port + 1))
    assert result.returncode == 1
    assert "already running" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_taken_port_and_a_missing_file_are_one_clear_message(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = sensorium("serve", "--port", str(port), home=tmp_path)
    assert result.returncode == 1
    assert f"port {port} on 127.0.0.1 is taken" in result.stderr
    assert "PORT=" in result.stderr
    result = sensorium("serve", "--config", "nowhere.yaml", home=tmp_path)
    assert result.returncode == 1
    assert "cannot read nowhere.yaml" in result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_a_service_that_cannot_load_is_named_with_its_reason(cluster: Cluster) -> None:
    """On the running cluster: a second echo that names a folder which is not there."""
    config = yaml.safe_load(cluster.config.read_text())
    config["applications"].append(
        {
            "name": "broken",
            "route_prefix": "/broken",
            "import_path": "tests.serve.echo_app:echo",
            "args": {"fail_to_load": True},
            "deployments": [{"name": "echo", "ray_actor_options": {"num_cpus": 0.1}}],
        }
    )
    file = cluster.home / "broken.yaml"
    file.write_text(yaml.safe_dump(config))
    result = cluster.sensorium("serve", "--config", str(file), "--port", str(cluster.instance.port))
    restored = cluster.sensorium("serve", "--config", str(cluster.config), "--port", str(cluster.instance.port))
    assert result.returncode == 1
    assert "broken: weights_missing: no model folder at /no/such/model" in result.stderr
    assert "Traceback" not in result.stderr
    assert restored.returncode == 0, restored.stderr
