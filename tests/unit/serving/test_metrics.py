"""What the runner reports, and how it is gathered before Ray hears of it. No Ray runs here."""

from __future__ import annotations

import time
from typing import Any

import pytest

from deployments.serving import ray_metrics
from deployments.serving.batching import Batching
from deployments.serving.metrics import WORK
from deployments.serving.ray_metrics import RayHttpMetrics, RayMetrics


class Instrument:
    """Stands where Ray's Counter, Gauge and Histogram stand, which need a running cluster."""

    made: dict[str, Instrument]

    def __init__(self, name: str, description: str, tag_keys: tuple[str, ...], boundaries: Any = None) -> None:
        assert description
        self.tag_keys = tag_keys
        self.calls: list[tuple[float, dict[str, str] | None]] = []
        Instrument.made[name] = self

    def set_default_tags(self, tags: dict[str, str]) -> Instrument:
        assert set(tags) <= set(self.tag_keys)
        return self

    def inc(self, value: float, tags: dict[str, str] | None = None) -> None:
        assert value > 0
        self.calls.append((value, tags or None))

    def observe(self, value: float) -> None:
        self.calls.append((value, None))

    set = observe


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> dict[str, Instrument]:
    for kind in ("Counter", "Gauge", "Histogram"):
        monkeypatch.setattr(f"ray.util.metrics.{kind}", Instrument)
    monkeypatch.setattr(ray_metrics, "FLUSH_EVERY_S", 3600)
    Instrument.made = {}
    return Instrument.made


def test_counts_are_added_up_and_times_are_kept_one_by_one(made: dict[str, Instrument]) -> None:
    metrics = RayMetrics("ocr", "rapidocr", "abc")
    for seconds in (0.1, 0.2, 0.3):
        metrics.request("ok", seconds)
    metrics.request("overloaded", 0.0)
    metrics.batch(3, 900, 0.5, 0)
    metrics.batch(2, 600, 0.4, 1)
    assert not made["sensorium_requests"].calls
    metrics.close()
    assert made["sensorium_requests"].calls == [(3, {"code": "ok"}), (1, {"code": "overloaded"})]
    assert [value for value, _ in made["sensorium_request_seconds"].calls] == [0.1, 0.2, 0.3, 0.0]
    assert made["sensorium_units"].calls == [(5, None)]
    assert made["sensorium_units_abandoned"].calls == [(1, None)]
    assert [value for value, _ in made["sensorium_batch_cost"].calls] == [900, 600]


def test_gauges_say_the_latest_state_and_the_limits(made: dict[str, Instrument]) -> None:
    metrics = RayMetrics("embedding", "openvino", "abc", gpu_share=0.25)
    metrics.limits(Batching(max_batch_size=64, max_queued_cost=2000, max_requests=10))
    for waiting in (1, 2, 3):
        metrics.state(waiting, 100 * waiting, 4)
    metrics.close()
    latest = {name: made[f"sensorium_{name}"].calls for name in ("queue_units", "queue_cost", "ongoing", "gpu_share")}
    assert latest == {
        "queue_units": [(3, None)], "queue_cost": [(300, None)], "ongoing": [(4, None)], "gpu_share": [(0.25, None)]
    }  # fmt: skip
    assert made["sensorium_batch_limit"].calls == [(64, None)]
    assert made["sensorium_queue_limit"].calls == [(2000, None)]
    assert made["sensorium_ongoing_limit"].calls == [(10, None)]


def test_work_of_nothing_is_not_counted(made: dict[str, Instrument]) -> None:
    metrics = RayMetrics("ocr", "rapidocr", "abc")
    metrics.work("text_boxes", 0)
    metrics.work("pages", 2)
    metrics.work("pages", 1)
    metrics.close()
    assert made["sensorium_pages"].calls == [(3, None)]
    assert not made["sensorium_text_boxes"].calls
    assert {f"sensorium_{kind}" for kind in WORK} <= set(made)


def test_http_requests_carry_status_and_code(made: dict[str, Instrument]) -> None:
    metrics = RayHttpMetrics("ocr", "abc")
    metrics.exchange(200, "ok", 0.1)
    metrics.exchange(422, "invalid_input", 0.2)
    metrics.exchange(200, "ok", 0.3)
    metrics.close()
    assert made["sensorium_http_requests"].calls == [
        (2, {"status": "200", "code": "ok"}),
        (1, {"status": "422", "code": "invalid_input"}),
    ]


def test_a_thread_records_by_itself_and_survives_a_failure(
    made: dict[str, Instrument], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ray_metrics, "FLUSH_EVERY_S", 0.01)
    metrics = RayHttpMetrics("ocr", "abc")

    def refuse(value: float) -> None:
        raise RuntimeError("Ray has gone")

    monkeypatch.setattr(made["sensorium_http_seconds"], "observe", refuse)
    metrics.exchange(200, "ok", 0.1)
    _await(lambda: "could not be recorded" in caplog.text)
    monkeypatch.undo()
    metrics.exchange(200, "ok", 0.1)
    _await(lambda: bool(made["sensorium_http_requests"].calls))
    metrics.close()


def _await(condition: Any) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
