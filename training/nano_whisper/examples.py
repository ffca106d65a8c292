"""Training examples: log-mel spectrograms of natural phrases, of pasted single words, and of silence."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.nano_whisper.phrases import ENGLISH_VOICES, KOREAN_VOICE, language_of
from training.nano_whisper.synthesise import SAMPLE_RATE, Speech, Voice
from training.nano_whisper.vocabulary import Language

#: Samples between two mel frames (10 ms), as in openai-whisper ``audio.py``.
HOP = 160
Audio = NDArray[np.float32]
Clip = tuple[Speech, NDArray[np.int16]]


@dataclass(frozen=True, slots=True)
class Example:
    """One utterance. Times are in mel frames of 10 ms."""

    log_mel: Any  # torch tensor (80, frames): log10 of mel power, not yet scaled
    language: Language
    words: tuple[str, ...]
    #: (start, end) of every word where they are known: in pasted phrases only.
    spans: tuple[tuple[float, float], ...] | None
    speech_end: float


@cache
def _mel_filters_and_window() -> tuple[Any, Any]:
    import torch
    from whisper.audio import mel_filters

    return mel_filters("cpu", 80), torch.hann_window(400)


def log_mel(audio: Audio) -> Any:
    """log10 of the mel power, shape (80, len(audio) // 160): ``whisper.log_mel_spectrogram`` before its scaling."""
    import torch

    filters, window = _mel_filters_and_window()
    spectrum = torch.stft(torch.from_numpy(audio), 400, HOP, window=window, return_complex=True)
    return torch.clamp(filters @ spectrum[..., :-1].abs() ** 2, min=1e-10).log10()


def speech_edges(audio: Audio, threshold: float = 0.02) -> tuple[int, int]:
    """First and last sample (5 ms blocks) louder than ``threshold`` of the loudest; all of it where none is."""
    blocks = len(audio) // 80
    peaks = np.abs(audio[: blocks * 80]).reshape(blocks, 80).max(axis=1)
    loud = np.flatnonzero(peaks > threshold * max(float(peaks.max(initial=0.0)), 1e-3))
    return (int(loud[0]) * 80, min(len(audio), (int(loud[-1]) + 1) * 80)) if len(loud) else (0, len(audio))


def to_float(samples: NDArray[np.int16]) -> Audio:
    """16-bit samples as float32 in [-1, 1)."""
    return samples.astype(np.float32) / np.float32(32_768)


class ExampleMaker:
    """Makes examples with seeded noise, gaps and choices."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.noise = np.random.default_rng(seed)

    def _with_noise(self, audio: Audio) -> Audio:
        """Half of the time white noise at 20 to 45 dB signal-to-noise."""
        if self.draw.random() < 0.5:
            return audio
        level = np.sqrt((audio**2).mean() + 1e-9) * 10 ** (-self.draw.uniform(20, 45) / 20)
        return audio + self.noise.standard_normal(len(audio)).astype(np.float32) * np.float32(level)

    def natural(self, clips: Sequence[Clip]) -> list[Example]:
        """One example for every spoken phrase; where its words begin is not known."""
        examples: list[Example] = []
        for speech, samples in clips:
            audio = to_float(samples)
            _, end = speech_edges(audio)
            words = tuple(speech.text.split())
            examples.append(
                Example(log_mel(self._with_noise(audio)), language_of(speech.voice), words, None, end / HOP)
            )
        return examples

    def pasted(self, clips: Sequence[Clip], count: int, excluded: Collection[str]) -> list[Example]:
        """``count`` phrases pasted from single words with gaps of 0 to 0.3 s, no text of which is in ``excluded``."""
        takes: dict[Voice, dict[str, list[Audio]]] = {}
        for speech, samples in clips:
            audio = to_float(samples)
            start, end = speech_edges(audio)
            cut = audio[max(0, start - 320) : end + 320]
            takes.setdefault(speech.voice, {}).setdefault(speech.text, []).append(cut)
        examples: list[Example] = []
        while len(examples) < count:
            voice = KOREAN_VOICE if self.draw.random() < 0.15 else self.draw.choice(ENGLISH_VOICES)
            length = self.draw.choice((1, 1, 2, 3, 4) if voice == KOREAN_VOICE else (1, 1, 2, 2, 3, 4, 5, 6))
            words = tuple(self.draw.choice(list(takes[voice])) for _ in range(length))
            if " ".join(words) not in excluded:
                examples.append(self._paste(voice, words, takes[voice]))
        return examples

    def _paste(self, voice: Voice, words: tuple[str, ...], takes: dict[str, list[Audio]]) -> Example:
        pieces: list[Audio] = []
        spans: list[tuple[float, float]] = []
        position = 0
        for word in words:
            gap_s = self.draw.choice((0, 0.03, 0.1, self.draw.uniform(0, 0.3)))
            gap = np.zeros(int(gap_s * SAMPLE_RATE), np.float32)
            take = self.draw.choice(takes[word])
            start = position + len(gap)
            position = start + len(take)
            spans.append((start / HOP, position / HOP))
            pieces += [gap, take]
        audio = self._with_noise(np.concatenate(pieces))
        speech_end = spans[-1][1] - 2  # each take ends with 20 ms of margin
        return Example(log_mel(audio), language_of(voice), words, tuple(spans), speech_end)

    def silent(self, count: int) -> list[Example]:
        """0.3 to 4 s of digital silence or quiet white noise, with no words."""
        examples: list[Example] = []
        for _ in range(count):
            length = int(self.draw.uniform(0.3, 4) * SAMPLE_RATE)
            level = self.draw.choice((0.0, 10 ** self.draw.uniform(-4, -1.5)))
            audio = (self.noise.standard_normal(length) * level).astype(np.float32)
            languages: tuple[Language, ...] = ("en", "ko")
            examples.append(Example(log_mel(audio), self.draw.choice(languages), (), None, 0.0))
        return examples
