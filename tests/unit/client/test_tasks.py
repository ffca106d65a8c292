"""Tasks by both clients, against the services' real faces."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.client import AsyncSensorium, RejectedRequest, RetryableError, RetryPolicy, Sensorium
from tests.unit.client.both_clients import HASTY
from tests.unit.client.real_server import KEY, RealServer
from tests.unit.speech.sounds import tone, wav


@pytest.fixture
def slow_ocr(server: RealServer) -> Iterator[RealServer]:
    server.ocr.delay_s = 0.4
    yield server
    server.ocr.delay_s = 0.0


def test_a_batch_of_uploads_is_worked_off_after_the_call(client: Sensorium, image: Path) -> None:
    task = client.ocr.submit_batch([image, ("bad.png", b"bad picture"), b"third"], language="en", batch_id="monday")
    status = task.wait(30)
    assert (status.state, status.total, status.done, status.succeeded, status.failed) == ("finished", 3, 3, 2, 1)
    assert status.expires_at is not None
    results = task.results()
    assert [entry.text.splitlines()[0] if entry.text else "" for entry in results.results] == [
        "세 번째 부두",
        "",
        "third",
    ]
    assert [entry.index for entry in results.results] == [0, 1, 2]
    assert results.results[1].error_code == "unsupported_media"
    assert (results.total_processed, results.total_success, results.total_failed) == (3, 2, 1)
    stored = client.ocr.executions(batch_id="monday").executions
    assert {(row.image_index, row.status) for row in stored} == {(0, "success"), (1, "failed"), (2, "success")}
    assert {row.id for row in stored} == {entry.execution_id for entry in results.results}
    assert client.ocr.task(task.id).status() == status
    assert client.ocr.tasks(limit=1).tasks == (status,)
    assert task.id in {found.id for found in client.ocr.iterate_tasks(state="finished")}


def test_results_come_page_by_page_and_are_joined(
    client: Sensorium, server: RealServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deployments.client import tasks

    monkeypatch.setattr(tasks, "ENTRIES_PER_CALL", 3)
    task = client.ocr.submit_batch([f"picture {number}".encode() for number in range(8)], language="en")
    task.wait(30)
    results = task.results()
    assert [entry.text_boxes[0].text for entry in results.results] == [f"picture {number}" for number in range(8)]
    assert results.total_processed == 8


def test_cancelling_keeps_what_was_done_and_removing_forgets_it(client: Sensorium, slow_ocr: RealServer) -> None:
    task = client.ocr.submit_batch([b"a", b"b", b"c", b"d", b"e", b"f"], language="en")
    with pytest.raises(TimeoutError, match=r"of 6 done"):
        task.wait(0.6)
    cancelled = task.cancel()
    assert cancelled is not None
    assert cancelled.state == "cancelled"
    assert cancelled.done < 6
    assert task.wait(5).state == "cancelled"
    assert len(task.results().results) == cancelled.done
    again = task.cancel()
    assert again is not None
    assert again.state == "cancelled"

    slow_ocr.ocr.delay_s = 0.0
    finished = client.ocr.submit_batch([b"a"], language="en")
    finished.wait(30)
    assert finished.cancel() is None
    assert finished.cancel() is None
    with pytest.raises(RejectedRequest) as caught:
        finished.status()
    assert caught.value.code == "not_found"


def test_a_full_queue_is_a_retryable_503(server: RealServer, slow_ocr: RealServer) -> None:
    with Sensorium(server.url, KEY, retries=RetryPolicy(attempts=1)) as client:
        first = client.ocr.submit_batch([b"x"] * 15, language="en")
        with pytest.raises(RetryableError) as caught:
            client.ocr.submit_batch([b"x"] * 15, language="en")
        assert caught.value.code == "overloaded"
        assert caught.value.retry_after_s
        first.cancel()


def test_a_submission_that_is_sent_twice_makes_one_task(client: Sensorium) -> None:
    from deployments.client import ocr, task_kinds

    call = task_kinds.OCR.submission(ocr.extract_batch([b"once"], language="en"))
    assert client.send(call).id == client.send(call).id


def test_speech_and_container_numbers_take_tasks_too(client: Sensorium) -> None:
    recordings = [("a.wav", wav(tone(1.0, 16_000))), ("b.wav", b"no sound")]
    speech = client.speech.submit_batch(recordings, vad=False, response_format="srt")
    container = client.container_number.submit_batch([b"gate"], reader="ocr")
    speech.wait(30)
    good, bad = speech.results().results
    assert (good.name, good.status, good.index) == ("a.wav", "success", 0)
    assert good.content is not None
    assert "-->" in good.content
    assert good.duration > 0
    assert bad.failed
    assert bad.error_code in ("unsupported_media", "invalid_input")
    container.wait(30)
    numbers = container.results()
    assert numbers.results[0].numbers[0].number == "CSQU3054383"
    assert numbers.reader == "ocr"


async def test_the_asynchronous_client(server: RealServer) -> None:
    async with AsyncSensorium(server.url, KEY, retries=HASTY) as client:
        task = await client.ocr.submit_batch([b"one", b"two"], language="en")
        assert (await task.wait(30)).state == "finished"
        assert [entry.text_boxes[0].text for entry in (await task.results()).results] == ["one", "two"]
        assert (await client.ocr.task(task.id).status()).ended
        assert task.id in [found.id async for found in client.ocr.iterate_tasks()]
        assert await task.cancel() is None


def test_a_restart_of_the_server_loses_no_task(tmp_path: Path) -> None:
    server = RealServer(tmp_path)
    server.ocr.delay_s = 0.3
    server.start()
    try:
        with Sensorium(server.url, retries=HASTY) as client:
            task = client.ocr.submit_batch([f"page {number}".encode() for number in range(8)], language="en")
            while not task.status().done:
                time.sleep(0.05)
            server.stop()
            server.start()
            assert task.wait(60).succeeded == 8
            results = task.results().results
            assert [entry.text_boxes[0].text for entry in results] == [f"page {number}" for number in range(8)]
            assert len(client.ocr.executions(limit=100).executions) == 8
    finally:
        server.stop()
