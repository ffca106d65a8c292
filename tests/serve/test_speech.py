"""The speech service as old clients, and OpenAI's, use it: three configured backends, of which two load."""

from __future__ import annotations

import asyncio
import io
import json
import re
import wave
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.serve.conftest import ROOT, Cluster

SAMPLES = ROOT / "samples"
GATE = "the container is ready for inspection at the gate seven"
NANO = ROOT / "tests" / "assets" / "nano_whisper"


def _clips() -> list[dict[str, Any]]:
    clips: list[dict[str, Any]] = json.loads((NANO / "manifest.json").read_text())["clips"]
    return [clip for clip in clips if clip["text"]]


def _post(client: httpx.Client, file: Path | bytes, path: str = "/speech/transcribe", **form: Any) -> httpx.Response:
    data = file if isinstance(file, bytes) else file.read_bytes()
    return client.post(path, files={"file": ("a.wav", data)}, data=form)


@pytest.mark.parametrize(("name", "text"), [("gate", GATE), ("crane", "the crane is moving the last container")])
def test_the_old_clients_call_on_the_samples(client: httpx.Client, name: str, text: str) -> None:
    reply = _post(client, SAMPLES / f"{name}.wav", language="en").json()
    assert reply["success"] is True
    assert reply["text"] == text
    assert reply["backend"] == "pocketsphinx"
    assert reply["language"] == "en"
    assert reply["duration"] > 2
    assert reply["segments"][0]["end"] <= reply["duration"]


def test_two_backends_give_two_answers_each_naming_itself(client: httpx.Client) -> None:
    clip = _clips()[0]
    answers = {
        backend: _post(client, NANO / clip["file"], backend=backend, language="en").json()
        for backend in ("pocketsphinx", "faster-whisper")
    }
    assert {backend: answer["backend"] for backend, answer in answers.items()} == {
        "pocketsphinx": "pocketsphinx",
        "faster-whisper": "faster-whisper",
    }
    assert answers["faster-whisper"]["text"].strip() == clip["text"]
    assert answers["faster-whisper"]["model"] == "nano-whisper"


def test_health_says_what_loaded_and_why_others_did_not(client: httpx.Client) -> None:
    statuses = {item["name"]: item for item in client.get("/speech/health").json()["backends"]}
    assert statuses["pocketsphinx"]["loaded"]
    assert statuses["faster-whisper"]["loaded"]
    assert not statuses["transformers"]["loaded"]
    assert "no-such-model" in statuses["transformers"]["reason"]
    refused = _post(client, SAMPLES / "gate.wav", backend="transformers")
    assert refused.status_code == 422
    assert "pocketsphinx" in refused.json()["error"]["message"]
    assert "faster-whisper" in refused.json()["error"]["message"]


async def test_clips_of_many_clients_at_once_are_each_exact(cluster: Cluster) -> None:
    clips = _clips()
    async with httpx.AsyncClient(base_url=cluster.url, timeout=120) as client:
        replies = await asyncio.gather(
            *(
                client.post(
                    "/speech/transcribe",
                    files={"file": (clip["file"], (NANO / clip["file"]).read_bytes())},
                    data={"backend": "faster-whisper"},
                )
                for clip in clips
            )
        )
    for clip, reply in zip(clips, replies, strict=True):
        body = reply.json()
        assert body["text"].strip() == clip["text"]
        assert body["language"] == clip["language"]
        assert abs(body["segments"][-1]["end"] - clip["speech_end_s"]) <= 0.5


