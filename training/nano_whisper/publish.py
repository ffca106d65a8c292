"""The folder that is committed: compact weights, held-out clips, and a manifest that says how both came about."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from training.nano_whisper.clips import write_flac
from training.nano_whisper.corpus import CorpusSettings
from training.nano_whisper.examples import Clip
from training.nano_whisper.export import expand
from training.nano_whisper.measure import accuracy, choose, measure, speech_times
from training.nano_whisper.model import WIDTH
from training.nano_whisper.phrases import language_of
from training.nano_whisper.runtimes import all_runtimes
from training.nano_whisper.synthesise import SAMPLE_RATE
from training.nano_whisper.train import TrainSettings
from training.nano_whisper.vocabulary import N_VOCAB, WORDS, token_ids
from training.nano_whisper.weights import MANIFEST_FILE, WEIGHTS_FILE, save_weights, sha256_of

PURPOSE = "A test fixture: 32 words in three synthetic voices. No speech model, and never offered to users."
SILENCE_FILE = "silence.flac"
SILENCE_S = 3
LIBRARIES = ("torch", "openai-whisper", "transformers", "tokenizers", "faster-whisper", "ctranslate2", "numpy", "scipy")


@dataclass(frozen=True, slots=True)
class Training:
    """How the network was trained, for the manifest."""

    corpus: CorpusSettings
    settings: TrainSettings
    threads: int


def publish(model: Any, training: Training, held_out: Sequence[Clip], work: Path, folder: Path) -> None:
    """Fill ``folder``; the three forms it is measured in are left below ``work``.

    Raises ValueError where too few held-out clips are right in every runtime.
    """
    folder.mkdir(parents=True, exist_ok=True)
    save_weights(model, folder)
    manifest = _describe(model, training, held_out, folder / WEIGHTS_FILE)
    _write_manifest(manifest, folder)  # ``expand`` checks the weights against it
    measurement = measure(all_runtimes(expand(work / "forms", source=folder)), held_out)
    manifest["accuracy_on_held_out_clips"] = accuracy(measurement)
    _write_manifest(manifest, folder)
    manifest["clips"] = _write_clips(choose(measurement), folder)
    write_flac(np.zeros(SILENCE_S * SAMPLE_RATE, np.int16), folder / SILENCE_FILE)
    manifest["silence"] = SILENCE_FILE
    _write_manifest(manifest, folder)


def _write_manifest(manifest: dict[str, Any], folder: Path) -> None:
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest, ensure_ascii=False, indent=2) + "\n", "utf-8")


def _describe(model: Any, training: Training, held_out: Sequence[Clip], weights: Path) -> dict[str, Any]:
    trained = sum(parameter.numel() for parameter in model.parameters())
    return {
        "purpose": PURPOSE,
        "made_by": "python -m training.nano_whisper build",
        "weights": {
            "file": WEIGHTS_FILE,
            "sha256": sha256_of(weights),
            "dtype": "float16",
            "trained_parameters": trained,
            "parameters_with_fixed_rows": trained + (N_VOCAB - len(token_ids().used)) * WIDTH,
        },
        "vocabulary": WORDS,
        "speech": {
            "en": "flite, voices slt and rms",
            "ko": "espeak-ng, voice ko",
            "sample_rate": SAMPLE_RATE,
            "versions": {
                "flite": _first_line("flite", "--version", mark="version"),
                "espeak-ng": _first_line("espeak-ng", "--version"),
            },
        },
        "corpus": asdict(training.corpus),
        "training": {**asdict(training.settings), "threads": training.threads, "resumable": True},
        "versions": {name: version(name) for name in LIBRARIES},
        "held_out": {
            "clips": len(held_out),
            "texts": "at least two words each; none occurs in training, whose last step is kept whatever they say",
        },
        "chosen_clips": "the first held-out clips of each voice that are right in every runtime, language told or not",
    }


def _first_line(*command: str, mark: str = "") -> str:
    """The first line of a program's output that has ``mark`` in it (flite prints its name and authors first)."""
    # flite --version exits with 1.
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  (a fixed program)
    lines = (line.strip() for line in (done.stdout + done.stderr).splitlines())
    return next((line.removeprefix("version: ") for line in lines if mark in line), "unknown")


def _write_clips(clips: Sequence[Clip], folder: Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    for speech, samples in clips:
        language = language_of(speech.voice)
        number = 1 + sum(entry["language"] == language for entry in entries)
        name = f"{language}_{number:02d}.flac"
        write_flac(samples, folder / name)
        start, end = speech_times((speech, samples))
        entries.append(
            {
                "file": name,
                "text": speech.text,
                "language": language,
                "voice": speech.voice,
                "speech_start_s": round(start, 3),
                "speech_end_s": round(end, 3),
                "duration_s": len(samples) / SAMPLE_RATE,
            }
        )
    return entries
