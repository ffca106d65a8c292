"""Every method against the services' real HTTP faces, over a real socket."""

from __future__ import annotations

import inspect
import io
import wave
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deployments.client import AsyncSensorium, RejectedRequest, Sensorium
from deployments.web.health import Health
from tests.unit.client.both_clients import HASTY
from tests.unit.client.real_server import KEY, RealServer


@pytest.fixture(scope="module")
def sound() -> bytes:
    """Two seconds of a tone, 16 kHz."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((b"\x00\x20" * 20 + b"\x00\xe0" * 20) * 800)
    return buffer.getvalue()


def test_extract_uploads_a_file(client: Sensorium, image: Path) -> None:
    reply = client.ocr.extract(image, language="en", confidence_threshold=0.1, chain_id="receipt", batch_id="b")

    assert [box.text for box in reply.text_boxes] == ["세 번째 부두", "page two"]
    assert [list(corner) for corner in reply.text_boxes[0].bbox] == [[1, 2], [30, 2], [30, 9], [1, 9]]
    assert (reply.language, reply.width, reply.pages, reply.page_sizes[1].height) == ("en", 640, 2, 240)
    assert reply.text == "세 번째 부두\npage two"
    assert reply["text_boxes"][1]["rotation"] == 180
    stored = client.ocr.execution(reply.execution_id or "")
    assert (stored.source, stored.chain_id, stored.batch_id, stored.confidence_threshold) == (
        "영수증.png", "receipt", "b", 0.1,
    )  # fmt: skip
    assert stored.text_boxes == reply.text_boxes
    assert datetime.now(UTC) - stored.created_at < timedelta(minutes=5)


@pytest.mark.parametrize("form", [str, Path, Path.read_bytes, Path.open, lambda path: ("x.png", path)])
def test_every_form_of_a_file_is_uploaded(
    client: Sensorium, image: Path, form: Callable[[Path], Any], request: pytest.FixtureRequest
) -> None:
    source = image.open("rb") if form is Path.open else form(image)
    if hasattr(source, "close"):
        request.addfinalizer(source.close)
    assert client.ocr.extract(source).text_boxes[0].text == "세 번째 부두"


def test_extract_names_a_path_on_the_server(client: Sensorium, server: RealServer) -> None:
    reply = client.ocr.extract(private_img="/data/a.png", use_angle_cls=False, public_file_path="/public/a.png")
    assert reply.text_boxes[0].text == "/data/a.png"
    assert server.ocr.requests[-1].options.use_angle_cls is False
    assert client.ocr.execution(reply.execution_id or "").public_file_path == "/public/a.png"


def test_a_batch_keeps_what_could_be_read(client: Sensorium, image: Path) -> None:
    reply = client.ocr.extract_batch([image, ("bad.png", b"bad image"), b"good"])

    assert (reply.total_processed, reply.total_success, reply.total_failed) == (3, 2, 1)
    assert [entry.failed for entry in reply.results] == [False, True, False]
    assert (reply.results[1].error_code, reply.results[1].text_boxes) == ("unsupported_media", ())
    assert reply.results[2].text_boxes[0].text == "good"


def test_a_batch_of_server_paths(client: Sensorium) -> None:
    reply = client.ocr.extract_batch(private_imgs=["/a.png", "/b.png"], public_file_paths=["/pa", None], chain_id="two")
    assert [entry.text_boxes[0].text for entry in reply.results] == ["/a.png", "/b.png"]
    stored = [client.ocr.execution(entry.execution_id or "") for entry in reply.results]
    assert [(row.image_index, row.public_file_path) for row in stored] == [(0, "/pa"), (1, None)]


def test_executions_page_by_page(client: Sensorium) -> None:
    client.ocr.extract_batch([f"page {number}".encode() for number in range(7)], batch_id="pages")

    first = client.ocr.executions(batch_id="pages", limit=3)
    everything = list(client.ocr.iterate_executions(batch_id="pages", limit=3))

    assert len(first.executions) == 3
    assert first.next_cursor is not None
    assert sorted(row.image_index for row in everything) == list(range(7))
    assert tuple(everything[:3]) == first.executions
    assert client.ocr.executions(batch_id="pages", since=datetime.now(UTC) + timedelta(days=1)).executions == ()
    assert list(client.ocr.iterate_executions(chain_id="nobody")) == []


def test_ocr_refusals(client: Sensorium) -> None:
    with pytest.raises(RejectedRequest, match="not an image") as raised:
        client.ocr.extract(b"bad image")
    assert (raised.value.code, raised.value.status) == ("unsupported_media", 415)
    assert client.ocr.execution(raised.value.details["execution_id"]).status == "failed"
    with pytest.raises(RejectedRequest) as missing:
        client.ocr.execution("nothing")
    assert missing.value.code == "not_found"
    assert missing.value.attempts == 1


def test_what_can_be_refused_here_is_not_sent(client: Sensorium) -> None:
    for wrong in (
        lambda: client.ocr.extract(),
        lambda: client.ocr.extract(b"a", private_img="/a"),
        lambda: client.ocr.extract_batch([]),
        lambda: client.ocr.extract_batch("a.png"),
        lambda: client.ocr.extract_batch(private_imgs="/a.png"),
        lambda: client.ocr.execution("../x"),
        lambda: client.embedding.embed_batch("one text"),
        lambda: client.speech.transcribe(),
        lambda: client.speech.transcribe(b"a", path="/a"),
        lambda: client.container_number.read(),
        lambda: client.container_number.read("a.png"),
    ):
        with pytest.raises(ValueError, match=r"give|is no"):
            wrong()


def test_embedding(client: Sensorium) -> None:
    one = client.embedding.embed("부두 위의 컨테이너")
    batch = client.embedding.embed_batch(["a", "부두 위의 컨테이너", "word " * 150])
    plain = client.embedding.embed("a", normalize=False)

    assert sum(value * value for value in one.embedding) == pytest.approx(1)
    assert batch.embeddings[1] == pytest.approx(one.embedding)
    assert (batch.count, batch.dim, batch.version, batch.truncated) == (3, 8, "fake-1", (False, False, True))
    assert sum(value * value for value in plain.embedding) != pytest.approx(1)
    assert client.embedding.model_info().max_texts == 100
    with pytest.raises(RejectedRequest, match="empty"):
        client.embedding.embed("")


def test_embed_all_takes_any_number_of_texts(client: Sensorium) -> None:
    texts = [f"text {number}" for number in range(230)]
    vectors = list(client.embedding.embed_all(texts))
    assert len(vectors) == 230
    assert vectors[229] == pytest.approx(client.embedding.embed(texts[229]).embedding)


def test_speech(client: Sensorium, sound: bytes) -> None:
    said = client.speech.transcribe(("a.wav", sound), vad=False, word_timestamps=True, language="ko", verbose=True)

    assert (said.success, said.text, said.language, said.duration) == (True, "20 tenths", "ko", 2.0)
    assert said.language_probability is None
    [segment] = said.segments
    assert [word.word for word in segment.words or ()] == ["20", "tenths"]
    assert segment.avg_logprob == 0
    assert client.speech.transcribe(sound, vad=False).segments[0].words is None
    assert client.speech.transcribe(sound, vad=False, task="translate").task == "translate"
    with pytest.raises(RejectedRequest, match="not loaded") as raised:
        client.speech.transcribe(sound, backend="openai-whisper")
    assert raised.value.details["available"] == ["fake"]


def test_subtitles(client: Sensorium) -> None:
    speech = (Path(__file__).parents[3] / "samples" / "gate.wav").read_bytes()
    assert client.speech.subtitles(speech).startswith("1\n00:00:0")
    assert client.speech.subtitles(speech, format="vtt").startswith("WEBVTT\n\n00:00:0")


def test_container_numbers(client: Sensorium, image: Path) -> None:
    reply = client.container_number.read([image, ("gate.png", b"x")], reader="ocr")

    assert [result.name for result in reply.results] == ["영수증.png", "gate.png"]
    [number] = reply.results[0].numbers
    assert (number.number, number.valid, number.size_type, number.reader) == ("CSQU3054383", True, "22G1", "ocr")
    assert len(number.box) == 4
    assert client.container_number.adapters().adapters[0].name == "base"
    refused = client.container_number.read(private_imgs=["/etc/passwd"], reader="ocr")
    assert refused.results[0].failed
    assert refused.results[0].error_code == "access_denied"


def test_health_of_a_service_that_is_not_ready_is_an_answer(client: Sensorium, server: RealServer) -> None:
    assert client.health("ocr").ready
    assert client.health("container-number").backends[0].loaded
    ready = server.health
    server.health = Health("loading", reason="reading weights")
    try:
        state = client.health("embedding")
    finally:
        server.health = ready
    assert (state.ready, state.status, state.reason) == (False, "loading", "reading weights")


def test_the_key_is_asked_for(server: RealServer) -> None:
    for key in (None, "wrong"):
        with Sensorium(server.url, key, retries=HASTY) as stranger:
            with pytest.raises(RejectedRequest) as raised:
                stranger.embedding.embed("hello")
            assert raised.value.code == "unauthorized"
            assert stranger.health("embedding").ready


async def test_the_async_client_does_the_same(server: RealServer, image: Path, sound: bytes) -> None:
    async with AsyncSensorium(server.url, KEY, retries=HASTY) as client:
        assert (await client.ocr.extract(image)).text_boxes[0].text == "세 번째 부두"
        batch = await client.ocr.extract_batch([image, b"bad"], batch_id="async")
        assert [entry.status for entry in batch.results] == ["success", "failed"]
        stored = [row async for row in client.ocr.iterate_executions(batch_id="async", limit=1)]
        assert {row.status for row in stored} == {"success", "failed"}
        assert (await client.ocr.execution(stored[0].id)).id == stored[0].id
        vectors = [vector async for vector in client.embedding.embed_all(["a", "b", "c"], texts_per_call=2)]
        assert len(vectors) == 3
        assert (await client.speech.transcribe(sound, vad=False)).text == "20 tenths"
        assert (await client.container_number.read([image], reader="ocr")).results[0].numbers[0].valid
        assert (await client.health("speech")).ready


def test_both_clients_have_the_same_methods() -> None:
    blocking, waiting = Sensorium("http://host"), AsyncSensorium("http://host")
    for part in ("ocr", "embedding", "speech", "container_number"):
        left, right = getattr(blocking, part), getattr(waiting, part)
        names = {name for name in dir(left) if not name.startswith("_")}
        assert names == {name for name in dir(right) if not name.startswith("_")}
        for name in names - {"send"}:
            assert (
                inspect.signature(getattr(left, name)).parameters == inspect.signature(getattr(right, name)).parameters
            )
            assert getattr(left, name).__doc__ == getattr(right, name).__doc__
    blocking.close()