def test_openais_client(cluster: Cluster) -> None:
    client = openai.OpenAI(base_url=f"{cluster.url}/speech/v1", api_key="none")
    models = {model.id for model in client.models.list().data}
    assert models == {"pocketsphinx/pocketsphinx-en-us", "faster-whisper/nano-whisper"}
    clip = _clips()[0]
    with (NANO / clip["file"]).open("rb") as file:
        plain = client.audio.transcriptions.create(model="faster-whisper/nano-whisper", file=file, language="en")
    assert plain.text.strip() == clip["text"]
    with (NANO / clip["file"]).open("rb") as file:
        verbose = client.audio.transcriptions.create(
            model="faster-whisper/nano-whisper",
            file=file,
            response_format="verbose_json",
            timestamp_granularities=["word", "segment"],
        )
    assert verbose.segments
    assert verbose.words
    assert verbose.duration == pytest.approx(clip["duration_s"], abs=0.1)
    with (SAMPLES / "gate.wav").open("rb") as file:
        events = list(
            client.audio.transcriptions.create(model="pocketsphinx/pocketsphinx-en-us", file=file, stream=True)
        )
    assert [event.type for event in events][-1] == "transcript.text.done"
    assert events[-1].text == GATE
    with pytest.raises(openai.APIStatusError) as refused:
        client.audio.transcriptions.create(model="faster-whisper/nano-whisper", file=("a.wav", b"I am text"))
    assert refused.value.status_code == 415
    assert refused.value.code == "unsupported_media"


def test_a_peers_stream_reports_progress(client: httpx.Client) -> None:
    """Through a handle to another deployment: deltas in order, then the whole."""
    with client.stream(
        "POST",
        "/speech/v1/audio/transcriptions",
        files={"file": ("yard.wav", (SAMPLES / "yard.wav").read_bytes())},
        data={"model": "faster-whisper/nano-whisper", "stream": "true"},
    ) as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        lines = [line.removeprefix("data: ") for line in reply.iter_lines() if line.startswith("data: ")]
    events = [json.loads(line) for line in lines if line != "[DONE]"]
    assert events[-1]["type"] == "transcript.text.done"


def test_subtitles(client: httpx.Client) -> None:
    srt = _post(client, SAMPLES / "yard.wav", response_format="srt").text
    times = re.findall(r"(\d\d):(\d\d):(\d\d),(\d{3}) --> (\d\d):(\d\d):(\d\d),(\d{3})", srt)
    assert len(times) >= 3
    assert GATE in srt.replace("\n", " ")
    vtt = _post(client, SAMPLES / "yard.wav", response_format="vtt").text
    assert vtt.startswith("WEBVTT")


def _wav(seconds: float, rate: int = 16000, channels: int = 1) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(int(seconds * rate) * 2 * channels))
    return buffer.getvalue()


def test_silence_is_empty_text(client: httpx.Client) -> None:
    for backend in ("pocketsphinx", "faster-whisper"):
        reply = _post(client, _wav(3), backend=backend).json()
        assert reply["text"] == ""
        assert reply["success"] is True


@pytest.mark.parametrize(
    ("data", "form", "status", "code"),
    [
        (b"I am text, not sound", {}, 415, "unsupported_media"),
        (b"", {}, 422, "invalid_input"),
        (_wav(0), {}, 422, "invalid_input"),
        (_wav(1), {"language": "klingon"}, 422, "unsupported_option"),
        (_wav(1), {"backend": "nonesuch"}, 422, "unsupported_option"),
        (_wav(3 * 3600, rate=2000), {}, 413, "input_too_large"),
    ],
    ids=["text", "empty", "no samples", "language", "backend", "3 hours"],
)
def test_bad_input_is_a_typed_error(
    client: httpx.Client, data: bytes, form: dict[str, str], status: int, code: str
) -> None:
    answer = _post(client, data, **form)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text[:300]


def test_a_real_recording_where_it_is_at_hand(client: httpx.Client) -> None:
    file = ROOT.parent / "shared" / "data" / "jfk.flac"
    if not file.is_file():
        pytest.skip("../shared/data/jfk.flac is not here")
    words = set(_post(client, file).json()["text"].split())
    assert {"fellow", "country", "what", "your", "can", "do", "you"} <= words
