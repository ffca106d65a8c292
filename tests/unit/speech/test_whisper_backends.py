"""The three Whisper libraries on the same weights: right, alike, and the same in a batch as alone."""

from __future__ import annotations

import resource
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deployments.serving.audio import AudioPolicy, load_audio
from deployments.serving.errors import BackendMissing, UnsupportedOption
from deployments.serving.media import InlineMedia
from deployments.serving.weights import WeightsMissing
from deployments.speech.engine import SpeechEngine, load_engine
from deployments.speech.types import Segment, SpeechConfig, SpeechResult
from tests.unit.speech.conftest import WHISPERS, Clip, answer, answer_together, ask
from tests.unit.speech.sounds import encode, wav
from training.nano_whisper.export import ASSETS

Engines = dict[str, SpeechEngine]

each = pytest.mark.parametrize("name", WHISPERS)


def samples_of(clip: Clip) -> Any:
    return load_audio(InlineMedia(clip.data), AudioPolicy())


@each
def test_one_batch_of_two_languages_is_exact(whispers: Engines, clips: list[Clip], name: str) -> None:
    results = answer_together(whispers[name], [ask(clip.data) for clip in clips])
    assert [getattr(result, "text", result) for result in results] == [clip.text for clip in clips]
    for clip, result in zip(clips, results, strict=True):
        assert isinstance(result, SpeechResult)
        assert (result.language, result.backend, result.model) == (clip.language, name, "nano-whisper")
        assert result.language_probability is not None
        assert result.language_probability > 0.9
        assert result.duration_s == pytest.approx(clip.duration, abs=0.01)


@each
def test_times(whispers: Engines, clips: list[Clip], name: str) -> None:
    results = answer_together(whispers[name], [ask(clip.data, clip.language, word_timestamps=True) for clip in clips])
    for clip, result in zip(clips, results, strict=True):
        assert isinstance(result, SpeechResult)
        assert result.segments[0].start == pytest.approx(clip.start, abs=0.5)
        assert result.segments[-1].end == pytest.approx(clip.end, abs=0.5)
        words = [word for segment in result.segments for word in segment.words]
        assert "".join(word.text for word in words).strip() == clip.text
        times = [second for word in words for second in (word.start, word.end)]
        assert times == sorted(times)
        assert times[0] == pytest.approx(clip.start, abs=0.5)


def test_the_libraries_agree(whispers: Engines, clips: list[Clip]) -> None:
    requests = [ask(clip.data, word_timestamps=True) for clip in clips]
    answers = {name: answer_together(engine, requests) for name, engine in whispers.items()}
    for others in zip(*answers.values(), strict=True):
        first, *rest = others
        for other in rest:
            assert isinstance(first, SpeechResult)
            assert isinstance(other, SpeechResult)
            _alike(first.segments, other.segments)


@each
def test_a_batch_answers_as_alone(whispers: Engines, clips: list[Clip], name: str) -> None:
    engine = whispers[name]
    requests = [ask(clip.data) for clip in clips[:5]] + [ask(clips[-1].data, clips[-1].language)]
    together = answer_together(engine, requests)
    for request, result in zip(requests, together, strict=True):
        alone = answer(engine, request)
        assert isinstance(result, SpeechResult)
        assert (result.text, result.language) == (alone.text, alone.language)
        _alike(result.segments, alone.segments)


@each
@pytest.mark.parametrize("vad", [True, False])
def test_silence_and_noise_are_no_text(whispers: Engines, name: str, vad: bool) -> None:
    engine = whispers[name]
    assert answer(engine, ask((ASSETS / "silence.flac").read_bytes(), vad=vad)).text == ""
    if vad:
        noise = np.random.default_rng(3).normal(0, 0.01, 64_000).astype(np.float32)
        assert answer(engine, ask(wav(noise))).text == ""


