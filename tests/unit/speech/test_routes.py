"""The old service's `/transcribe`, and what goes wrong on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from deployments.serving.audio import AudioPolicy
from deployments.serving.batching import Batching
from deployments.speech.backends.fake import FakeBackend
from deployments.speech.engine import SpeechEngine
from deployments.speech.types import SpeechLimits
from tests.unit.speech.conftest import CRANE, GATE, SAMPLES, TRUCK, sample
from tests.unit.speech.service import client_of, serving
from tests.unit.speech.sounds import silent_video, tone, wav
from tests.unit.speech.test_subtitles import read


@pytest.fixture
async def client(pocketsphinx: SpeechEngine) -> AsyncIterator[httpx.AsyncClient]:
    """PocketSphinx by default, the fake beside it; media root: samples."""
    policy = AudioPolicy(media_roots=(str(SAMPLES),), max_duration_s=60)
    fake = SpeechEngine(FakeBackend(), audio=policy)
    engines = {"pocketsphinx": pocketsphinx, "fake": fake}
    async with serving(engines, limits=SpeechLimits(max_bytes=2_000_000)) as app, client_of(app) as opened:
        yield opened


async def transcribe(client: httpx.AsyncClient, data: bytes | None, **fields: Any) -> httpx.Response:
    files = {"file": ("speech.wav", data, "audio/wav")} if data is not None else None
    return await client.post("/transcribe", files=files, data=fields)


async def test_the_old_clients_call(client: httpx.AsyncClient) -> None:
    response = await transcribe(client, sample("gate.wav"))
    assert response.status_code == 200
    body = response.json()
    assert {key: body[key] for key in ("success", "text", "language", "backend", "model", "task")} == {
        "success": True, "text": GATE, "language": "en", "backend": "pocketsphinx", "model": "pocketsphinx-en-us",
        "task": "transcribe",
    }  # fmt: skip
    assert body["duration"] == pytest.approx(3.385, abs=0.01)
    assert 0 < body["real_time_factor"] == pytest.approx(body["processing_time"] / body["duration"], rel=0.02)
    (segment,) = body["segments"]
    assert segment["text"] == GATE
    assert 0 <= segment["start"] < 0.5
    assert 2.9 < segment["end"] <= 3.4
    assert "words" not in segment


async def test_two_backends_give_two_answers(client: httpx.AsyncClient) -> None:
    first, second = await asyncio.gather(
        transcribe(client, sample("crane.wav"), backend="pocketsphinx"),
        transcribe(client, sample("crane.wav"), backend="fake"),
    )
    assert (first.json()["backend"], first.json()["text"]) == ("pocketsphinx", CRANE)
    assert (second.json()["backend"], second.json()["text"]) == ("fake", "28 tenths")


async def test_a_backend_that_is_not_loaded(client: httpx.AsyncClient) -> None:
    response = await transcribe(client, sample("gate.wav"), backend="faster_whisper")
    assert response.status_code == 422
    error = response.json()["error"]
    assert (error["code"], error["param"], error["available"]) == (
        "unsupported_option", "backend", ["pocketsphinx", "fake"]
    )  # fmt: skip
    assert "no model folder at /models/turbo" in error["message"]
    assert "pocketsphinx, fake" in error["message"]


async def test_words_and_figures(client: httpx.AsyncClient) -> None:
    response = await transcribe(client, sample("crane.wav"), word_timestamps="true", response_format="verbose_json")
    (segment,) = response.json()["segments"]
    assert [word["word"] for word in segment["words"]] == CRANE.split()
    assert {"tokens", "temperature", "avg_logprob", "compression_ratio", "no_speech_prob"} <= set(segment)


async def test_plain_formats(client: httpx.AsyncClient) -> None:
    text = await transcribe(client, sample("yard.wav"), response_format="text")
    assert text.text == f"{GATE} {CRANE} {TRUCK}\n"
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    subtitles = {form: await transcribe(client, sample("yard.wav"), response_format=form) for form in ("srt", "vtt")}
    assert subtitles["vtt"].headers["content-type"] == "text/vtt; charset=utf-8"
    for form, demuxer in (("srt", "srt"), ("vtt", "webvtt")):
        cues = read(subtitles[form].text, demuxer)
        assert [cue[2] for cue in cues] == [GATE, CRANE, TRUCK]
        assert [cue[0] for cue in cues] == [
            pytest.approx(0.2, abs=0.5), pytest.approx(5.6, abs=0.5), pytest.approx(10.4, abs=0.5)
        ]  # fmt: skip


async def test_a_server_path(client: httpx.AsyncClient) -> None:
    response = await transcribe(client, None, path=str(SAMPLES / "crane.wav"), backend="fake")
    assert response.json()["text"] == "28 tenths"
    assert (await transcribe(client, None, path="/etc/passwd", backend="fake")).status_code == 403
    assert (await transcribe(client, None, path=str(SAMPLES / "none.wav"), backend="fake")).status_code == 404
    assert (await transcribe(client, None, path=str(SAMPLES / "gate.wav"))).status_code == 403  # has no roots
    both = await transcribe(client, sample("gate.wav"), path=str(SAMPLES / "crane.wav"))
    assert both.json()["error"]["param"] == "path"


async def test_options_reach_the_model(pocketsphinx: SpeechEngine) -> None:
    backend = FakeBackend()
    async with serving({"fake": SpeechEngine(backend)}) as app, client_of(app) as client:
        await transcribe(
            client, sample("gate.wav"), task="translate", language="ko", prompt="Names: MSCU", temperature="0.2",
            word_timestamps="1", vad="false", condition_on_previous_text="true",
        )  # fmt: skip
        await transcribe(client, sample("gate.wav"), language="", backend="", prompt="", temperature="", vad="")
    (options, _, previous), (plain, _, _) = backend.calls
    assert (options.task, options.prompt, options.temperature) == ("translate", "Names: MSCU", 0.2)
    assert (options.word_timestamps, options.condition_on_previous_text) == (True, True)
    assert previous == ["Names: MSCU"]
    assert plain.batchable


@pytest.mark.parametrize(
    ("data", "fields", "status", "code"),
    [
        (b"just a text\n" * 20, {}, 415, "unsupported_media"),
        (b"", {}, 422, "invalid_input"),
        (wav(np.zeros(0, np.float32)), {}, 422, "invalid_input"),
        (silent_video(), {}, 415, "unsupported_media"),
        (wav(np.zeros(61 * 16_000, np.float32)), {"backend": "fake"}, 413, "input_too_large"),
        (wav(np.zeros(1_100_000, np.float32)), {}, 413, "input_too_large"),
        (None, {}, 422, "invalid_input"),
        (wav(tone(1, 16_000)), {"language": "klingon"}, 422, "unsupported_option"),
        (wav(tone(1, 16_000)), {"language": "ko"}, 422, "unsupported_option"),
        (wav(tone(1, 16_000)), {"task": "translate"}, 422, "unsupported_option"),
        (wav(tone(1, 16_000)), {"task": "sing"}, 422, "invalid_input"),
        (wav(tone(1, 16_000)), {"temperature": "7"}, 422, "invalid_input"),
        (wav(tone(1, 16_000)), {"response_format": "docx"}, 422, "invalid_input"),
        (wav(tone(1, 16_000)), {"backend": "fake", "prompt": "x" * 2001}, 413, "input_too_large"),
    ],
)
async def test_bad_input(
    client: httpx.AsyncClient, data: bytes | None, fields: dict[str, str], status: int, code: str
) -> None:
    response = await transcribe(client, data, **fields)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["type"]) == (status, code, "invalid_request_error")
    assert len(error["message"]) > 20


async def test_silence_is_no_text(client: httpx.AsyncClient) -> None:
    for vad in ("true", "false"):
        body = (await transcribe(client, wav(np.zeros(32_000, np.float32)), vad=vad)).json()
        assert (body["success"], body["text"], body["segments"], body["duration"]) == (True, "", [], 2.0)


async def test_short_clips_of_many_callers_share_batches() -> None:
    backend = FakeBackend(delay_s=0.1)
    clips = [wav(tone(0.5 + 0.1 * index, 16_000)) for index in range(12)]
    clips[5] = b"no sound"
    async with serving({"fake": SpeechEngine(backend)}) as app, client_of(app) as client:
        responses = await asyncio.gather(*(transcribe(client, clip, vad="false") for clip in clips))
    assert [response.status_code for response in responses] == [200] * 5 + [415] + [200] * 6
    for index, response in enumerate(responses):
        if index != 5:
            assert response.json()["text"] == f"{5 + index} tenths"
    assert len(backend.calls) < 8
    assert max(len(lengths) for _, lengths, _ in backend.calls) > 2


async def test_queue_is_counted_in_seconds_of_sound() -> None:
    engine = SpeechEngine(FakeBackend(delay_s=0.3))
    batching = Batching(max_batch_size=1, max_queued_cost=10_000)
    async with serving({"fake": engine}, batching=batching) as app, client_of(app) as client:
        clips = [wav(tone(4.0, 16_000)) for _ in range(6)]
        responses = await asyncio.gather(*(transcribe(client, clip, vad="false") for clip in clips))
    refused = [response for response in responses if response.status_code == 503]
    assert refused
    assert len(refused) < 5
    for response in refused:
        assert response.json()["error"]["code"] == "overloaded"
        assert int(response.headers["retry-after"]) >= 1


async def test_documentation(client: httpx.AsyncClient, tmp_path: Path) -> None:
    schema = (await client.get("/openapi.json")).json()
    assert {"/transcribe", "/v1/audio/transcriptions", "/v1/audio/translations", "/v1/models"} <= set(schema["paths"])
    form = schema["paths"]["/transcribe"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]["$ref"]
    fields = schema["components"]["schemas"][form.rpartition("/")[2]]["properties"]
    assert {"file", "path", "language", "backend", "vad", "word_timestamps"} <= set(fields)
