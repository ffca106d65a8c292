"""OpenAI's paths: shapes, streams, and the official client through a real socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import openai
import pytest
import uvicorn
from fastapi import FastAPI

from deployments.serving.batching import Batching
from deployments.speech.backends.fake import FakeBackend
from deployments.speech.engine import SpeechEngine
from deployments.speech.types import SpeechChunk, SpeechRequest
from tests.unit.speech.conftest import CRANE, GATE, TRUCK, sample
from tests.unit.speech.service import Lent, client_of, events, serving
from tests.unit.speech.sounds import tone, wav


@pytest.fixture
async def app(pocketsphinx: SpeechEngine) -> AsyncIterator[FastAPI]:
    """Chunks of 4.5 s, so that the sample of 12 s has three."""
    short = SpeechEngine(pocketsphinx._backend, chunk_s=4.5)
    async with serving({"pocketsphinx": short, "fake": SpeechEngine(FakeBackend(), chunk_s=1.5)}) as built:
        yield built


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as opened:
        yield opened


async def post(client: httpx.AsyncClient, data: bytes, path: str = "transcriptions", **fields: Any) -> httpx.Response:
    """`granularities` is the form's `timestamp_granularities[]`."""
    form: dict[str, Any] = {"model": "whisper-1"} | fields
    if "granularities" in form:
        form["timestamp_granularities[]"] = form.pop("granularities")
    return await client.post(f"/v1/audio/{path}", files={"file": ("a.wav", data)}, data=form)


async def test_json_and_verbose_json(client: httpx.AsyncClient) -> None:
    body = (await post(client, sample("gate.wav"))).json()
    assert body == {"text": GATE, "usage": {"type": "duration", "seconds": 3.385}}
    verbose = (await post(client, sample("crane.wav"), response_format="verbose_json")).json()
    assert (verbose["task"], verbose["language"], verbose["text"]) == ("transcribe", "english", CRANE)
    assert "words" not in verbose
    (segment,) = verbose["segments"]
    assert set(segment) == {
        "id", "seek", "start", "end", "text", "tokens", "temperature", "avg_logprob", "compression_ratio",
        "no_speech_prob",
    }  # fmt: skip


async def test_granularities(client: httpx.AsyncClient) -> None:
    crane = sample("crane.wav")
    words = (await post(client, crane, response_format="verbose_json", granularities=["word"])).json()
    assert [word["word"] for word in words["words"]] == CRANE.split()
    assert "segments" not in words
    both = await post(client, crane, response_format="verbose_json", granularities=["word", "segment"])
    assert {"words", "segments"} <= set(both.json())
    refused = await post(client, crane, granularities=["word"])
    assert refused.json()["error"]["param"] == "timestamp_granularities"


