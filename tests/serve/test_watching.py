"""Watching a real cluster: ids from HAProxy to the database; dashboard and alerts in a real Prometheus."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from deployments.client import Sensorium
from deployments.client.errors import RejectedRequest
from deployments.launch import dashboard
from deployments.launch.instance import free_port
from deployments.launch.token import headers as token_headers
from tests.serve.conftest import ROOT, Cluster

pytestmark = pytest.mark.timeout(600)  # the first test may have to start the cluster, and then waits for Ray's reports

SAMPLES = ROOT / "samples"
MONITORING = ROOT / "ray_configs" / "monitoring"
GPU_ONLY = {"ray_node_gpus_utilization", "ray_node_gram_used"}
"""Ray exports these only where there is a card."""
GPU_QUERIES = {*GPU_ONLY, 'sum by (State) (ray_resources{Name="GPU"})'}


def _load(client: httpx.Client) -> None:
    """A little of everything, errors included."""
    receipt, gate = (SAMPLES / "receipt.png").read_bytes(), (SAMPLES / "gate.wav").read_bytes()
    for _ in range(2):
        form = {"request_data": '{"language": "en"}'}
        assert client.post("/ocr/extract_text", data=form, files={"file": receipt}).status_code == 200
        assert client.post("/embedding/api/v1/embed", json={"text": "watched"}).status_code == 200
        assert client.post("/embedding/api/v1/embed", json={"text": ""}).status_code == 422
        assert client.post("/speech/transcribe", files={"file": gate}).status_code == 200
        picture = (SAMPLES / "container.png").read_bytes()
        assert client.post("/container-number/read", files={"files": picture}).json()["results"][0]["numbers"]
        assert client.get("/nothing").status_code == 404


# ---- metrics ---------------------------------------------------------------------------------------------------------


COUNTERS = {
    "pages": "sum(ray_sensorium_pages_total)",
    "sound": "sum(ray_sensorium_audio_seconds_total)",
    "numbers": "sum(ray_sensorium_container_numbers_total)",
    "refused": 'sum(ray_sensorium_http_requests_total{service="embedding",code="invalid_input"})',
    "answered": 'sum(ray_sensorium_http_requests_total{status="200"})',
}


@dataclass(frozen=True)
class Watched:
    """A Prometheus, and what `COUNTERS` grew by during the loads."""

    web: httpx.Client
    growth: dict[str, float]


@pytest.fixture(scope="module")
def watched(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Prometheus on the repository's own configuration, pointed at this cluster, and two loads within a minute."""
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed; Debian: apt-get install prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    config = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "2s", "evaluation_interval": "2s"}
    ray, haproxy = config["scrape_configs"]
    ray["file_sd_configs"][0]["files"] = [f"{cluster.instance.temp_dir}/prom_metrics_service_discovery.json"]
    secret = folder / "ray_token"
    secret.write_text(token_headers()["Authorization"].removeprefix("Bearer "))
    ray["http_sd_configs"][0]["url"] = f"{cluster.instance.dashboard_url}/api/prometheus/sd"
    ray["http_sd_configs"][0]["authorization"]["credentials_file"] = str(secret)
    haproxy["static_configs"][0]["targets"] = [f"127.0.0.1:{_metrics_port(cluster)}"]
    shutil.copy(MONITORING / "alerts.yml", folder)
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(config))
    port = free_port(19090)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["prometheus", f"--config.file={file}", f"--storage.tsdb.path={folder}/data", "--log.level=warn",
             f"--web.listen-address=127.0.0.1:{port}"],
            stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as web:
            _await(lambda: _up(web) >= 4, "Ray's three endpoints and HAProxy are scraped", folder / "log")
            start = {name: _value(web, query) for name, query in COUNTERS.items()}
            with httpx.Client(base_url=cluster.url, timeout=120) as client:
                for load in (1, 2):
                    _load(client)
                    goal = start["answered"] + 8 * load
                    _await(lambda goal=goal: _value(web, COUNTERS["answered"]) >= goal, "the load is counted")  # type: ignore[misc]
            time.sleep(5)  # the other processes' figures
            yield Watched(web, {name: _value(web, query) - start[name] for name, query in COUNTERS.items()})
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.system
@pytest.mark.parametrize("row", dashboard.ROWS)
def test_every_panel_shows_something(watched: Watched, row: str) -> None:
    """A query of a name or label that Prometheus does not have has no result; a rate of nothing has no number."""
    titles = {panel.title for panel in dashboard.ROWS[row]}
    empty = [
        query
        for panel in json.loads(dashboard.FILE.read_text())["panels"]
        if panel["title"] in titles and panel["type"] != "row"
        for query in (_filled_in(target["expr"]) for target in panel["targets"])
        if query not in GPU_QUERIES and not _finite(watched.web, query)
    ]
    assert not empty, empty


