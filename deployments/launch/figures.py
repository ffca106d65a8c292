"""What the metrics say of some replicas between two scrapes: rates, percentiles, errors. Unknown is None, never 0."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

from deployments.launch.metrics_scrape import Scrape

#: Of `deployments.serving.metrics`, as Ray exposes them, and the memory of Ray's processes.
PREFIXES = ("ray_sensorium_", "ray_component_rss_bytes")
HTTP_REQUESTS = "ray_sensorium_http_requests_total"
HTTP_SECONDS = "ray_sensorium_http_seconds"
BATCH_SIZE = "ray_sensorium_batch_size"
QUEUE_UNITS = "ray_sensorium_queue_units"
ONGOING = "ray_sensorium_ongoing"
MEMORY = "ray_component_rss_bytes"


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one deployment's replicas together."""

    requests: int | None = None
    requests_per_s: float | None = None
    p50_s: float | None = None
    """Of HTTP requests, from the headers to the last byte, to within the histogram's bounds."""
    p95_s: float | None = None
    errors: dict[str, int] | None = field(default=None)
    """By code."""
    batch_mean: float | None = None
    """Units in a batch."""
    queue_units: float | None = None
    ongoing: float | None = None
    memory_bytes: float | None = None
    """Resident, of all replicas."""


def figures(
    now: Scrape, before: Scrape | None, replicas: Collection[str], component: str, seconds: float | None
) -> Figures:
    """From counters' growth since `before` (since each replica started, without it) and gauges as they are.

    Args:
        replicas: Serve's ids, the metrics' label `replica`.
        component: Ray's name of the replicas' processes, `ray::ServeReplica:<application>:<deployment>`.
        seconds: that the growth took; None if unknown.
    """
    requests = _growth(now, before, HTTP_REQUESTS, replicas, "code")
    total = None if requests is None else sum(requests.values())
    latency = _growth(now, before, f"{HTTP_SECONDS}_bucket", replicas, "le")
    batches = _growth(now, before, f"{BATCH_SIZE}_count", replicas, "")
    units = _growth(now, before, f"{BATCH_SIZE}_sum", replicas, "")
    mean = None
    if batches and units and sum(batches.values()) > 0:
        mean = sum(units.values()) / sum(batches.values())
    return Figures(
        requests=None if total is None else round(total),
        requests_per_s=total / seconds if total is not None and seconds else None,
        p50_s=quantile(latency or {}, 0.50),
        p95_s=quantile(latency or {}, 0.95),
        errors=None if requests is None else {code: round(n) for code, n in requests.items() if code != "ok" and n},
        batch_mean=mean,
        queue_units=_gauge(now, QUEUE_UNITS, replicas),
        ongoing=_gauge(now, ONGOING, replicas),
        memory_bytes=_memory(now, component),
    )


def quantile(buckets: dict[str, float], share: float) -> float | None:
    """A percentile out of cumulative histogram buckets, by linear interpolation within the bucket.

    As Prometheus' `histogram_quantile` does it (its documentation, "Query functions"): what lies above the highest
    finite bound counts as that bound.

    Args:
        buckets: upper bound (label `le`) -> observations up to it.
        share: 0.95 for the 95th percentile.
    """
    ordered = sorted((float(bound), count) for bound, count in buckets.items())
    if not ordered or ordered[-1][1] <= 0:
        return None
    rank = share * ordered[-1][1]
    lower, below = 0.0, 0.0
    for bound, count in ordered:
        if count >= rank:
            if math.isinf(bound):
                return lower
            return lower + (bound - lower) * (rank - below) / (count - below) if count > below else bound
        lower, below = bound, count
    return lower


def _growth(
    now: Scrape, before: Scrape | None, name: str, replicas: Collection[str], label: str
) -> dict[str, float] | None:
    """Sum over the replicas by `label`; None if no replica exposes the metric."""
    present = _by_series(now, name, replicas)
    if not present:
        return None
    past = _by_series(before, name, replicas) if before else {}
    grown: dict[str, float] = defaultdict(float)
    for series, value in present.items():
        grown[dict(series).get(label, "")] += max(0.0, value - past.get(series, 0.0))
    return dict(grown)


def _by_series(scrape: Scrape, name: str, replicas: Collection[str]) -> dict[frozenset[tuple[str, str]], float]:
    return {
        frozenset(labels.items()): value
        for labels, value in scrape.samples.get(name, [])
        if labels.get("replica") in replicas
    }


def _gauge(now: Scrape, name: str, replicas: Collection[str]) -> float | None:
    values = _by_series(now, name, replicas).values()
    return sum(values) if values else None


def _memory(now: Scrape, component: str) -> float | None:
    """Ray exposes one sample a node: the sum of the processes of that name."""
    nodes = [value for labels, value in now.samples.get(MEMORY, []) if labels.get("Component") == component]
    return sum(nodes) or None