async def test_models_choose_the_backend(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/v1/models")).json()
    ids = [entry["id"] for entry in listed["data"]]
    assert ids == ["pocketsphinx/pocketsphinx-en-us", "fake/fake-speech"]
    one = (await client.get("/v1/models/fake/fake-speech")).json()
    assert (one["id"], one["object"]) == ("fake/fake-speech", "model")
    assert (await client.get("/v1/models/gpt-5")).json()["error"]["code"] == "not_found"
    for name in ("fake", "fake-speech", "fake/fake-speech"):
        text = (await post(client, wav(tone(1.0, 16_000)), model=name)).json()["text"]
        assert text == "" or text.endswith("tenths")  # a tone is not speech
        text = (await post(client, sample("crane.wav"), model=name)).json()["text"]
        assert text.endswith("tenths")
    refused = await post(client, sample("crane.wav"), model="whisper-9")
    assert refused.status_code == 422
    assert refused.json()["error"]["param"] == "model"
    assert refused.json()["error"]["available"] == ids


async def test_translations(client: httpx.AsyncClient) -> None:
    body = (await post(client, sample("crane.wav"), "translations", model="fake")).json()
    assert body["text"].endswith("tenths")
    refused = await post(client, sample("crane.wav"), "translations")
    assert refused.json()["error"]["code"] == "unsupported_option"


async def test_stream(client: httpx.AsyncClient) -> None:
    response = await post(client, sample("yard.wav"), stream="true", granularities=["word"])
    assert response.headers["content-type"].startswith("text/event-stream")
    *deltas, done = events(response.text)
    assert [event["type"] for event in deltas] == ["transcript.text.delta"] * 3
    assert "".join(event["delta"] for event in deltas) == done["text"] == f"{GATE} {CRANE} {TRUCK}"
    assert [(event["chunk"], event["chunks"]) for event in deltas] == [(1, 3), (2, 3), (3, 3)]
    assert [event["start"] for event in deltas] == [
        pytest.approx(0.2, abs=0.5), pytest.approx(5.6, abs=0.5), pytest.approx(10.4, abs=0.5)
    ]  # fmt: skip
    assert [segment["id"] for event in deltas for segment in event["segments"]] == [0, 1, 2]
    assert all(segment["words"] for event in deltas for segment in event["segments"])
    assert (done["type"], done["backend"]) == ("transcript.text.done", "pocketsphinx")


async def test_stream_of_silence(client: httpx.AsyncClient) -> None:
    (done,) = events((await post(client, wav(np.zeros(16_000, np.float32)), stream="true")).text)
    assert (done["type"], done["text"], done["duration"]) == ("transcript.text.done", "", 1.0)


async def test_what_fails_before_the_stream_has_its_own_status(client: httpx.AsyncClient) -> None:
    response = await post(client, b"no sound at all", stream="true")
    assert (response.status_code, response.json()["error"]["code"]) == (415, "unsupported_media")
    srt = await post(client, sample("crane.wav"), stream="true", response_format="srt")
    assert srt.json()["error"]["param"] == "response_format"


class Undetected(Lent):
    """Takes tones for speech."""

    def prepare(self, request: SpeechRequest) -> Sequence[SpeechChunk]:
        return super().prepare(replace(request, vad=False))


async def test_what_fails_later_is_an_event() -> None:
    """The fake fails on the loud third second, when the first chunk has been sent."""
    sound = np.concatenate([tone(1.9, 16_000, level=0.3), tone(2.0, 16_000, level=0.99)])
    engine = SpeechEngine(FakeBackend(fail_above=0.8), chunk_s=1.0)
    undetected = Undetected(engine)
    async with serving({"fake": undetected}, batching=Batching(max_batch_size=1)) as app, client_of(app) as client:
        response = await post(client, wav(sound), stream="true")
    first, *_, last = events(response.text)
    assert response.status_code == 200
    assert first["type"] == "transcript.text.delta"
    assert last["error"]["code"] == "engine_failed"
    assert last["error"]["request_id"]


@asynccontextmanager
async def listening(app: FastAPI) -> AsyncIterator[str]:
    """A real server on a socket of its own, under the base path; in this loop, since the runners live in it."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", root_path="/speech", lifespan="off")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


async def test_the_official_client(app: FastAPI) -> None:
    async with (
        listening(app) as address,
        openai.AsyncOpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client,
    ):
        audio = client.audio
        file = ("gate.wav", sample("gate.wav"))
        plain = await audio.transcriptions.create(model="whisper-1", file=file)
        assert plain.text == GATE
        verbose = await audio.transcriptions.create(
            model="pocketsphinx",
            file=file,
            language="en",
            response_format="verbose_json",
            timestamp_granularities=["word", "segment"],
        )
        assert verbose.duration == pytest.approx(3.385)
        assert verbose.words is not None
        assert [word.word for word in verbose.words] == GATE.split()
        assert verbose.segments is not None
        assert verbose.segments[0].text.strip() == GATE
        srt = await audio.transcriptions.create(model="whisper-1", file=file, response_format="srt")
        assert GATE in srt
        assert "-->" in srt
        with pytest.warns(DeprecationWarning, match="deprecated"):  # OpenAI's own service has given translations up
            translated = await audio.translations.create(model="fake", file=file)
        assert translated.text.endswith("tenths")
        assert [model.id async for model in client.models.list()] == [
            "pocketsphinx/pocketsphinx-en-us", "fake/fake-speech"
        ]  # fmt: skip
        with pytest.raises(openai.APIStatusError) as raised:
            await audio.transcriptions.create(model="whisper-1", file=("a.wav", b"text"))
        assert (raised.value.status_code, raised.value.code) == (415, "unsupported_media")
        stream = await audio.transcriptions.create(
            model="whisper-1", file=("yard.wav", sample("yard.wav")), stream=True
        )
        received = [(time.monotonic(), event) async for event in stream]
    types = [event.type for _, event in received]
    assert types == ["transcript.text.delta"] * 3 + ["transcript.text.done"]
    assert received[-1][1].text == f"{GATE} {CRANE} {TRUCK}"


@asynccontextmanager
async def streaming(address: str) -> AsyncIterator[AsyncIterator[float]]:
    """Arrival times of the events of `yard.wav`."""
    upload = {"file": ("yard.wav", sample("yard.wav"))}
    url = f"{address}/v1/audio/transcriptions"
    async with (
        httpx.AsyncClient(timeout=30) as client,
        client.stream("POST", url, files=upload, data={"stream": "true"}) as response,
    ):
        yield (time.monotonic() async for line in response.aiter_lines() if line.startswith("data: "))


async def test_events_come_as_chunks_are_done() -> None:
    engine = SpeechEngine(FakeBackend(delay_s=0.25), chunk_s=4.5)
    async with (
        serving({"fake": engine}, batching=Batching(max_batch_size=1)) as app,
        listening(app) as address,
        streaming(address) as arriving,
    ):
        arrivals = [moment async for moment in arriving]
    assert len(arrivals) == 4
    assert arrivals[2] - arrivals[0] > 0.4


async def test_leaving_a_stream_frees_its_chunks() -> None:
    backend = FakeBackend(delay_s=0.2)
    engine = SpeechEngine(backend, chunk_s=1.0)
    async with serving({"fake": engine}, batching=Batching(max_batch_size=1)) as app, listening(app) as address:
        async with streaming(address) as arriving:
            await anext(arriving)
        await asyncio.sleep(0.6)
        computed = len(backend.calls)
        await asyncio.sleep(0.6)
        assert len(backend.calls) == computed < 6
