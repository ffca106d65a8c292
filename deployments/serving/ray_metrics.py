"""`Metrics` and `HttpMetrics` on `ray.util.metrics`.

A Ray metric costs 2-3 us a record, and a request made five of them on the event loop (11 us on 2 busy cores, beside
12 us a batch). Here it appends to a deque (0.05 us); a thread adds up what came in and records it four times a second:
counters and gauges once, histograms value by value.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from deployments.serving import metrics as names
from deployments.serving.batching import Batching

logger = logging.getLogger(__name__)

FLUSH_EVERY_S = 0.25
_Tags = tuple[tuple[str, str], ...]


class _Instruments:
    """Ray metrics of one replica by name; records what was noted since the last flush."""

    def __init__(self, tags: dict[str, str]) -> None:
        self._tags = tags
        self._by_name: dict[str, Any] = {}
        self._events: deque[tuple[str, float, _Tags | None]] = deque()
        self._gauges: dict[str, float] = {}
        self._flushing = threading.Lock()
        self._stopping = threading.Event()
        threading.Thread(
            target=_flush_until_gone, args=(weakref.ref(self), self._stopping), name="metrics", daemon=True
        ).start()

    def add(self, kind: str, name: str, text: str, labels: tuple[str, ...] = (), **rest: Any) -> None:
        """Make a metric; `kind` is `Counter`, `Gauge` or `Histogram`."""
        from ray.util import metrics

        metric = getattr(metrics, kind)(name, description=text, tag_keys=(*self._tags, *labels), **rest)
        self._by_name[name] = metric.set_default_tags(self._tags)

    def count(self, name: str, amount: float, tags: _Tags = ()) -> None:
        self._events.append((name, amount, tags))

    def observe(self, name: str, value: float) -> None:
        self._events.append((name, value, None))

    def set(self, name: str, value: float) -> None:
        self._gauges[name] = value

    def flush(self) -> None:
        """Record everything noted so far."""
        with self._flushing:
            sums: Counter[tuple[str, _Tags]] = Counter()
            for _ in range(len(self._events)):
                name, value, tags = self._events.popleft()
                if tags is None:
                    self._by_name[name].observe(value)
                else:
                    sums[name, tags] += value  # type: ignore[assignment]  # typeshed's Counter counts in int only
            for (name, tags), amount in sums.items():
                self._by_name[name].inc(amount, dict(tags))
            for name, value in self._gauges.copy().items():  # every time: the agent forgets a gauge that falls silent
                self._by_name[name].set(value)

    def close(self) -> None:
        """Record the rest and end the thread."""
        self._stopping.set()
        self.flush()


def _flush_until_gone(owner: Callable[[], _Instruments | None], stopping: threading.Event) -> None:
    while not stopping.wait(FLUSH_EVERY_S):
        instruments = owner()
        if instruments is None:
            return
        try:
            instruments.flush()
        except Exception:  # a figure that cannot be recorded must not end the rest
            logger.exception("metrics could not be recorded")
        del instruments


class RayMetrics:
    """The model's figures, labelled by service, backend and replica.

    Args:
        gpu_share: GPUs that Ray reserved for this replica.
    """

    def __init__(self, service: str, backend: str, replica: str, gpu_share: float = 0.0) -> None:
        own = self._instruments = _Instruments({"service": service, "backend": backend, "replica": replica})
        for name, text in names.CODED_COUNTERS.items():
            own.add("Counter", name, text, ("code",))
        for name, text in names.COUNTERS.items():
            own.add("Counter", name, text)
        for kind, text in names.WORK.items():
            own.add("Counter", f"sensorium_{kind}", text)
        for name, text in names.GAUGES.items():
            own.add("Gauge", name, text)
        for name, (text, bounds) in names.HISTOGRAMS.items():
            own.add("Histogram", name, text, boundaries=bounds)
        own.set("sensorium_gpu_share", gpu_share)
        self.state(0, 0, 0)

    def request(self, code: str, seconds: float) -> None:
        self._instruments.count("sensorium_requests", 1, (("code", code),))
        self._instruments.observe("sensorium_request_seconds", seconds)

    def queued(self, seconds: float) -> None:
        self._instruments.observe("sensorium_queue_seconds", seconds)

    def batch(self, size: int, cost: int, seconds: float, abandoned: int) -> None:
        own = self._instruments
        own.count("sensorium_units", size)
        if abandoned:
            own.count("sensorium_units_abandoned", abandoned)
        own.observe("sensorium_batch_size", size)
        own.observe("sensorium_batch_cost", cost)
        own.observe("sensorium_inference_seconds", seconds)

    def state(self, units: int, cost: int, ongoing: int) -> None:
        self._instruments.set("sensorium_queue_units", units)
        self._instruments.set("sensorium_queue_cost", cost)
        self._instruments.set("sensorium_ongoing", ongoing)

    def limits(self, batching: Batching) -> None:
        self._instruments.set("sensorium_queue_limit", batching.max_queued_cost)
        self._instruments.set("sensorium_batch_limit", batching.max_batch_size)
        self._instruments.set("sensorium_ongoing_limit", batching.max_requests)

    def work(self, kind: str, amount: float) -> None:
        if amount > 0:  # Ray refuses to count nothing
            self._instruments.count(f"sensorium_{kind}", amount)

    def close(self) -> None:
        """Record what is left."""
        self._instruments.close()


class RayHttpMetrics:
    """An HTTP face's figures, labelled by service and replica."""

    def __init__(self, service: str, replica: str) -> None:
        own = self._instruments = _Instruments({"service": service, "replica": replica})
        for name, text in names.HTTP_COUNTERS.items():
            own.add("Counter", name, text, ("status", "code"))
        for name, (text, bounds) in names.HTTP_HISTOGRAMS.items():
            own.add("Histogram", name, text, boundaries=bounds)

    def exchange(self, status: int, code: str, seconds: float) -> None:
        self._instruments.count("sensorium_http_requests", 1, (("status", str(status)), ("code", code)))
        self._instruments.observe("sensorium_http_seconds", seconds)

    def close(self) -> None:
        """Record what is left."""
        self._instruments.close()


def replica_name() -> str:
    """Serve's own short id of this replica, as its metrics and log files have it; empty outside of one."""
    from ray import serve
    from ray.serve.exceptions import RayServeException

    try:
        return str(serve.get_replica_context().replica_id.unique_id)
    except RayServeException:
        return ""


def gpu_share() -> float:
    """GPUs that Ray reserved for this process; 0 for none."""
    import ray

    resources: dict[str, float] = ray.get_runtime_context().get_assigned_resources()
    return float(resources.get("GPU", 0.0))
