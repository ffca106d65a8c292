"""What Whisper does with a batch of chunks, whichever library computes it (arXiv:2212.04356).

    samples -> encoded -> language -> prompt -> tokens -> segments -> words

Chunks of one call may differ in language: the language is one token of each chunk's own prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from deployments.serving.audio import Samples
from deployments.speech.backends.whisper_segments import Hypothesis, TimedWord, segments_of
from deployments.speech.types import ChunkTranscript, DecodeOptions, SpeechChunk, Task

TEXT_CONTEXT = 448
"""Tokens the decoder reads and writes at most; half of it may be a prompt."""
STEERABLE = frozenset({"prompt", "temperature", "condition_on_previous_text"})


@dataclass(frozen=True, slots=True)
class WhisperFacts:
    """What a loaded Whisper says of itself."""

    languages: tuple[str, ...]
    multilingual: bool
    timestamps: bool
    """Have it write time stamps."""

    @property
    def tasks(self) -> tuple[Task, ...]:
        return ("transcribe", "translate") if self.multilingual else ("transcribe",)


class WhisperLibrary(Protocol):
    """The computations that differ per library. `encoded` is the library's own; its rows are the chunks."""

    facts: WhisperFacts

    def encode(self, samples: Sequence[Samples]) -> Any:
        """Log-mel spectrograms through the encoder."""
        ...

    def detect(self, encoded: Any, rows: Sequence[int]) -> list[tuple[str, float]]:
        """Most probable language of each row, and its probability."""
        ...

    def tokenizer(self, language: str, task: Task) -> Any:
        """With `encode`, `decode`, `split_to_word_tokens`, `sot_sequence`, `sot_prev`, `eot`, `no_timestamps` and
        `timestamp_begin`, as openai-whisper's and faster-whisper's have."""
        ...

    def generate(self, encoded: Any, prompts: Sequence[list[int]], temperature: float) -> list[Hypothesis]:
        """The best token sequence after each row's prompt. The prompts are equally long."""
        ...

    def align(
        self, encoded: Any, rows: Sequence[int], tokenizer: Any, tokens: Sequence[list[int]], frames: Sequence[int]
    ) -> list[list[TimedWord]]:
        """When each word of text `tokens` is said in each of `rows`, all of the tokenizer's language; `frames` is the
        length of each row's sound in 10 ms."""
        ...


def transcribe(library: WhisperLibrary, chunks: Sequence[SpeechChunk]) -> list[ChunkTranscript]:
    """See `Backend.transcribe`."""
    options = chunks[0].options
    encoded = library.encode([chunk.samples for chunk in chunks])
    _decide_languages(library, encoded, chunks)
    languages = [chunk.context.language or "en" for chunk in chunks]
    tokenizers = [library.tokenizer(language, options.task) for language in languages]
    prompts = [
        _prompt(tokenizer, _text_before(chunk, options), library.facts.timestamps)
        for tokenizer, chunk in zip(tokenizers, chunks, strict=True)
    ]
    hypotheses = library.generate(encoded, prompts, options.temperature)
    words: list[list[TimedWord]] = [[] for _ in chunks]
    if options.word_timestamps:
        words = _aligned(library, encoded, chunks, languages, tokenizers, hypotheses)
    return [
        ChunkTranscript(
            segments_of(hypothesis, tokenizer, chunk.length_s, timed),
            language,
            chunk.context.language_probability,
        )
        for chunk, language, tokenizer, hypothesis, timed in zip(
            chunks, languages, tokenizers, hypotheses, words, strict=True
        )
    ]


def _decide_languages(library: WhisperLibrary, encoded: Any, chunks: Sequence[SpeechChunk]) -> None:
    """A request's first chunk decides for all of its chunks."""
    rows: list[int] = []
    asked: set[int] = set()
    for row, chunk in enumerate(chunks):
        if chunk.context.language is None and id(chunk.context) not in asked:
            asked.add(id(chunk.context))
            rows.append(row)
    if not rows:
        return
    for row, (language, probability) in zip(rows, library.detect(encoded, rows), strict=True):
        context = chunks[row].context
        context.language, context.language_probability = language, probability


def _text_before(chunk: SpeechChunk, options: DecodeOptions) -> str:
    return chunk.context.previous_text if options.condition_on_previous_text else options.prompt


def _prompt(tokenizer: Any, text_before: str, timestamps: bool) -> list[int]:
    start = [*tokenizer.sot_sequence] if timestamps else [*tokenizer.sot_sequence, tokenizer.no_timestamps]
    if not text_before.strip():
        return start
    # As in whisper/decoding.py: the last tokens of it, no more than half the context.
    before = tokenizer.encode(" " + text_before.strip())[-(TEXT_CONTEXT // 2 - 1) :]
    return [tokenizer.sot_prev, *before, *start]


def _aligned(
    library: WhisperLibrary,
    encoded: Any,
    chunks: Sequence[SpeechChunk],
    languages: Sequence[str],
    tokenizers: Sequence[Any],
    hypotheses: Sequence[Hypothesis],
) -> list[list[TimedWord]]:
    """Words of every chunk; those of one language together, since the alignment reads its token too."""
    words: list[list[TimedWord]] = [[] for _ in chunks]
    texts = [[token for token in found.tokens if token < tokenizers[0].eot] for found in hypotheses]
    for language in dict.fromkeys(languages):
        rows = [row for row, other in enumerate(languages) if other == language and texts[row]]
        if not rows:
            continue
        frames = [max(2, round(chunks[row].length_s * 100)) for row in rows]
        found = library.align(encoded, rows, tokenizers[rows[0]], [texts[row] for row in rows], frames)
        for row, timed in zip(rows, found, strict=True):
            words[row] = timed
    return words