def test_what_only_a_gpu_shows_is_named_as_ray_names_it() -> None:
    """No card here: Ray's own list of what its agents export, in the installed version."""
    import ray.dashboard.modules.reporter as reporter
    from ray.dashboard.consts import GPU_TAG_KEYS

    text = Path(reporter.__path__[0], "reporter_agent.py").read_text()
    for name in GPU_ONLY:
        assert f'    "{name.removeprefix("ray_")}": Gauge(' in text
    assert {"ip", "GpuIndex"} <= set(GPU_TAG_KEYS)


@pytest.mark.system
def test_every_alert_asks_for_what_is_there(watched: Watched) -> None:
    """What stands before the threshold has a value now; only a store that fails has nothing to say."""
    rules = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"][0]["rules"]
    for rule in rules:
        query, threshold = re.fullmatch(r"(.*) ([<>] [0-9.]+)", " ".join(rule["expr"].split())).groups()  # type: ignore[union-attr]
        query = query.replace('code="store_unavailable"', 'code="invalid_input"').replace(
            'status=~"5.."', 'status="200"'
        )
        query = re.sub(r"\[\d+m\]", "[1m]", query)
        assert _finite(watched.web, query), f"{rule['alert']}: {query}"
        assert threshold
    state = watched.web.get("/api/v1/rules").json()["data"]["groups"][0]["rules"]
    assert {rule["name"]: rule["health"] for rule in state} == {rule["alert"]: "ok" for rule in rules}


@pytest.mark.system
def test_the_figures_are_those_of_the_load(watched: Watched) -> None:
    """Two loads of two rounds; a picture of a container asks OCR for more pages."""
    assert watched.growth["pages"] >= 8
    assert watched.growth["sound"] == pytest.approx(4 * 3.385, abs=0.1)
    assert watched.growth["numbers"] == 4
    assert watched.growth["refused"] == 4
    assert _value(watched.web, 'min(ray_sensorium_queue_limit{service="speech"})') == 3_600_000


def _filled_in(query: str) -> str:
    """As Grafana would with everything chosen; the window is a minute, as both loads lie in it."""
    return query.replace("$service", ".*").replace("$replica", ".*").replace("$__rate_interval", "1m")


def _query(web: httpx.Client, query: str) -> list[Any]:
    answer = web.get("/api/v1/query", params={"query": query}).json()
    assert answer["status"] == "success", answer
    result: list[Any] = answer["data"]["result"]
    return result


def _finite(web: httpx.Client, query: str) -> bool:
    return any(series["value"][1] not in ("NaN", "+Inf", "-Inf") for series in _query(web, query))


def _value(web: httpx.Client, query: str) -> float:
    result = _query(web, query)
    return float(result[0]["value"][1]) if result else 0.0


def _up(web: httpx.Client) -> float:
    try:
        return _value(web, "sum(up)")
    except httpx.TransportError:
        return 0.0


