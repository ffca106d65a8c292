"""The spoken corpus: synthesised once, kept as one file, turned into training and test examples."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from training.nano_whisper.examples import Clip, Example, ExampleMaker
from training.nano_whisper.phrases import held_out_phrases, single_words, training_phrases
from training.nano_whisper.synthesise import Speech, synthesise_all


@dataclass(frozen=True, slots=True)
class CorpusSettings:
    """How much is spoken. The seeds of words, phrases and held-out phrases differ."""

    natural: int = 5_000
    pasted: int = 5_000
    silent_share: float = 0.05
    seed: int = 11


@dataclass(frozen=True, slots=True)
class Corpus:
    """Clips (int16 at 16 kHz). No held-out text occurs in ``natural``."""

    words: list[Clip]
    natural: list[Clip]
    held_out: list[Clip]


def speak_corpus(settings: CorpusSettings) -> Corpus:
    """Synthesise everything (about 40 ms a clip and core)."""
    held_out = held_out_phrases(settings.seed)
    excluded = {phrase.text for phrase in held_out}
    words = single_words(settings.seed + 1)
    natural = training_phrases(settings.seed + 2, settings.natural, excluded)
    return Corpus(*(list(zip(part, synthesise_all(part), strict=True)) for part in (words, natural, held_out)))


def save_corpus(corpus: Corpus, path: Path) -> None:
    """One .npz: all samples end to end, and a JSON list of what is said where."""
    parts = {"words": corpus.words, "natural": corpus.natural, "held_out": corpus.held_out}
    index = [{"part": part, "length": len(x), **asdict(s)} for part, clips in parts.items() for s, x in clips]
    samples = np.concatenate([x for clips in parts.values() for _, x in clips])
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, samples=samples, index=np.array(json.dumps(index)))
    partial.replace(path)


def load_corpus(path: Path) -> Corpus:
    """Read back what ``save_corpus`` wrote."""
    with np.load(path) as stored:
        samples, index = stored["samples"], json.loads(str(stored["index"]))
    parts: dict[str, list[Clip]] = {"words": [], "natural": [], "held_out": []}
    position = 0
    for entry in index:
        length = entry.pop("length")
        parts[entry.pop("part")].append((Speech(**entry), samples[position : position + length]))
        position += length
    return Corpus(**parts)


def training_examples(corpus: Corpus, settings: CorpusSettings) -> list[Example]:
    """Natural and pasted phrases and some silence; no held-out text in either."""
    maker = ExampleMaker(settings.seed + 3)
    excluded = {speech.text for speech, _ in corpus.held_out}
    spoken = maker.natural(corpus.natural) + maker.pasted(corpus.words, settings.pasted, excluded)
    return spoken + maker.silent(int(settings.silent_share * len(spoken)))


def held_out_examples(clips: Sequence[Clip]) -> list[Example]:
    """The held-out phrases, half of them with noise, from a seed of their own."""
    return ExampleMaker(seed=99).natural(clips)
