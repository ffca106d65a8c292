"""Embedding: our service over HTTP against the old design over HTTP and against the engine alone, in one run."""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx

from deployments.bench import load
from deployments.launch.instance import free_port
from tests.benchmarks.report import Report

WORDS = (
    "container gate crane ship yard the of a reads port",
    "heavy light blue steel moves quickly under bridge",
)
CLIENTS = 64


def measure(base_url: str, report: Report) -> None:
    """`base_url` is the running cluster's. Adds throughput, ratios and a check that the vectors agree."""
    random.seed(7)
    words = " ".join(WORDS).split()
    texts = [" ".join(random.choices(words, k=random.randint(3, 20))) for _ in range(2048)]
    with _old_server() as old_url:
        _same_vectors(base_url + "/embedding", old_url, texts[:64])
        ours, old = [], []
        for _ in range(3):  # interleaved, so that a noisy minute hits both
            ours.append(_singles(base_url + "/embedding", texts, 5))
            old.append(_singles(old_url, texts, 5))
        batches = statistics.median(_batches(base_url + "/embedding", texts, 5) for _ in range(3))
        one = load.run(base_url, _single_calls(base_url + "/embedding", texts), 1, 3)
    engine = statistics.median(_engine(texts, 64) for _ in range(3))
    single, before = statistics.median(ours), statistics.median(old)
    report.row("embedding", f"HTTP, {CLIENTS} clients, one text each", single, "texts/s")
    report.row("embedding", f"old design, {CLIENTS} clients, one text each", before, "texts/s")
    report.row("embedding", "HTTP, 4 clients, batches of 100", batches, "texts/s")
    report.row("embedding", "engine alone, batches of 64", engine, "texts/s")
    report.row("embedding", "HTTP, one client, p50", one.p50_ms, "ms")
    report.ratio("embedding", "single texts over HTTP / old design", single / before, at_least=5)
    report.ratio("embedding", "single texts over HTTP / engine alone", single / engine, at_least=0.3)
    report.ratio("embedding", "batches of 100 over HTTP / engine alone", batches / engine, at_least=0.8)


def _single_calls(url: str, texts: list[str]) -> list[bytes]:
    return [load.request_bytes(f"{url}/api/v1/embed", json.dumps({"text": text}).encode()) for text in texts]


def _singles(url: str, texts: list[str], seconds: float) -> float:
    result = load.run(url, _single_calls(url, texts), CLIENTS, seconds)
    assert not result.failures, result.failures[:3]
    return result.per_second


def _batches(url: str, texts: list[str], seconds: float) -> float:
    calls = [
        load.request_bytes(f"{url}/api/v1/embed-batch", json.dumps({"texts": texts[at : at + 100]}).encode())
        for at in range(0, 2000, 100)
    ]
    result = load.run(url, calls, 4, seconds)
    assert not result.failures, result.failures[:3]
    return result.per_second * 100


def _engine(texts: list[str], batch: int) -> float:
    """Texts per second of the engine in this process: tokenize and encode, no HTTP."""
    from deployments.embedding.engine import load_engine
    from deployments.embedding.types import EmbeddingConfig, EmbeddingRequest

    engine = load_engine(EmbeddingConfig())
    engine.warm_up()

    def once() -> None:
        for at in range(0, len(texts), batch):
            request = EmbeddingRequest(tuple(texts[at : at + batch]))
            units = engine.prepare(request)
            engine.assemble(request, units, engine.infer(units))  # type: ignore[arg-type]  # no error values here

    once()
    return len(texts) / timed(once)


def timed(call: Callable[[], None]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _same_vectors(ours: str, old: str, texts: list[str]) -> None:
    def fetch(url: str) -> list[list[float]]:
        vectors: list[list[float]] = httpx.post(f"{url}/api/v1/embed-batch", json={"texts": texts}, timeout=60).json()[
            "embeddings"
        ]
        return vectors

    for a, b in zip(fetch(ours), fetch(old), strict=True):
        cosine = sum(x * y for x, y in zip(a, b, strict=True))
        assert cosine >= 0.999, f"vectors differ: cosine {cosine}"


@contextmanager
def _old_server() -> Iterator[str]:
    port = free_port(18080)
    process = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.old_embedding_server", str(port)])
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                httpx.post(f"{url}/api/v1/embed", json={"text": "warm"}, timeout=30)
                break
            except httpx.TransportError:
                time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait()