@each
def test_a_long_recording_in_chunks(whispers: Engines, clips: list[Clip], nano_forms: Any, name: str) -> None:
    """Three phrases with pauses; the nano model reads one phrase at a time, so each gets a chunk."""
    english = [clip for clip in clips if clip.language == "en"][:3]
    pause = np.zeros(32_000, np.float32)
    sound = np.concatenate([part for clip in english for part in (samples_of(clip), pause)])
    longest = max(clip.duration for clip in english) + 0.5
    engine = SpeechEngine(whispers[name]._backend, chunk_s=longest)
    request = ask(wav(sound), word_timestamps=True)
    assert len(engine.prepare(request)) == 3
    result = answer(engine, request)
    assert result.text == " ".join(clip.text for clip in english)
    at = 0.0
    for clip, segment in zip(english, result.segments, strict=True):
        assert segment.start == pytest.approx(at + clip.start, abs=0.5)
        assert segment.end == pytest.approx(at + clip.end, abs=0.5)
        at += clip.duration + 2.0


@each
def test_options_that_are_decoded_alone(whispers: Engines, clips: list[Clip], name: str) -> None:
    """The nano model has learnt neither prompts nor sampling: only that they reach it and leave the others alone."""
    mate = clips[0]
    results = answer_together(
        whispers[name],
        [
            ask(mate.data),
            ask(clips[1].data, temperature=0.01),
            ask(clips[2].data, condition_on_previous_text=True),
            ask(clips[3].data, prompt="seven ships"),
            ask(clips[4].data, task="translate"),
        ],
    )
    assert all(isinstance(result, SpeechResult) for result in results)
    texts = [getattr(result, "text", "") for result in results]
    assert texts[:3] == [clip.text for clip in clips[:3]]
    assert getattr(results[1], "temperature", 0) == 0.01
    assert getattr(results[4], "task", "") == "translate"


def test_another_rate(whispers: Engines, clips: list[Clip]) -> None:
    """96 kHz stereo. (At 8 kHz the nano model, which has never heard a telephone, is right on a third.)"""
    requests = [ask(encode("wav", samples_of(clip), 16_000, 2, to_rate=96_000)) for clip in clips[:6]]
    results = answer_together(whispers["faster-whisper"], requests)
    assert [getattr(result, "text", "") for result in results] == [clip.text for clip in clips[:6]]