def _metrics_port(cluster: Cluster) -> int:
    """Of HAProxy, in the configuration that it runs on."""
    [config] = Path(cluster.instance.temp_dir, "h").glob("*/haproxy.cfg")
    found = re.search(r"frontend prometheus\n\s*bind 127\.0\.0\.1:(\d+)", config.read_text())
    assert found is not None
    return int(found[1])


# ---- request ids -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("own", ["gate-7:2026-11-21/0042", None, "x" * 129, "two words"])
def test_an_id_leads_from_haproxys_log_to_the_database(client: httpx.Client, cluster: Cluster, own: str | None) -> None:
    answer = client.post(
        "/ocr/extract_text",
        data={"request_data": '{"language": "en"}'},
        files={"file": (SAMPLES / "receipt.png").read_bytes()},
        headers={} if own is None else {"x-request-id": own},
    )
    request_id = answer.headers["x-request-id"]
    assert answer.json()["request_id"] == request_id
    assert (request_id == own) == (own == "gate-7:2026-11-21/0042")
    haproxy = _log_line(cluster, "haproxy.log", request_id)
    replica = _log_line(cluster, "access_ocr_*.log", request_id)
    assert haproxy["status"] == replica["status"] == 200
    assert haproxy["server"].rpartition("-")[2] in replica["file"], "HAProxy names another replica"
    assert haproxy["ms"] + 1 >= replica["ms"]
    with sqlite3.connect(cluster.home / "ocr.sqlite3") as database:
        rows = database.execute("SELECT id FROM ocr_executions WHERE request_id = ?", (request_id,)).fetchall()
    assert [uuid.UUID(row[0]) for row in rows] == [uuid.UUID(answer.json()["execution_id"])]


def test_a_line_break_in_an_id_goes_no_further(cluster: Cluster) -> None:
    """No HTTP library sends one: an obsolete folded header, which HAProxy turns into a space."""
    import socket

    with socket.create_connection((cluster.instance.host, cluster.instance.port), timeout=30) as raw:
        raw.sendall(b"GET /ocr/livez HTTP/1.1\r\nHost: x\r\nX-Request-ID: a\r\n b\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: raw.recv(65536), b"")).decode()
    ids = re.findall(r"(?im)^x-request-id: (.*)\r$", answer)
    assert len(ids) == 1
    assert re.fullmatch(r"[A-Za-z0-9-]{36}", ids[0])


def test_the_clients_errors_name_the_id_of_the_log(cluster: Cluster) -> None:
    with Sensorium(cluster.url) as sensorium, pytest.raises(RejectedRequest) as refused:
        sensorium.embedding.embed("")
    line = _log_line(cluster, "access_embedding_*.log", refused.value.request_id)
    assert line["error"] == "invalid_input"
    assert _log_line(cluster, "haproxy.log", refused.value.request_id)["status"] == 422


def test_an_answer_of_haproxy_itself_has_an_id_and_a_line(client: httpx.Client, cluster: Cluster) -> None:
    answer = client.get("/-/nothing-here", headers={"x-request-id": "lost-1"})
    assert answer.headers["x-request-id"] == "lost-1"
    assert _log_line(cluster, "haproxy.log", "lost-1")["status"] == answer.status_code


def _log_line(cluster: Cluster, files: str, request_id: str) -> dict[str, Any]:
    """The one line of a request, with the name of its file."""
    found: list[dict[str, Any]] = []

    def look() -> bool:
        logs = Path(cluster.instance.temp_dir, "session_latest", "logs", "serve").glob(files)
        found.extend(
            {**json.loads(text), "file": file.name}
            for file in logs
            for text in file.read_text().splitlines()
            if f'"request_id":"{request_id}"' in text.replace("\\/", "/")
        )
        return bool(found)

    _await(look, f"{request_id} in {files}")
    [line] = found
    return line


def _await(condition: Callable[[], bool], what: str, log: Path | None = None) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline, f"not within 90 s: {what}\n{log.read_text()[-2000:] if log else ''}"
        time.sleep(0.5)
