"""The server goes down in the middle of a client's batch and comes back: nothing is lost, nothing comes twice.

On an instance of its own, with models that need no weights: what is tested is the way, not the model.
"""

from __future__ import annotations

import asyncio
import io
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from deployments.client import AsyncSensorium, RetryPolicy, Sensorium
from deployments.launch.instance import free_port, load, processes
from tests.serve.conftest import sensorium

PATIENT = RetryPolicy(attempts=200, longest_delay_s=2.0)
"""Slow machines take minutes to start; tests/unit/client/test_retries.py has the default's patience."""
TEXTS = [f"text number {number}" for number in range(300)]
TEXTS_PER_CALL = 5
PAGES = 60
FAKE_OCR = {"kind": "fake", "delay_per_page_ms": 100}
SERVE: dict[str, Any] = {
    "proxy_location": "HeadOnly",
    "applications": [
        {
            "name": name,
            "route_prefix": f"/{name}",
            "import_path": f"deployments.app:{name}",
            "args": {"model": model, "batching": {"max_batch_size": 4}},
            "deployments": [{"name": name, "num_replicas": replicas, "ray_actor_options": {"num_cpus": 0.1}}],
        }
        for name, model, replicas in (
            ("embedding", {"backend": "fake", "fake_dimensions": 8, "fake_delay_s": 0.1}, 2),
            ("ocr", {"backends": [FAKE_OCR]}, 1),  # SQLite: one replica
        )
    ],
}


@dataclass
class Server:
    """An instance that can go down and come back on the same port."""

    home: Path
    port: int
    config: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        started = sensorium("serve", "--config", str(self.config), "--port", str(self.port), home=self.home)
        assert started.returncode == 0, started.stdout + started.stderr

    def stop(self) -> None:
        stopped = sensorium("stop", home=self.home)
        assert stopped.returncode == 0, stopped.stdout + stopped.stderr

    def kill(self) -> int:
        """SIGKILL to HAProxy and all replicas at once; how many they were. Ray Serve starts them anew."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SENSORIUM_HOME", str(self.home))
            instance = load()
        assert instance is not None
        victims = [pid for pid in processes(instance.name) if _is_haproxy_or_replica(pid)]
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        return len(victims)


def _is_haproxy_or_replica(pid: int) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:  # it has ended
        return False
    return words[0].startswith(b"ray::ServeReplica") or words[0].endswith(b"haproxy")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("outage")
    config = home / "serve.yaml"
    config.write_text(yaml.safe_dump(SERVE))
    running = Server(home, free_port(18700), config)
    running.start()
    yield running
    running.stop()


@dataclass
class Progress:
    """What the clients have so far."""

    vectors: int = 0
    pages: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def add(self, **counts: int) -> None:
        with self.changed:
            for name, count in counts.items():
                setattr(self, name, getattr(self, name) + count)
            self.changed.notify_all()

    def wait_for(self, reached: Callable[[Progress], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: reached(self), 120), self


def embed(url: str, progress: Progress) -> list[tuple[float, ...]]:
    """All texts by the blocking client, one call after the other."""
    vectors = []
    with Sensorium(url, retries=PATIENT) as client:
        for vector in client.embedding.embed_all(TEXTS, texts_per_call=TEXTS_PER_CALL):
            vectors.append(vector)
            progress.add(vectors=1)
    return vectors


async def read(url: str, batch_id: str, progress: Progress) -> list[str]:
    """All pages by the asyncio client, uploads of 300 kB, eight at a time."""
    turn = asyncio.Semaphore(8)
    async with AsyncSensorium(url, retries=PATIENT) as client:

        async def page(number: int) -> str:
            async with turn:
                found = await client.ocr.extract(picture(number), batch_id=batch_id, language="en")
            progress.add(pages=1)
            return found.text

        return await asyncio.gather(*(page(number) for number in range(PAGES)))


def picture(number: int) -> bytes:
    """A page with one bar, `number` + 10 pixels wide, which is what the fake OCR reads."""
    page = Image.new("RGB", (400, 250), "white")
    page.paste((0, 0, 0), (20, 20, 30 + number, 40))
    content = io.BytesIO()
    page.save(content, "BMP")
    return content.getvalue()


@pytest.mark.timeout(900)  # two starts of a server
@pytest.mark.parametrize("outage", ["HAProxy and all replicas are killed", "sensorium stop, sensorium serve"])
def test_both_clients_finish_without_loss(server: Server, outage: str) -> None:
    progress = Progress()
    with ThreadPoolExecutor(2) as pool:
        embedded = pool.submit(embed, server.url, progress)
        pages = pool.submit(lambda: asyncio.run(read(server.url, outage, progress)))
        progress.wait_for(lambda so_far: so_far.vectors >= 30 and so_far.pages >= 8)
        if "killed" in outage:
            assert server.kill() >= 4  # HAProxy and three replicas
            before = progress.vectors, progress.pages
        else:
            server.stop()
            before = progress.vectors, progress.pages
            server.start()
        vectors, texts = embedded.result(240), pages.result(240)

    assert before[0] < len(TEXTS)  # the outage was in the middle of both
    assert before[1] < PAGES
    assert len(vectors) == len(TEXTS)
    assert [text.split("-")[1] for text in texts] == [f"{number + 10}x20" for number in range(PAGES)]
    with Sensorium(server.url, retries=PATIENT) as client:
        assert vectors == list(client.embedding.embed_all(TEXTS))
        stored = list(client.ocr.iterate_executions(batch_id=outage))
    assert len(stored) == len({execution.chain_id for execution in stored}) == PAGES
    assert {execution.status for execution in stored} == {"success"}
