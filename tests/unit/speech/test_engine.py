"""The engine on the fake and the embedded backend: batching, isolation, options, silence, times."""

from __future__ import annotations

import pickle
import time

import numpy as np
import pytest

from deployments.serving.audio import AudioPolicy, load_audio
from deployments.serving.errors import EngineFailed, InputTooLarge, UnsupportedMedia, UnsupportedOption
from deployments.serving.media import InlineMedia
from deployments.serving.weights import WeightsMissing
from deployments.speech.backends.fake import FakeBackend
from deployments.speech.engine import SpeechEngine, load_engine
from deployments.speech.types import ChunkTranscript, SpeechConfig, SpeechRequest
from tests.unit.speech.conftest import (
    CRANE,
    GATE,
    SHARED_DATA,
    TRUCK,
    answer,
    answer_together,
    ask,
    sample,
)
from tests.unit.speech.sounds import encode, tone, wav


def fake(chunk_s: float = 30.0, **options: float) -> tuple[SpeechEngine, FakeBackend]:
    backend = FakeBackend(**options)
    return SpeechEngine(backend, audio=AudioPolicy(max_duration_s=100), chunk_s=chunk_s), backend


def test_requests_with_equal_options_share_a_decode() -> None:
    engine, backend = fake()
    requests = [
        ask(wav(tone(1.0, 16_000)), vad=False),
        ask(wav(tone(2.0, 16_000)), "ko", vad=False),
        ask(wav(tone(3.0, 16_000)), vad=False, word_timestamps=True),
        ask(wav(tone(4.0, 16_000)), vad=False, task="translate"),
    ]
    results = answer_together(engine, requests)
    assert [getattr(result, "text", result) for result in results] == [
        "10 tenths", "20 tenths", "30 tenths", "40 tenths"
    ]  # fmt: skip
    assert [lengths for _, lengths, _ in backend.calls] == [[1.0, 2.0], [3.0], [4.0]]
    assert [getattr(result, "language", "") for result in results] == ["en", "ko", "en", "en"]


def test_what_cannot_be_shared_is_decoded_alone_and_in_order() -> None:
    engine, backend = fake(chunk_s=2.0)
    loud = wav(np.concatenate([tone(1.8, 16_000), np.zeros(6400, np.float32), tone(1.8, 16_000)]))
    together = [
        ask(loud, vad=False, condition_on_previous_text=True, prompt="Before."),
        ask(wav(tone(1.0, 16_000)), vad=False, temperature=0.4),
        ask(wav(tone(1.5, 16_000)), vad=False, temperature=0.4),
        ask(wav(tone(1.2, 16_000)), vad=False),
        ask(wav(tone(1.3, 16_000)), vad=False),
    ]
    results = answer_together(engine, together)
    assert not [result for result in results if isinstance(result, Exception)]
    assert sorted(len(lengths) for _, lengths, _ in backend.calls) == [1, 1, 1, 1, 1, 2]
    conditioned = [previous[0] for options, _, previous in backend.calls if options.condition_on_previous_text]
    first = answer(engine, together[0]).segments[0].text
    assert conditioned[0] == "Before."
    assert conditioned[1] == "Before." + first


def test_a_batch_mate_is_not_harmed() -> None:
    engine, _ = fake(fail_above=0.8)
    good = [ask(wav(tone(seconds, 16_000)), vad=False) for seconds in (1.0, 2.0)]
    bad = ask(wav(tone(1.5, 16_000, level=0.99)), vad=False)
    first, failed, last = answer_together(engine, [good[0], bad, good[1]])
    assert isinstance(failed, EngineFailed)
    assert "makes the fake model fail" in failed.message
    assert [getattr(result, "text", result) for result in (first, last)] == ["10 tenths", "20 tenths"]


def test_one_language_for_all_chunks_of_a_request() -> None:
    engine, _ = fake(chunk_s=2.0)
    request = ask(wav(tone(5.0, 16_000)), vad=False)
    units = engine.prepare(request)
    assert len(units) > 2
    assert len({id(unit.context) for unit in units}) == 1
    outcomes = engine.infer(units)
    assert {outcome.language for outcome in outcomes if isinstance(outcome, ChunkTranscript)} == {"en"}


def test_cost_is_milliseconds() -> None:
    engine, _ = fake()
    (unit,) = engine.prepare(ask(wav(tone(2.5, 16_000)), vad=False))
    assert engine.cost(unit) == 2500
    (nothing,) = engine.prepare(ask(wav(np.zeros(80_000, np.float32))))
    assert engine.cost(nothing) == 1


@pytest.mark.parametrize("vad", [True, False])
def test_silence_is_no_text(pocketsphinx: SpeechEngine, vad: bool) -> None:
    result = answer(pocketsphinx, ask(wav(np.zeros(48_000, np.float32)), vad=vad))
    assert (result.text, result.segments, result.duration_s, result.language) == ("", (), 3.0, "en")
    assert result.real_time_factor > 0


def test_noise_is_no_text(pocketsphinx: SpeechEngine) -> None:
    noise = np.random.default_rng(0).normal(0, 0.01, 48_000).astype(np.float32)
    assert answer(pocketsphinx, ask(wav(noise))).text == ""


@pytest.mark.parametrize(("name", "text"), [("gate.wav", GATE), ("crane.wav", CRANE)])
def test_embedded_backend_reads_the_samples(pocketsphinx: SpeechEngine, name: str, text: str) -> None:
    result = answer(pocketsphinx, ask(sample(name), word_timestamps=True))
    assert result.text == text
    assert (result.backend, result.model, result.language) == ("pocketsphinx", "pocketsphinx-en-us", "en")
    words = [word for segment in result.segments for word in segment.words]
    assert [word.text.strip() for word in words] == text.split()
    assert all(0 < word.probability <= 1 for word in words)
    times = [second for word in words for second in (word.start, word.end)]
    assert times == sorted(times)
    assert 0 < times[0] < 0.6
    assert result.duration_s - 0.6 < times[-1] <= result.duration_s


