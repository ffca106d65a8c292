"""The nano Whisper fixture: three libraries load it offline and read its held-out clips exactly."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training.nano_whisper.clips import read_flac
from training.nano_whisper.examples import Audio, to_float
from training.nano_whisper.export import ASSETS, STAMP_FILE, expand
from training.nano_whisper.measure import TIME_TOLERANCE_S
from training.nano_whisper.runtimes import Reading, Runtime, all_runtimes
from training.nano_whisper.synthesise import SAMPLE_RATE
from training.nano_whisper.vocabulary import N_VOCAB, WORDS, token_ids
from training.nano_whisper.weights import WEIGHTS_FILE, WeightsRefused, checked_weights

# openai-whisper leaves its tiktoken file to the garbage collector to close (``whisper/tokenizer.py``, get_encoding).
pytestmark = pytest.mark.filterwarnings(r"ignore:unclosed file.*multilingual\.tiktoken:ResourceWarning")

MANIFEST: dict[str, Any] = json.loads((ASSETS / "manifest.json").read_text("utf-8"))
RUNTIMES = tuple(MANIFEST["accuracy_on_held_out_clips"]["exact_text"])
TIMED = (
    "transformers timestamps",
    "openai-whisper default",
    "faster-whisper float32 default",
    "faster-whisper int8 default",
)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return expand(tmp_path_factory.mktemp("nano_whisper"))


@pytest.fixture(scope="module")
def runtimes(places: Mapping[str, Path]) -> dict[str, Runtime]:
    return all_runtimes(places)


@pytest.fixture(scope="module")
def clips() -> list[Audio]:
    return [to_float(read_flac(ASSETS / entry["file"])) for entry in MANIFEST["clips"]]


@pytest.fixture(scope="module")
def readings(runtimes: Mapping[str, Runtime], clips: list[Audio]) -> dict[str, list[Reading]]:
    languages = [entry["language"] for entry in MANIFEST["clips"]]
    return {
        name: [read(audio, language) for audio, language in zip(clips, languages, strict=True)]
        for name, read in runtimes.items()
    }


@pytest.mark.parametrize("name", RUNTIMES)
def test_every_runtime_reads_every_clip_exactly(readings: Mapping[str, list[Reading]], name: str) -> None:
    assert [reading.text for reading in readings[name]] == [entry["text"] for entry in MANIFEST["clips"]]


def test_the_manifest_measures_the_runtimes_there_are(readings: Mapping[str, list[Reading]]) -> None:
    assert tuple(readings) == RUNTIMES
    columns = zip(*readings.values(), strict=True)
    assert all(len({reading.text for reading in column}) == 1 for column in columns)


@pytest.mark.parametrize("name", TIMED)
def test_segment_times_are_those_of_the_speech(readings: Mapping[str, list[Reading]], name: str) -> None:
    for reading, entry in zip(readings[name], MANIFEST["clips"], strict=True):
        assert reading.spans, entry["file"]
        assert reading.spans[0][0] == pytest.approx(entry["speech_start_s"], abs=TIME_TOLERANCE_S)
        assert reading.spans[-1][1] == pytest.approx(entry["speech_end_s"], abs=TIME_TOLERANCE_S)


@pytest.mark.parametrize("name", RUNTIMES)
def test_silence_has_no_text(runtimes: Mapping[str, Runtime], name: str) -> None:
    silence = to_float(read_flac(ASSETS / MANIFEST["silence"]))
    assert len(silence) == 3 * SAMPLE_RATE
    assert runtimes[name](silence, "en") == Reading("")


@pytest.mark.parametrize("name", TIMED)
def test_the_language_is_detected(runtimes: Mapping[str, Runtime], clips: list[Audio], name: str) -> None:
    for index in (0, -1):  # the first is English, the last Korean
        assert runtimes[name](clips[index], None).text == MANIFEST["clips"][index]["text"]


def test_the_manifest_says_what_is_committed() -> None:
    assert "never offered to users" in MANIFEST["purpose"]
    assert MANIFEST["vocabulary"] == {language: list(words) for language, words in WORDS.items()}
    assert checked_weights(ASSETS)[1] == MANIFEST["weights"]["sha256"]
    assert (ASSETS / WEIGHTS_FILE).stat().st_size < 1_600_000
    voices = [entry["voice"] for entry in MANIFEST["clips"]]
    assert {voice: voices.count(voice) for voice in voices} == {"slt": 6, "rms": 6, "ko": 4}
    for entry in MANIFEST["clips"]:
        assert len(read_flac(ASSETS / entry["file"])) == round(entry["duration_s"] * SAMPLE_RATE)


def test_changed_or_missing_weights_are_refused(tmp_path: Path) -> None:
    for name in (WEIGHTS_FILE, "manifest.json"):
        shutil.copy(ASSETS / name, tmp_path / name)
    content = bytearray((tmp_path / WEIGHTS_FILE).read_bytes())
    content[-1] ^= 1
    (tmp_path / WEIGHTS_FILE).write_bytes(content)
    with pytest.raises(WeightsRefused, match="sha256"):
        expand(tmp_path / "out", ["openai"], source=tmp_path)
    (tmp_path / WEIGHTS_FILE).unlink()
    with pytest.raises(WeightsRefused, match="not found"):
        expand(tmp_path / "out", ["openai"], source=tmp_path)
    assert not (tmp_path / "out").exists()


def test_the_three_forms_hold_the_same_network(places: Mapping[str, Path], clips: list[Audio]) -> None:
    import ctranslate2
    import torch
    import whisper
    from transformers import WhisperForConditionalGeneration

    theirs = WhisperForConditionalGeneration.from_pretrained(places["hf"])
    original = whisper.load_model(str(places["openai"]), device="cpu")
    converted = ctranslate2.models.Whisper(str(places["ct2"]), device="cpu", compute_type="float32")
    embedding = original.decoder.token_embedding.weight
    assert embedding.shape == (N_VOCAB, 64)
    ids = token_ids()
    tokens = torch.tensor([[ids.start_of_transcript, ids.languages["en"], ids.transcribe, ids.no_timestamps]])
    mel = whisper.log_mel_spectrogram(whisper.pad_or_trim(clips[0]))[None]
    with torch.no_grad():
        states = original.encoder(mel)
        logits = original.decoder(tokens, states)
        torch.testing.assert_close(theirs.model.encoder(mel).last_hidden_state, states, atol=1e-4, rtol=0)
        torch.testing.assert_close(theirs(mel, decoder_input_ids=tokens).logits, logits, atol=1e-3, rtol=0)
    features = ctranslate2.StorageView.from_array(mel.numpy())
    np.testing.assert_allclose(np.array(converted.encode(features)), states.numpy(), atol=1e-4)
    unused = np.setdiff1d(np.arange(N_VOCAB), ids.used)
    assert np.all(logits.numpy()[..., unused] == -30)


def test_the_tokenizer_has_the_ids_of_tiktoken(places: Mapping[str, Path]) -> None:
    from tokenizers import Tokenizer
    from whisper.tokenizer import get_encoding

    rebuilt, original = Tokenizer.from_file(str(places["hf"] / "tokenizer.json")), get_encoding("multilingual")
    text = " container ship ready 컨테이너 출발 it's 123,456.7 — naïve 漢字 🚢\n\tend"
    assert rebuilt.encode(text, add_special_tokens=False).ids == original.encode(text)
    assert rebuilt.decode(original.encode(text)) == text
    assert rebuilt.get_vocab_size() == original.n_vocab == N_VOCAB
    assert rebuilt.token_to_id("<|30.00|>") == original.encode_single_token("<|30.00|>")


def test_a_form_is_made_once(tmp_path: Path) -> None:
    checkpoint = expand(tmp_path, ["openai"])["openai"]
    made = checkpoint.stat().st_mtime_ns
    assert expand(tmp_path, ["openai"])["openai"].stat().st_mtime_ns == made
    (checkpoint.parent / STAMP_FILE).write_text("{}", "utf-8")  # as left by other weights or other versions
    assert expand(tmp_path, ["openai"])["openai"].stat().st_mtime_ns > made
    assert [path.name for path in tmp_path.iterdir()] == ["openai"]
