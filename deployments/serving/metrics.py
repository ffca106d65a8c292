"""The metrics of every service, named once. `Metrics` is what the runner reports to; `RayMetrics` sends it to
Ray's Prometheus endpoint (where every name gets the prefix `ray_`)."""

from __future__ import annotations

from typing import Protocol

SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0]
SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256]
COSTS = [float(4**power) for power in range(2, 15)]


class Metrics(Protocol):
    """One replica's figures. Called from the event loop, except `batch`, which the engine thread calls."""

    def request(self, code: str, seconds: float) -> None:
        """A request ended: `ok`, an error's code, or `cancelled`."""

    def queued(self, seconds: float) -> None:
        """The first unit of a request waited this long for its batch."""

    def batch(self, size: int, cost: int, seconds: float, abandoned: int) -> None:
        """The model ran once; `abandoned` units were computed for callers that had left by its end."""

    def depth(self, units: int, cost: int) -> None:
        """What waits now."""


class NoMetrics:
    """For unit tests and bulk work."""

    def request(self, code: str, seconds: float) -> None: ...
    def queued(self, seconds: float) -> None: ...
    def batch(self, size: int, cost: int, seconds: float, abandoned: int) -> None: ...
    def depth(self, units: int, cost: int) -> None: ...


class RayMetrics:
    """Counters, gauges and histograms of `ray.util.metrics`, labelled by service and backend."""

    def __init__(self, service: str, backend: str) -> None:
        from ray.util.metrics import Counter, Gauge, Histogram

        keys = ("service", "backend")
        tags = {"service": service, "backend": backend}

        def histogram(name: str, text: str, bounds: list[float]) -> Histogram:
            metric = Histogram(name, description=text, boundaries=bounds, tag_keys=keys)
            metric.set_default_tags(tags)
            return metric

        self._requests = Counter(
            "sensorium_requests", description="Requests ended, by outcome.", tag_keys=(*keys, "code")
        )
        self._errors = Counter(
            "sensorium_errors", description="Requests that failed, by error code.", tag_keys=(*keys, "code")
        )
        self._units = Counter("sensorium_units", description="Units the model computed.", tag_keys=keys)
        self._abandoned = Counter(
            "sensorium_units_abandoned", description="Units computed for callers that had left.", tag_keys=keys
        )
        self._queue_units = Gauge("sensorium_queue_units", description="Units waiting for a batch.", tag_keys=keys)
        self._queue_cost = Gauge("sensorium_queue_cost", description="Sum of their costs.", tag_keys=keys)
        for labelled in (self._requests, self._errors, self._units, self._abandoned):
            labelled.set_default_tags(tags)
        for gauge in (self._queue_units, self._queue_cost):
            gauge.set_default_tags(tags)
        self._request_seconds = histogram("sensorium_request_seconds", "A request in the replica.", SECONDS)
        self._queue_seconds = histogram("sensorium_queue_seconds", "Waiting for a batch.", SECONDS)
        self._inference_seconds = histogram("sensorium_inference_seconds", "One batch in the model.", SECONDS)
        self._batch_size = histogram("sensorium_batch_size", "Units in a batch.", [float(size) for size in SIZES])
        self._batch_cost = histogram("sensorium_batch_cost", "Cost of a batch (pixels, tokens, ms).", COSTS)

    def request(self, code: str, seconds: float) -> None:
        self._requests.inc(1, {"code": code})
        if code != "ok":
            self._errors.inc(1, {"code": code})
        self._request_seconds.observe(seconds)

    def queued(self, seconds: float) -> None:
        self._queue_seconds.observe(seconds)

    def batch(self, size: int, cost: int, seconds: float, abandoned: int) -> None:
        self._units.inc(size)
        if abandoned:
            self._abandoned.inc(abandoned)
        self._batch_size.observe(size)
        self._batch_cost.observe(cost)
        self._inference_seconds.observe(seconds)

    def depth(self, units: int, cost: int) -> None:
        self._queue_units.set(units)
        self._queue_cost.set(cost)
