"""`python -m deployments.launch.dashboard`: write the Grafana dashboard from the panels named here.

Grafana's JSON is mostly places and defaults; what a reader wants to see is below. A test evaluates every query in a
real Prometheus that scrapes a real cluster, and another fails if the file is not what this module writes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[2] / "ray_configs/monitoring/grafana/dashboards/sensorium.json"

_OURS = 'service=~"$service",replica=~"$replica"'
_LISTED = "ray_sensorium_http_requests_total"
_RATE = "[$__rate_interval]"


@dataclass(frozen=True, slots=True)
class Panel:
    """One graph: queries with their legends, the unit of its axis, what it says."""

    title: str
    unit: str
    text: str
    queries: tuple[tuple[str, str], ...]
    at_most: float | None = None
    """Top of the axis, for shares."""


def rate(name: str, by: str, more: str = "") -> str:
    """Per second, summed over all labels but `by`."""
    return f"sum by ({by}) (rate(ray_sensorium_{name}{{{_OURS}{more}}}{_RATE}))"


def quantile(share: float, name: str) -> str:
    """A quantile of a histogram, by service."""
    return f"histogram_quantile({share}, {rate(f'{name}_bucket', 'le, service')})"


def mean(name: str) -> str:
    """Mean of a histogram's observations, by service."""
    return f"{rate(f'{name}_sum', 'service')} / ({rate(f'{name}_count', 'service')} > 0)"


def gauge(name: str) -> str:
    """Gauges of the chosen replicas."""
    return f"ray_sensorium_{name}{{{_OURS}}}"


def fill(now: str, limit: str) -> str:
    """The fullest replica of each service, as a share of the limit."""
    return f"max by (service) ({gauge(now)} / {gauge(limit)})"


def work(name: str, legend: str) -> tuple[str, str]:
    return f"sum(rate(ray_sensorium_{name}_total{{{_OURS}}}{_RATE}))", legend


_ALL = rate("http_requests_total", "service")
_FAILED = rate("http_requests_total", "service", ',status=~"5.."')

ROWS: dict[str, tuple[Panel, ...]] = {
    "Requests": (
        Panel("Requests", "reqps", "HTTP requests that ended, health and docs left out.",
              ((rate("http_requests_total", "service"), "{{service}}"),)),
        Panel("Errors by code", "reqps", "Requests whose answer was an error; docs/architecture.md lists the codes.",
              ((rate("http_requests_total", "service, code", ',code!="ok"'), "{{service}} {{code}}"),)),
        Panel("Share of 5xx", "percentunit", "Of all requests. The alert is at 5 %.",
              ((f"({_FAILED} or 0 * {_ALL}) / {_ALL}", "{{service}}"),), 1),
        Panel("HAProxy's answers", "reqps", "What clients saw, also when no replica could answer.",
              ((f'sum by (proxy, code) (rate(haproxy_backend_http_responses_total{{proxy=~"http-.*"}}{_RATE}))',
                "{{proxy}} {{code}}"),)),
    ),
    "Latency": (
        Panel("Latency percentiles", "s", "An HTTP request in its replica.",
              tuple((quantile(p / 100, "http_seconds"), f"{{{{service}}}} p{p}") for p in (50, 95, 99))),
        Panel("Waiting for a batch, p95", "s", "From the queue to the model.",
              ((quantile(0.95, "queue_seconds"), "{{service}}"),)),
        Panel("One batch in the model, p95", "s", "", ((quantile(0.95, "inference_seconds"), "{{service}}"),)),
    ),
    "Batches": (
        Panel("Units in a batch, mean", "short", "Pages, texts, chunks of speech, crops.",
              ((mean("batch_size"), "{{service}}"),)),
        Panel("Batch fill", "percentunit", "Mean size of a batch as a share of max_batch_size.",
              ((f"{mean('batch_size')} / max by (service) ({gauge('batch_limit')})", "{{service}}"),), 1),
        Panel("Model busy", "percentunit", "Share of the time that a model runs; near 1 it needs another replica.",
              ((rate("inference_seconds_sum", "service, replica"), "{{service}} {{replica}}"),), 1),
    ),
    "Queue": (
        Panel("Units waiting", "short", "", ((f"sum by (service) ({gauge('queue_units')})", "{{service}}"),)),
        Panel("Queue fill", "percentunit", "Cost that waits, of max_queued_cost: beyond it requests get a 503.",
              ((fill("queue_cost", "queue_limit"), "{{service}}"),), 1),
        Panel("Requests inside", "percentunit", "Of max_requests: beyond it requests get a 503.",
              ((fill("ongoing", "ongoing_limit"), "{{service}}"),), 1),
    ),
    "Replicas": (
        Panel("Replicas", "short", "Healthy ones, and how many there should be.",
              (("sum by (application, deployment) (ray_serve_deployment_replica_healthy)", "{{deployment}}"),
               ("max by (application, deployment) (ray_serve_autoscaling_target_replicas)", "{{deployment}} target"))),
        Panel("HAProxy: servers up", "short", "0: the service answers 503.",
              (('haproxy_backend_active_servers{proxy=~"http-.*"}', "{{proxy}}"),)),
        Panel("GPU share", "short", "GPUs that Ray reserved for each service; below, those of the cluster.",
              ((f"sum by (service) ({gauge('gpu_share')})", "{{service}}"),
               ('sum by (State) (ray_resources{Name="GPU"})', "cluster {{State}}"))),
        Panel("GPU in use", "percent", "", (("ray_node_gpus_utilization", "{{ip}} {{GpuIndex}}"),)),
        Panel("GPU memory in use", "mbytes", "", (("ray_node_gram_used", "{{ip}} {{GpuIndex}}"),)),
        Panel("Memory by process", "bytes", "Resident; a service is a ServeReplica.",
              (("sum by (Component) (ray_component_rss_bytes)", "{{Component}}"),)),
        Panel("Nodes: CPU and disk", "percent", "In use.",
              (("ray_node_cpu_utilization", "{{ip}} CPU"), ("ray_node_disk_utilization_percentage", "{{ip}} disk"))),
    ),
    "Work": (
        Panel("Pages", "cps", "Pages OCR read a second, and lines of text.",
              (work("pages", "pages"), work("text_boxes", "lines"))),
        Panel("Tokens", "cps", "Tokens the embedding model read a second.", (work("tokens", "tokens"),)),
        Panel("Sound", "short", "Seconds of sound transcribed a second.", (work("audio_seconds", "sound"),)),
        Panel("Container numbers", "cps", "A second, and the crops they were read from.",
              (work("container_numbers", "numbers"), work("crops", "crops"))),
    ),
}  # fmt: skip
_COLUMNS = 3


