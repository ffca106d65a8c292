"""How the nano Whisper fixture is made: phrases, batches, resumable training, and the speech programs."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training.nano_whisper.batches import make_batch
from training.nano_whisper.clips import read_flac, write_flac
from training.nano_whisper.examples import Clip, Example, ExampleMaker, to_float
from training.nano_whisper.export import ASSETS
from training.nano_whisper.measure import Measurement, choose, exact, speech_times
from training.nano_whisper.model import UNUSED_ROW, build
from training.nano_whisper.phrases import held_out_phrases, single_words, training_phrases
from training.nano_whisper.runtimes import Reading
from training.nano_whisper.synthesise import (
    PROGRAMS,
    SAMPLE_RATE,
    Speech,
    SynthesiserMissing,
    Voice,
    require_programs,
    synthesise,
)
from training.nano_whisper.train import Trainer, TrainSettings, exact_match, learning_rate
from training.nano_whisper.vocabulary import token_ids
from training.nano_whisper.weights import EMBEDDING, USED_IDS, full_state, save_weights

# openai-whisper leaves its tiktoken file to the garbage collector to close (``whisper/tokenizer.py``, get_encoding).
pytestmark = pytest.mark.filterwarnings(r"ignore:unclosed file.*multilingual\.tiktoken:ResourceWarning")

MANIFEST: dict[str, Any] = json.loads((ASSETS / "manifest.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    return [
        (Speech(entry["text"], entry["voice"], stretch=1.0, pitch=50), read_flac(ASSETS / entry["file"]))
        for entry in MANIFEST["clips"]
    ]


@pytest.fixture(scope="module")
def examples(clips: list[Clip]) -> list[Example]:
    # Whole phrases stand in for single words here: pasting treats them alike.
    maker = ExampleMaker(seed=1)
    singles = [(replace(speech, text=speech.text.split()[0]), samples) for speech, samples in clips]
    return maker.natural(clips) + maker.pasted(singles, 8, excluded=()) + maker.silent(2)


def _trained_network() -> Any:
    import torch
    from safetensors.numpy import load_file

    stored = load_file(ASSETS / "weights.safetensors")
    assert tuple(stored.pop(USED_IDS)) == token_ids().used
    network = build(seed=0)
    state = {name: torch.from_numpy(tensor.astype(np.float32)) for name, tensor in stored.items()}
    assert network.load_state_dict(state, strict=False).missing_keys == ["encoder.positional_embedding"]
    return network


def test_the_short_window_of_training_reads_as_the_full_one_does(clips: list[Clip]) -> None:
    assert exact_match(_trained_network(), ExampleMaker(seed=2).natural(clips)) >= 15 / 16  # noise is added to half


def test_compact_weights_come_back_as_the_full_network(tmp_path: Path) -> None:
    network = build(seed=5)
    save_weights(network, tmp_path)
    state = full_state(tmp_path / "weights.safetensors")
    ids = np.array(token_ids().used)
    rows = network.decoder.token_embedding.weight.detach().numpy()
    np.testing.assert_allclose(state[EMBEDDING][ids], rows, atol=1e-3)
    unused = np.delete(state[EMBEDDING], ids, axis=0)
    assert np.all(unused[:, 0] == UNUSED_ROW)
    assert not unused[:, 1:].any()
    assert set(state) == set(network.state_dict())


def test_training_learns_and_resumes_to_the_same_weights(examples: list[Example], tmp_path: Path) -> None:
    import torch

    settings = TrainSettings(steps=12, batch_size=4, warm_up_steps=2, checkpoint_every=6)
    batch = make_batch(examples, random.Random(0))
    whole = Trainer(examples, settings, tmp_path / "whole.pt")
    before = sum(loss.item() for loss in whole.losses(batch))
    whole.run(examples[:2])
    assert sum(loss.item() for loss in whole.losses(batch)) < 0.8 * before

    Trainer(examples, settings, tmp_path / "parts.pt").run(examples[:2], until=6)
    resumed = Trainer(examples, settings, tmp_path / "parts.pt")
    resumed.resume()
    assert resumed.step == 6
    resumed.run(examples[:2])
    for name, tensor in whole.model.state_dict().items():
        torch.testing.assert_close(resumed.model.state_dict()[name], tensor, atol=0, rtol=0, msg=name)


def test_the_learning_rate_warms_up_and_decays_to_nearly_nothing() -> None:
    settings = TrainSettings(steps=1000, warm_up_steps=100, learning_rate=1.0, constant_share=0.4)
    assert learning_rate(settings, 49) == pytest.approx(0.5)
    assert learning_rate(settings, 399) == 1.0
    assert learning_rate(settings, 700) == pytest.approx(0.51)
    assert learning_rate(settings, 999) < 0.011


def test_batches_ask_for_whisper_token_sequences(examples: list[Example]) -> None:
    ids = token_ids()
    phrase, silence = examples[0], examples[-1]
    batch = make_batch([phrase, silence], random.Random(0), augment=False)
    written = [[ids.used[t] for t in row] for row in batch.tokens.tolist()]
    prompt = [ids.start_of_transcript, ids.languages["en"], ids.transcribe, ids.no_timestamps]
    words = ids.of_words(phrase.words)
    assert written[0] == [*prompt, *words]
    wanted = [ids.used[t] if t >= 0 else None for t in batch.targets[0].tolist()]
    assert wanted == [ids.languages["en"], None, None, *words, ids.end_of_text]
    assert ids.used[int(batch.targets[1, 0])] == ids.no_speech
    assert ids.timestamp(1.21) == ids.timestamp(1.3) == ids.timestamp_begin + 65


def test_held_out_texts_are_never_trained_on(clips: list[Clip]) -> None:
    held_out = {speech.text for speech in held_out_phrases(seed=3, english=200, korean=40)}
    assert len(held_out) == 240
    assert held_out & {phrase.text for phrase in training_phrases(4, 2000, excluded=())}  # it does happen by chance
    assert not held_out & {phrase.text for phrase in training_phrases(4, 2000, excluded=held_out)}
    spoken = [(word, clips[0][1]) for word in single_words(seed=5, takes=1)]
    pasted = ExampleMaker(seed=6).pasted(spoken, 200, excluded=held_out)
    assert not held_out & {" ".join(example.words) for example in pasted}


def test_only_clips_right_in_every_runtime_are_chosen(clips: list[Clip]) -> None:
    right = [Reading(speech.text, (speech_times((speech, samples)),)) for speech, samples in clips]
    wrong = [replace(right[0], text="zero"), *right[1:]]
    late = [*right[:-1], replace(right[-1], spans=((0.0, 9.0),))]
    assert choose(Measurement(clips, {"a": right}, {"a": right})) == clips
    with pytest.raises(ValueError, match="5 clips of voice slt"):
        choose(Measurement(clips, {"a": right, "b": wrong}, {"a": right, "b": right}))
    with pytest.raises(ValueError, match="3 clips of voice ko"):
        choose(Measurement(clips, {"a": late}, {"a": right}))
    assert exact(clips, wrong) == {"en": "11/12", "ko": "4/4"}


def test_a_missing_speech_program_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SynthesiserMissing, match="flite, espeak-ng"):
        require_programs()


def test_flac_is_lossless(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(-32_768, 32_767, 20_001).astype(np.int16)
    write_flac(samples, tmp_path / "noise.flac")
    np.testing.assert_array_equal(read_flac(tmp_path / "noise.flac"), samples)


@pytest.mark.system
@pytest.mark.parametrize(
    ("text", "voice"), [("container ship ready", "slt"), ("truck", "rms"), ("컨테이너 출발", "ko")]
)
def test_the_speech_programs_speak(text: str, voice: Voice) -> None:
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed")
    slow, fast = (synthesise(Speech(text, voice, stretch, pitch=50)) for stretch in (1.3, 0.9))
    assert slow.dtype == np.int16
    assert np.abs(to_float(slow)).max() > 0.1
    assert 0.2 * SAMPLE_RATE < len(fast) < len(slow) < 5 * SAMPLE_RATE
