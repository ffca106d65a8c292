"""The server goes down in the middle of a client's work, and comes back."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deployments.client import RetryPolicy, Sensorium
from tests.unit.client.real_server import RealServer

PATIENT = RetryPolicy(attempts=100, first_delay_s=0.05, longest_delay_s=0.2)


def test_a_client_finishes_without_loss_when_the_server_restarts(tmp_path: Path) -> None:
    server = RealServer(tmp_path)
    server.ocr.delay_s = 0.05
    server.start()
    some_are_done = threading.Event()

    with Sensorium(server.url, retries=PATIENT) as client, ThreadPoolExecutor(4) as pool:

        def read(number: int) -> str:
            reply = client.ocr.extract(f"image {number}".encode(), chain_id=f"chain-{number}", batch_id="outage")
            if number == 10:
                some_are_done.set()
            return reply.text_boxes[0].text

        texts = pool.map(read, range(40))
        assert some_are_done.wait(20)
        server.stop()
        time.sleep(0.3)
        server.start()
        assert list(texts) == [f"image {number}" for number in range(40)]

        rows = list(client.ocr.iterate_executions(batch_id="outage"))
        assert sorted(row.chain_id or "" for row in rows) == sorted(f"chain-{number}" for number in range(40))
        assert {row.status for row in rows} == {"success"}
    server.stop()


def test_one_batch_that_is_cut_is_finished_and_stored_once(tmp_path: Path) -> None:
    server = RealServer(tmp_path)
    server.ocr.delay_s = 0.2
    server.start()
    images = [f"image {number}".encode() for number in range(10)]

    with Sensorium(server.url, retries=PATIENT) as client, ThreadPoolExecutor(1) as pool:
        batch = pool.submit(client.ocr.extract_batch, images, batch_id="cut")
        while not server.ocr.requests:
            time.sleep(0.01)
        server.stop()
        server.start()
        assert [entry.text_boxes[0].text for entry in batch.result().results] == [text.decode() for text in images]
        assert len(server.ocr.requests) > len(images)  # it was begun twice
        assert len(list(client.ocr.iterate_executions(batch_id="cut"))) == len(images)
    server.stop()