def test_decoding_a_whole_batch_at_once_as_gpus_do(
    whispers: Engines, clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the first of the two languages fills the batch, so words need the rows of one language alone."""
    requests = [ask(clip.data, word_timestamps=True) for clip in clips]
    in_parts = answer_together(whispers["faster-whisper"], requests)
    monkeypatch.setattr(whispers["faster-whisper"]._backend, "_rows_at_once", None)
    at_once = answer_together(whispers["faster-whisper"], requests)
    for one, other in zip(in_parts, at_once, strict=True):
        assert isinstance(one, SpeechResult)
        assert isinstance(other, SpeechResult)
        assert one.language == other.language
        _alike(one.segments, other.segments)


def test_memory_stays(whispers: Engines, clips: list[Clip]) -> None:
    engine = whispers["faster-whisper"]
    resident = []
    for count in range(150):
        clip = clips[count % len(clips)]
        assert answer(engine, ask(clip.data, word_timestamps=count % 3 == 0)).text == clip.text
        resident.append(_resident_bytes())
    assert resident[149] - resident[49] < 12e6, [rss // 10**6 for rss in resident[::10]]


def test_unknown_language(whispers: Engines, clips: list[Clip]) -> None:
    for engine in whispers.values():
        with pytest.raises(UnsupportedOption, match="no language 'xx'"):
            engine.prepare(ask(clips[0].data, "xx"))
        assert len(engine.card.languages) > 90


def test_equal_text_to_the_librarys_own_pipeline(whispers: Engines, clips: list[Clip], nano_forms: Any) -> None:
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    model = WhisperModel(nano_forms["faster-whisper"].model, device="cpu", compute_type="int8", cpu_threads=1)
    pipeline = BatchedInferencePipeline(model)
    engine = whispers["faster-whisper"]
    for clip in clips:
        found, info = pipeline.transcribe(samples_of(clip), without_timestamps=False)
        expected = list(found)
        mine = answer(engine, ask(clip.data))
        assert mine.text == "".join(segment.text for segment in expected).strip()
        assert mine.language == info.language
        for segment, theirs in zip(mine.segments, expected, strict=True):
            assert (segment.start, segment.end) == pytest.approx((theirs.start, theirs.end), abs=0.02)


@each
def test_without_time_stamps(nano_forms: dict[str, SpeechConfig], clips: list[Clip], name: str) -> None:
    engine = load_engine(replace(nano_forms[name], timestamps=False))
    results = answer_together(engine, [ask(clip.data) for clip in clips[:4]])
    assert [getattr(result, "text", "") for result in results] == [clip.text for clip in clips[:4]]
    assert all(len(result.segments) == 1 for result in results if isinstance(result, SpeechResult))
    engine.close()


def test_device_and_compute_type(nano_forms: dict[str, SpeechConfig], monkeypatch: pytest.MonkeyPatch) -> None:
    config = nano_forms["faster-whisper"]
    assert _compute_type(config) == "int8_float32"  # auto on a CPU
    assert _compute_type(replace(config, compute_type="float32")) == "float32"
    monkeypatch.setenv("STT_COMPUTE_TYPE", "float32")
    assert _compute_type(replace(config, compute_type="int8")) == "float32"
    monkeypatch.setenv("STT_COMPUTE_TYPE", "int8")
    assert _compute_type(nano_forms["transformers"]) == "float32"  # has no integers
    assert _compute_type(nano_forms["openai-whisper"]) == "float32"
    monkeypatch.setenv("STT_COMPUTE_TYPE", "int9")
    with pytest.raises(UnsupportedOption, match="no compute type 'int9'"):
        load_engine(config)
    monkeypatch.setenv("STT_COMPUTE_TYPE", "auto")
    monkeypatch.setenv("STT_DEVICE", "toaster")
    for name in WHISPERS:
        with pytest.raises(BackendMissing, match="toaster"):
            load_engine(nano_forms[name])


def test_the_wrong_form_of_a_model(nano_forms: dict[str, SpeechConfig]) -> None:
    hugging_face, ctranslate2 = nano_forms["transformers"].model, nano_forms["faster-whisper"].model
    with pytest.raises(WeightsMissing, match=r"ct2-transformers-converter --model .*/hf --output_dir"):
        load_engine(SpeechConfig(backend="faster-whisper", model=hugging_face))
    with pytest.raises(WeightsMissing, match=r"model\.safetensors"):
        load_engine(SpeechConfig(backend="transformers", model=ctranslate2))
    with pytest.raises(WeightsMissing, match=r"no \.pt file"):
        load_engine(SpeechConfig(backend="openai-whisper", model=ctranslate2))


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _compute_type(config: SpeechConfig) -> str:
    engine = load_engine(config)
    found = str(engine.card.notes["compute_type"])
    engine.close()
    return found


def _alike(one: tuple[Segment, ...], other: tuple[Segment, ...]) -> None:
    assert [segment.text for segment in one] == [segment.text for segment in other]
    for mine, theirs in zip(one, other, strict=True):
        assert mine.start == pytest.approx(theirs.start, abs=0.21)
        assert mine.end == pytest.approx(theirs.end, abs=0.21)
        assert mine.avg_logprob == pytest.approx(theirs.avg_logprob, abs=0.05)
        for word, their_word in zip(mine.words, theirs.words, strict=True):
            assert word.text == their_word.text
            assert word.start == pytest.approx(their_word.start, abs=0.21)
            assert word.probability == pytest.approx(their_word.probability, abs=0.1)
