"""Sound in, text with times out: a speech model as an Engine."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from deployments.serving.audio import SAMPLE_RATE, AudioPolicy, load_audio
from deployments.serving.engine import BackendStatus, ModelCard
from deployments.serving.errors import EngineFailed, SensoriumError, UnsupportedOption
from deployments.speech import chunks
from deployments.speech.backends import Backend, open_backend
from deployments.speech.languages import parse_language
from deployments.speech.types import (
    WHISPER_WINDOW_S,
    ChunkTranscript,
    DecodeOptions,
    Piece,
    RequestContext,
    Segment,
    SpeechChunk,
    SpeechConfig,
    SpeechRequest,
    SpeechResult,
)

_NO_SAMPLES = np.empty(0, dtype=np.float32)


def load_engine(config: SpeechConfig) -> SpeechEngine:
    """Load the one backend that `config` names.

    Raises:
        BackendMissing (WeightsMissing, WeightsCorrupt): its library, model or device is not here.
        UnsupportedOption: no such backend, device or compute type.
    """
    return SpeechEngine(open_backend(config), audio=config.audio, chunk_s=config.chunk_s)


class SpeechEngine:
    """Units are chunks of speech; an outcome is a chunk's transcript, its times already those of the recording."""

    def __init__(
        self, backend: Backend, *, audio: AudioPolicy | None = None, chunk_s: float = WHISPER_WINDOW_S
    ) -> None:
        chunks.load_voice_detector()
        self._backend = backend
        self._audio = audio or AudioPolicy()
        self._chunk_s = chunk_s
        self._card = ModelCard(
            model=backend.model,
            backend=backend.name,
            version=backend.version,
            device=backend.device,
            languages=backend.languages,
            backends=(BackendStatus(backend.name, loaded=True, model=backend.model),),
            notes={
                "compute_type": backend.compute_type,
                "translates": "translate" in backend.tasks,
                "max_duration_s": self._audio.max_duration_s,
                "max_bytes": self._audio.max_bytes,
                "chunk_s": chunk_s,
            },
        )

    @property
    def card(self) -> ModelCard:
        return self._card

    def prepare(self, request: SpeechRequest) -> Sequence[SpeechChunk]:
        """Decode and cut into chunks. Safe in several threads at once.

        Raises:
            UnsupportedOption: a language, task or option that this backend does not have.
            SensoriumError: the recording cannot be read; see `deployments.serving.audio.load_audio`.
        """
        began = time.monotonic()
        available = self._backend.languages
        language = available[0] if len(available) == 1 else None
        if request.language is not None:
            language = parse_language(request.language, available)
        self._check_options(request.options)
        samples = load_audio(request.source, self._audio)
        context = RequestContext(
            duration_s=samples.shape[0] / SAMPLE_RATE,
            began=began,
            language=language,
            previous_text=request.options.prompt,
        )
        units = [
            SpeechChunk(chunk, pieces, request.options, context)
            for chunk, pieces in chunks.cut(samples, vad=request.vad, chunk_s=self._chunk_s)
        ]
        # The chunks carry the request's facts to `assemble`, so a silent recording has one too.
        return units or [SpeechChunk(_NO_SAMPLES, (), request.options, context)]

    def cost(self, unit: SpeechChunk) -> int:
        """Milliseconds of sound."""
        return max(1, len(unit.samples) * 1000 // SAMPLE_RATE)

    def infer(self, units: Sequence[SpeechChunk]) -> Sequence[ChunkTranscript | Exception]:
        """Chunks with equal options are decoded together, others alone and in order."""
        outcomes: list[ChunkTranscript | Exception] = [
            ChunkTranscript((), unit.context.language or "") for unit in units
        ]
        for group in _groups(units):
            for place, outcome in zip(group, self._decode([units[place] for place in group]), strict=True):
                outcomes[place] = outcome
        return outcomes

    def assemble(
        self, request: SpeechRequest, units: Sequence[SpeechChunk], outcomes: Sequence[ChunkTranscript]
    ) -> SpeechResult:
        segments = tuple(segment for outcome in outcomes for segment in outcome.segments)
        context = units[0].context
        return SpeechResult(
            text="".join(segment.text for segment in segments).strip(),
            segments=segments,
            language=context.language or "",
            language_probability=context.language_probability,
            duration_s=context.duration_s,
            processing_s=time.monotonic() - context.began,
            backend=self._backend.name,
            model=self._backend.model,
            task=request.options.task,
            temperature=request.options.temperature,
        )

    def warm_up(self) -> None:
        """Half a second of faint noise, with detection and without words: it decodes to little."""
        noise = np.random.default_rng(0).normal(0, 1e-3, SAMPLE_RATE // 2).astype(np.float32)
        context = RequestContext(duration_s=0.5, began=time.monotonic())
        outcome = self._decode([SpeechChunk(noise, (Piece(0.0, 0.0, 0.5),), DecodeOptions(), context)])[0]
        if isinstance(outcome, Exception):
            raise outcome

    def close(self) -> None:
        self._backend.close()

    def _check_options(self, options: DecodeOptions) -> None:
        if options.task not in self._backend.tasks:
            raise UnsupportedOption(
                f"{self._backend.name} cannot {options.task}; it can {', '.join(self._backend.tasks)}",
                field="task",
                available=list(self._backend.tasks),
            )
        for name in ("prompt", "temperature", "condition_on_previous_text"):
            if getattr(options, name) and name not in self._backend.steerable:
                raise UnsupportedOption(f"{self._backend.name} has no {name}; leave it out", field=name)

    def _decode(self, group: Sequence[SpeechChunk]) -> list[ChunkTranscript | Exception]:
        """One call of the model; where it raises, each chunk alone, so that only the culprit fails."""
        try:
            transcripts = self._backend.transcribe(group)
            return [_placed(transcript, unit) for transcript, unit in zip(transcripts, group, strict=True)]
        except Exception as error:  # noqa: BLE001 - whatever the library raises becomes this unit's error value
            if len(group) > 1:
                return [outcome for unit in group for outcome in self._decode([unit])]
            if isinstance(error, SensoriumError):
                return [error]
            return [EngineFailed(f"{self._backend.name} failed on this sound: {type(error).__name__}: {error}"[:500])]


def _groups(units: Sequence[SpeechChunk]) -> Iterable[list[int]]:
    """Places of `units` that share a decode. Chunks without samples are in none."""
    shared: dict[DecodeOptions, list[int]] = {}
    alone = []
    for place, unit in enumerate(units):
        if not unit.samples.shape[0]:
            continue
        if unit.options.batchable:
            shared.setdefault(unit.options, []).append(place)
        else:
            alone.append([place])
    return [*shared.values(), *alone]


def _placed(transcript: ChunkTranscript, unit: SpeechChunk) -> ChunkTranscript:
    """Times of the chunk to times of the recording; the request remembers what was said."""
    words = unit.options.word_timestamps  # some backends have them whether or not they were asked for
    segments = tuple(
        _shifted(segment if words else replace(segment, words=()), unit.pieces)
        for segment in transcript.segments
        if segment.text.strip()
    )
    placed = replace(transcript, segments=segments)
    if unit.options.condition_on_previous_text:
        unit.context.previous_text += placed.text
    return placed


def _shifted(segment: Segment, pieces: Sequence[Piece]) -> Segment:
    words = tuple(
        replace(
            word,
            start=(start := chunks.recording_time(word.start, pieces)),
            end=max(start, chunks.recording_time(word.end, pieces, is_end=True)),
        )
        for word in segment.words
    )
    start = chunks.recording_time(segment.start, pieces)
    end = chunks.recording_time(segment.end, pieces, is_end=True)
    return replace(segment, start=start, end=max(start, end), words=words)