def dashboard() -> dict[str, Any]:
    """Grafana's JSON model (its documentation: "Dashboard JSON model"), schema version 39: Grafana 10.4 and later."""
    panels: list[dict[str, Any]] = []
    top = 0
    for row, members in ROWS.items():
        panels.append({"type": "row", "title": row, "gridPos": {"x": 0, "y": top, "w": 24, "h": 1}, "panels": []})
        top += 1
        for place, panel in enumerate(members):
            x, line = place % _COLUMNS * 8, place // _COLUMNS
            panels.append(_graph(panel, {"x": x, "y": top + 8 * line, "w": 8, "h": 8}))
        top += 8 * -(-len(members) // _COLUMNS)
    for number, panel_json in enumerate(panels, 1):
        panel_json["id"] = number
    return {
        "uid": "sensorium",
        "title": "Sensorium",
        "tags": ["sensorium", "ray"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {
            "list": [
                _variable("datasource", {"type": "datasource", "query": "prometheus", "label": "Prometheus"}),
                _query_variable("service", f"label_values({_LISTED}, service)"),
                _query_variable("replica", f'label_values({_LISTED}{{service=~"$service"}}, replica)'),
            ]
        },
        "panels": panels,
    }


def _graph(panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0, "custom": {"fillOpacity": 10, "showPoints": "never"}}
    if panel.at_most is not None:
        defaults["max"] = panel.at_most
    return {
        "type": "timeseries",
        "title": panel.title,
        "description": panel.text,
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "gridPos": place,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [
            {"refId": chr(ord("A") + number), "expr": query, "legendFormat": legend}
            for number, (query, legend) in enumerate(panel.queries)
        ],
    }


def _variable(name: str, rest: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "hide": 0, **rest}


def _query_variable(name: str, query: str) -> dict[str, Any]:
    rest = {"type": "query", "query": {"query": query, "refId": name}, "definition": query, "refresh": 2, "sort": 1}
    source = {"type": "prometheus", "uid": "${datasource}"}
    every = {"includeAll": True, "multi": True, "allValue": ".*", "current": {"text": "All", "value": "$__all"}}
    return _variable(name, {**rest, "datasource": source, **every})


def text() -> str:
    """The file's content."""
    return json.dumps(dashboard(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
    print(FILE)
