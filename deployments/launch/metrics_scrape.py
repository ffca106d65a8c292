"""Read the Prometheus endpoints of a Ray cluster: each node's, found through the dashboard as Prometheus finds them."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx

from deployments.launch import token

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Scrape:
    """Samples of one moment, of the metrics that were asked for."""

    time: float
    """Seconds since the epoch."""
    samples: Mapping[str, list[tuple[Labels, float]]] = field(default_factory=dict)
    """By name, as exposed (`ray_sensorium_http_requests_total`)."""
    unreachable: tuple[str, ...] = ()
    """Endpoints that did not answer, `host:port`."""


def targets(dashboard_url: str) -> list[str]:
    """Endpoints as `host:port`; none where the dashboard does not tell."""
    try:
        answer = httpx.get(f"{dashboard_url}/api/prometheus/sd", headers=token.headers(), timeout=10)
        groups = answer.json() if answer.status_code == httpx.codes.OK else []
    except (httpx.TransportError, ValueError):
        return []
    return [target for group in groups for target in group["targets"]]


def scrape(endpoints: Iterable[str], prefixes: tuple[str, ...], timeout_s: float = 5) -> Scrape:
    """All endpoints at once; one that does not answer is named in the result.

    Args:
        prefixes: of the metrics' names; the rest, most of a megabyte a node, is not parsed.
    """
    endpoints = list(endpoints)
    with ThreadPoolExecutor(max(1, min(32, len(endpoints)))) as pool:
        texts = list(pool.map(lambda endpoint: _text(endpoint, timeout_s), endpoints))
    samples: dict[str, list[tuple[Labels, float]]] = defaultdict(list)
    for text in texts:
        for name, labels, value in parse(text or "", prefixes):
            samples[name].append((labels, value))
    unreachable = tuple(endpoint for endpoint, text in zip(endpoints, texts, strict=True) if text is None)
    return Scrape(time.time(), dict(samples), unreachable)


def parse(text: str, prefixes: tuple[str, ...]) -> list[tuple[str, Labels, float]]:
    """(name, labels, value) of the text format's samples whose names begin with one of `prefixes`."""
    from prometheus_client.parser import text_string_to_metric_families

    wanted = "".join(f"{line}\n" for line in text.splitlines() if line.startswith(prefixes))
    return [
        (sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(wanted)
        for sample in family.samples
    ]


def _text(endpoint: str, timeout_s: float) -> str | None:
    try:
        answer = httpx.get(f"http://{endpoint}/metrics", timeout=timeout_s)
    except httpx.TransportError:
        return None
    return answer.text if answer.status_code == httpx.codes.OK else None