def test_times_are_those_of_the_recording(pocketsphinx: SpeechEngine) -> None:
    """Sentences start at 0.2, 5.6 and 10.4 s (samples/README.md); two silences of 2 s are left out before decoding."""
    result = answer(pocketsphinx, ask(sample("yard.wav")))
    assert [segment.text.strip() for segment in result.segments] == [GATE, CRANE, TRUCK]
    assert [segment.start for segment in result.segments] == [
        pytest.approx(0.2, abs=0.5), pytest.approx(5.6, abs=0.5), pytest.approx(10.4, abs=0.5)
    ]  # fmt: skip
    assert [segment.end for segment in result.segments] == [
        pytest.approx(3.3, abs=0.5), pytest.approx(8.0, abs=0.5), pytest.approx(12.5, abs=0.5)
    ]  # fmt: skip


def test_a_chunk_does_not_depend_on_those_before(pocketsphinx: SpeechEngine) -> None:
    """PocketSphinx keeps estimates of the noise from one utterance to the next unless it is told not to."""
    alone = answer(pocketsphinx, ask(sample("crane.wav"), word_timestamps=True))
    hum = ask(wav(tone(1.0, 16_000, 300.0)), vad=False)
    results = answer_together(pocketsphinx, [hum, ask(sample("crane.wav"), word_timestamps=True)])
    assert getattr(results[1], "segments", None) == alone.segments


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (96_000, 2)])
def test_other_rates_read_the_same_words(pocketsphinx: SpeechEngine, rate: int, channels: int) -> None:
    samples = load_audio(InlineMedia(sample("gate.wav")), AudioPolicy())
    other = encode("wav", samples, 16_000, channels, to_rate=rate)
    text = answer(pocketsphinx, ask(other)).text
    if rate == 96_000:
        assert text == GATE
    else:  # the model was trained on 16 kHz, and consonants live above 4 kHz
        assert sum(mine == theirs for mine, theirs in zip(text.split(), GATE.split(), strict=False)) >= 7


@pytest.mark.skipif(not (SHARED_DATA / "jfk.flac").is_file(), reason="../shared/data/jfk.flac is not here")
def test_a_real_recording(pocketsphinx: SpeechEngine) -> None:
    result = answer(pocketsphinx, ask((SHARED_DATA / "jfk.flac").read_bytes()))
    assert result.duration_s == pytest.approx(11.0, abs=0.1)
    said = "my fellow americans ask not what your country can do for you"
    assert len(set(said.split()) & set(result.text.split())) >= 8


def test_bad_inputs(pocketsphinx: SpeechEngine) -> None:
    with pytest.raises(UnsupportedOption, match="no language") as raised:
        pocketsphinx.prepare(ask(sample("gate.wav"), "xx"))
    assert raised.value.details == {"field": "language", "available": ["en"]}
    with pytest.raises(UnsupportedOption, match="does not know korean"):
        pocketsphinx.prepare(ask(sample("gate.wav"), "ko"))
    with pytest.raises(UnsupportedOption, match="cannot translate"):
        pocketsphinx.prepare(ask(sample("gate.wav"), task="translate"))
    for option in ({"prompt": "x"}, {"temperature": 0.5}, {"condition_on_previous_text": True}):
        with pytest.raises(UnsupportedOption, match=f"has no {next(iter(option))}"):
            pocketsphinx.prepare(ask(sample("gate.wav"), **option))
    with pytest.raises(UnsupportedMedia):
        pocketsphinx.prepare(ask(b"text\n" * 100))
    engine, _ = fake()
    with pytest.raises(InputTooLarge):
        engine.prepare(ask(wav(np.zeros(101 * 16_000, np.float32))))


@pytest.mark.parametrize("said", ["en", "EN", "en-US", "en_GB", "English", " english "])
def test_languages_by_code_and_name(pocketsphinx: SpeechEngine, said: str) -> None:
    (unit,) = pocketsphinx.prepare(ask(sample("gate.wav"), said))
    assert unit.context.language == "en"


def test_pickles_cross_processes() -> None:
    config = SpeechConfig(backend="fake", audio=AudioPolicy(max_bytes=10**6))
    engine = load_engine(pickle.loads(pickle.dumps(config)))
    request = pickle.loads(pickle.dumps(ask(wav(tone(1.0, 16_000)), vad=False)))
    assert isinstance(request, SpeechRequest)
    result = answer(engine, request)
    assert pickle.loads(pickle.dumps(result)) == result
    assert engine.card.notes["max_bytes"] == 10**6


def test_what_cannot_be_loaded_says_why() -> None:
    with pytest.raises(UnsupportedOption, match="no backend 'kaldi'"):
        load_engine(SpeechConfig(backend="kaldi"))
    with pytest.raises(WeightsMissing, match="no model folder"):
        load_engine(SpeechConfig(backend="faster-whisper", model="/nowhere/model"))
    with pytest.raises(ValueError, match="chunk_s"):
        SpeechConfig(chunk_s=31)


def test_real_time_factor_is_of_this_request() -> None:
    engine, _ = fake(delay_s=0.2)
    began = time.monotonic()
    result = answer(engine, ask(wav(tone(4.0, 16_000)), vad=False))
    assert 0.2 <= result.processing_s <= time.monotonic() - began
    assert result.real_time_factor == pytest.approx(result.processing_s / 4.0)
