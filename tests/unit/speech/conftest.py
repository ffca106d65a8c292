"""Models that the speech tests share, and recordings to read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deployments.serving.media import InlineMedia
from deployments.speech.engine import SpeechEngine, load_engine
from deployments.speech.types import ChunkTranscript, DecodeOptions, SpeechConfig, SpeechRequest, SpeechResult
from training.nano_whisper.export import ASSETS, expand

SAMPLES = Path(__file__).parents[3] / "samples"
SHARED_DATA = Path(__file__).parents[4] / "shared" / "data"

GATE = "the container is ready for inspection at the gate seven"
CRANE = "the crane is moving the last container"
TRUCK = "please open the gate for the next truck"

WHISPERS = ("faster-whisper", "transformers", "openai-whisper")


@dataclass(frozen=True)
class Clip:
    """A held-out clip of the nano Whisper. Times are of the speech in it, seconds."""

    name: str
    data: bytes
    text: str
    language: str
    start: float
    end: float
    duration: float


def ask(data: bytes, language: str | None = None, *, vad: bool = True, **options: Any) -> SpeechRequest:
    return SpeechRequest(InlineMedia(data, "clip"), language, vad, DecodeOptions(**options))


def answer_together(engine: SpeechEngine, requests: Sequence[SpeechRequest]) -> list[SpeechResult | Exception]:
    """All requests' chunks in one batch."""
    prepared = [engine.prepare(request) for request in requests]
    outcomes = iter(engine.infer([unit for units in prepared for unit in units]))
    results: list[SpeechResult | Exception] = []
    for request, units in zip(requests, prepared, strict=True):
        mine = [next(outcomes) for _ in units]
        failed = next((outcome for outcome in mine if isinstance(outcome, Exception)), None)
        good = [outcome for outcome in mine if isinstance(outcome, ChunkTranscript)]
        results.append(failed or engine.assemble(request, units, good))
    return results


def answer(engine: SpeechEngine, request: SpeechRequest) -> SpeechResult:
    """One request alone."""
    result = answer_together(engine, [request])[0]
    if isinstance(result, Exception):
        raise result
    return result


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


@pytest.fixture(scope="package")
def pocketsphinx() -> Iterator[SpeechEngine]:
    engine = load_engine(SpeechConfig())
    engine.warm_up()
    yield engine
    engine.close()


@pytest.fixture(scope="package")
def nano_forms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SpeechConfig]:
    """The nano Whisper as each backend takes it."""
    places = expand(tmp_path_factory.mktemp("nano_whisper"))
    sources = {"faster-whisper": places["ct2"], "transformers": places["hf"], "openai-whisper": places["openai"]}
    return {
        name: SpeechConfig(backend=name, model=str(source), name="nano-whisper") for name, source in sources.items()
    }


@pytest.fixture(scope="package")
def whispers(nano_forms: dict[str, SpeechConfig]) -> Iterator[dict[str, SpeechEngine]]:
    """All three, loaded and warm."""
    engines = {name: load_engine(config) for name, config in nano_forms.items()}
    for engine in engines.values():
        engine.warm_up()
    yield engines
    for engine in engines.values():
        engine.close()


@pytest.fixture(scope="package")
def clips() -> list[Clip]:
    entries = json.loads((ASSETS / "manifest.json").read_text("utf-8"))["clips"]
    return [
        Clip(
            entry["file"],
            (ASSETS / entry["file"]).read_bytes(),
            entry["text"],
            entry["language"],
            entry["speech_start_s"],
            entry["speech_end_s"],
            entry["duration_s"],
        )
        for entry in entries
    ]
