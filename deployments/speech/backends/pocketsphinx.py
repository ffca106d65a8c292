"""CMU PocketSphinx with the US-English model in its wheel: small, offline, far behind Whisper in accuracy."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from deployments.serving.errors import BackendMissing
from deployments.serving.weights import WeightsMissing, fingerprint, resolve
from deployments.speech.types import ChunkTranscript, Segment, SpeechChunk, SpeechConfig, Task, Word

_FRAMES_PER_S = 100  # the decoder's own default, -frate
_PAUSE_S = 0.5
"""A longer pause starts a new segment."""
_VARIANT = re.compile(r"\(\d+\)$")  # "the(2)": the word's second pronunciation


class PocketSphinxBackend:
    """`model` is a folder with `en-us/` (acoustic model), `en-us.lm.bin` and `cmudict-en-us.dict`. CPU only.

    Raises:
        WeightsMissing, WeightsCorrupt: see `deployments.serving.weights`.
        BackendMissing: pocketsphinx is not installed.
    """

    name = "pocketsphinx"
    device = "cpu"
    compute_type = "float32"
    languages: tuple[str, ...] = ("en",)
    tasks: tuple[Task, ...] = ("transcribe",)
    steerable: frozenset[str] = frozenset()

    def __init__(self, config: SpeechConfig) -> None:
        folder = resolve(config.model)
        try:
            from pocketsphinx import Decoder
        except ImportError as error:
            raise BackendMissing("pocketsphinx is not installed; pip install pocketsphinx") from error

        parts = {"hmm": folder / "en-us", "lm": folder / "en-us.lm.bin", "dict": folder / "cmudict-en-us.dict"}
        for part in parts.values():
            if not part.exists():
                raise WeightsMissing(f"{part} is missing; name a folder with en-us/, en-us.lm.bin and its dictionary")
        self.model = config.name or f"pocketsphinx-{folder.name}"
        self.version = fingerprint(parts["lm"])
        self._decoder = Decoder(
            **{name: str(part) for name, part in parts.items()}, samprate=16_000, cmn="batch", loglevel="FATAL"
        )

    def transcribe(self, chunks: Sequence[SpeechChunk]) -> list[ChunkTranscript]:
        """One after the other: the library decodes one utterance at a time."""
        return [ChunkTranscript(_segments(self._words(chunk)), "en") for chunk in chunks]

    def close(self) -> None:
        """Freed with the object."""

    def _words(self, chunk: SpeechChunk) -> list[Word]:
        decoder = self._decoder
        # Noise estimates outlive an utterance: without this a chunk's words depend on whose chunk came before it.
        decoder.reinit_feat()
        decoder.start_utt()
        try:
            decoder.process_raw((chunk.samples * 32767.0).astype(np.int16).tobytes(), full_utt=True)
        finally:
            decoder.end_utt()
        return [
            Word(
                text=" " + _VARIANT.sub("", found.word),
                start=found.start_frame / _FRAMES_PER_S,
                end=min((found.end_frame + 1) / _FRAMES_PER_S, chunk.length_s),
                probability=min(1.0, decoder.logmath.exp(found.prob)),
            )
            for found in decoder.seg() or ()
            if found.word[0] not in "<[+"  # <s>, </s>, <sil>, [NOISE], ++NOISE++
        ]


def _segments(words: Sequence[Word]) -> tuple[Segment, ...]:
    """Phrases between pauses."""
    phrases: list[list[Word]] = []
    for word in words:
        if phrases and word.start - phrases[-1][-1].end < _PAUSE_S:
            phrases[-1].append(word)
        else:
            phrases.append([word])
    return tuple(
        Segment(
            start=phrase[0].start,
            end=phrase[-1].end,
            text="".join(word.text for word in phrase),
            words=tuple(phrase),
            avg_logprob=float(np.mean([np.log(max(word.probability, 1e-10)) for word in phrase])),
        )
        for phrase in phrases
    )
