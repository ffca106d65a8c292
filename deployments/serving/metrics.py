"""The metrics of every service, named once. `Metrics` is what the runner reports to and `HttpMetrics` what the web
layer reports to; `deployments.serving.ray_metrics` sends both to Ray's Prometheus endpoint.

Prometheus sees each name with the prefix `ray_`, and counters with the suffix `_total`.
"""

from __future__ import annotations

from typing import Protocol

from deployments.serving.batching import Batching

SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0]
SIZES = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0]
COSTS = [float(4**power) for power in range(2, 15)]

#: name: meaning. Labels: service, replica, status (HTTP), code (`ok`, an error's code, `client_closed`).
HTTP_COUNTERS = {"sensorium_http_requests": "HTTP requests ended, health and docs left out."}
#: Labels of these and all below: service, replica; those after HTTP's also `backend`.
HTTP_HISTOGRAMS = {
    "sensorium_http_seconds": ("An HTTP request, from its headers to the response's last byte.", SECONDS)
}

#: Labelled also by `code`.
CODED_COUNTERS = {"sensorium_requests": "Requests to the model ended, by outcome. One HTTP request may make several."}
COUNTERS = {
    "sensorium_units": "Units (pages, texts, chunks of speech, crops) that the model computed.",
    "sensorium_units_abandoned": "Units computed for callers that had left.",
}
WORK = {
    "pages": "Pages and images that OCR read.",
    "text_boxes": "Lines of text that OCR found.",
    "tokens": "Tokens that the embedding model read.",
    "audio_seconds": "Seconds of sound transcribed.",
    "crops": "Crops that the container-number model read.",
    "container_numbers": "Container numbers answered.",
}
"""What requests were worth to their callers, as counters `sensorium_<name>`."""
HISTOGRAMS = {
    "sensorium_request_seconds": ("A request to the model, waiting included.", SECONDS),
    "sensorium_queue_seconds": ("Waiting for a batch.", SECONDS),
    "sensorium_inference_seconds": ("One batch in the model.", SECONDS),
    "sensorium_batch_size": ("Units in a batch.", SIZES),
    "sensorium_batch_cost": ("Cost of a batch (pixels, tokens, milliseconds of sound).", COSTS),
}
GAUGES = {
    "sensorium_queue_units": "Units waiting for a batch.",
    "sensorium_queue_cost": "Sum of their costs.",
    "sensorium_queue_limit": "Cost that may wait before requests are refused (`max_queued_cost`).",
    "sensorium_batch_limit": "Units that fit one batch (`max_batch_size`).",
    "sensorium_ongoing": "Requests to the model inside, waiting or running.",
    "sensorium_ongoing_limit": "Requests that may be inside before others are refused (`max_requests`).",
    "sensorium_gpu_share": "GPUs that Ray reserved for this replica; 0 on a CPU.",
}


class Metrics(Protocol):
    """One replica's figures. Called from the event loop, except `batch`, which the engine thread calls."""

    def request(self, code: str, seconds: float) -> None:
        """A request ended: `ok`, an error's code, or `cancelled`."""

    def queued(self, seconds: float) -> None:
        """The first unit of a request waited this long for its batch."""

    def batch(self, size: int, cost: int, seconds: float, abandoned: int) -> None:
        """The model ran once; `abandoned` units were computed for callers that had left by its end."""

    def state(self, units: int, cost: int, ongoing: int) -> None:
        """What waits now, and how many requests are inside."""

    def limits(self, batching: Batching) -> None:
        """The knobs in force."""

    def work(self, kind: str, amount: float) -> None:
        """A request was worth `amount` (above 0) of `kind`, a key of `WORK`."""


class HttpMetrics(Protocol):
    """One HTTP face's figures. Called from the event loop."""

    def exchange(self, status: int, code: str, seconds: float) -> None:
        """An HTTP request ended; `code` is `ok`, an error's code, or `client_closed`."""


class NoMetrics:
    """For unit tests and bulk work."""

    def request(self, code: str, seconds: float) -> None: ...
    def queued(self, seconds: float) -> None: ...
    def batch(self, size: int, cost: int, seconds: float, abandoned: int) -> None: ...
    def state(self, units: int, cost: int, ongoing: int) -> None: ...
    def limits(self, batching: Batching) -> None: ...
    def work(self, kind: str, amount: float) -> None: ...
    def exchange(self, status: int, code: str, seconds: float) -> None: ...
