"""Speech: 16 clients over HTTP against faster-whisper's own pipeline one request at a time; and a soak for memory.

On the tests' nano Whisper, whose shape is small and whose text can be compared.
"""

from __future__ import annotations

import io
import json
import os
import statistics
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from deployments.bench import load
from deployments.launch import instance
from tests.benchmarks.report import Report

ROOT = Path(__file__).resolve().parents[2]
NANO = ROOT / "tests" / "assets" / "nano_whisper"
CLIENTS = 16
RATE = 16000


def configure(config: dict[str, Any]) -> None:
    """Have the cluster load the nano Whisper first. Called before it starts."""
    speech = next(item for item in config["applications"] if item["name"] == "speech")
    speech["args"]["backends"] = [{"backend": "faster-whisper", "model": str(nano()), "name": "nano-whisper"}]
    speech["args"]["batching"]["max_batch_size"] = CLIENTS


def measure(base_url: str, report: Report) -> None:
    """Audio seconds per second, the same text, and resident memory over 200 transcriptions."""
    clips = spoken_clips()
    seconds = sum(len(clip) for clip in clips) / RATE
    calls = [_multipart(f"{base_url}/speech/transcribe", wav(clip)) for clip in clips]
    plain = {threads: _plain_pipeline(threads) for threads in (1, 2)}
    texts = [_text(base_url, wav(clip)) for clip in clips]
    assert plain[1](clips) == texts, "faster-whisper's own pipeline reads another text"
    ours: list[float] = []
    alone: dict[int, list[float]] = {threads: [] for threads in plain}
    for _ in range(3):  # interleaved, so that a noisy minute hits all
        result = load.run(base_url, calls, CLIENTS, 8)
        assert not result.failures, result.failures[:3]
        ours.append(result.per_second * seconds / len(clips))
        for threads, transcribe in plain.items():
            began = time.perf_counter()
            transcribe(clips)
            alone[threads].append(seconds / (time.perf_counter() - began))
    served = statistics.median(ours)
    best = max(statistics.median(rates) for rates in alone.values())
    report.row("speech", f"HTTP, {CLIENTS} clients, clips of 3-10 s", served, "audio s/s")
    for threads, rates in alone.items():
        what = f"BatchedInferencePipeline, one at a time, {threads} thread{'s' * (threads > 1)}"
        report.row("speech", what, statistics.median(rates), "audio s/s")
    report.ratio("speech", "clips over HTTP / best one at a time, same text", served / best, at_least=1.5)
    _soak(base_url, clips, report)


def _soak(base_url: str, clips: list[np.ndarray[Any, Any]], report: Report) -> None:
    resident = []
    for number in range(200):
        _text(base_url, wav(clips[number % len(clips)]))
        if number + 1 in (20, 200):
            resident.append(_replica_bytes())
    report.row("speech", "resident memory of the replica after 20 transcriptions", resident[0] / 2**20, "MB")
    report.row("speech", "after 200", resident[1] / 2**20, "MB")
    report.ratio("speech", "memory after 200 / after 20", resident[1] / resident[0], at_most=1.05)


def _replica_bytes() -> int:
    running = instance.load()
    assert running is not None
    for pid in instance.processes(running.name):
        if b"ServeReplica:speech" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    raise AssertionError("no speech replica runs")


def _plain_pipeline(threads: int) -> Callable[[list[np.ndarray[Any, Any]]], list[str]]:
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    model = WhisperModel(str(nano()), device="cpu", compute_type="int8", cpu_threads=threads)
    pipeline = BatchedInferencePipeline(model)

    def transcribe(clips: list[np.ndarray[Any, Any]]) -> list[str]:
        texts = []
        for clip in clips:
            segments, _ = pipeline.transcribe(io.BytesIO(wav(clip)), without_timestamps=False)
            texts.append("".join(segment.text for segment in segments).strip())
        return texts

    return transcribe


def nano() -> Path:
    from training.nano_whisper.export import expand

    return expand(ROOT / ".pytest_cache" / "d" / "nano_whisper", forms=("ct2",))["ct2"]


def spoken_clips() -> list[np.ndarray[Any, Any]]:
    """16 clips of 3 to 10 s, int16, of the fixture's English phrases one after the other."""
    from training.nano_whisper.clips import read_flac

    manifest = json.loads((NANO / "manifest.json").read_text())["clips"]
    phrases = [read_flac(NANO / clip["file"]) for clip in manifest if clip["language"] == "en" and clip["text"]]
    chance = np.random.default_rng(0)
    clips = []
    for number in range(CLIENTS):
        length = int((3 + 7 * number / (CLIENTS - 1)) * RATE)
        sound = np.concatenate([phrases[chance.integers(len(phrases))] for _ in range(12)])
        clips.append(sound[:length])
    return clips


def wav(samples: np.ndarray[Any, Any]) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()


def _multipart(url: str, data: bytes) -> bytes:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    return load.request_bytes(url, head + data + b"\r\n--b--\r\n", "multipart/form-data; boundary=b")


def _text(base_url: str, data: bytes) -> str:
    reply = httpx.post(f"{base_url}/speech/transcribe", files={"file": ("a.wav", data)}, timeout=120)
    text: str = reply.raise_for_status().json()["text"]
    return text.strip()
