"""A model without weights: says how many tenths of a second a chunk has. Delays and faults on request.

For tests of everything around a model, and for load tests of the serving layer.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from deployments.speech.types import ChunkTranscript, DecodeOptions, Segment, SpeechChunk, Task, Word

_SAYS_S = 0.1


class FakeBackend:
    """A chunk of 1.2 s is `" 12 tenths"`, one segment over its whole length.

    Args:
        delay_s: seconds that each call takes.
        fail_above: a call with a sample above this raises RuntimeError.
    """

    name = "fake"
    model = "fake-speech"
    version = "fake-1"
    device = "cpu"
    compute_type = "float32"
    languages: tuple[str, ...] = ("en", "ko")
    tasks: tuple[Task, ...] = ("transcribe", "translate")
    steerable = frozenset({"prompt", "temperature", "condition_on_previous_text"})

    def __init__(self, *, delay_s: float = 0.0, fail_above: float = 2.0) -> None:
        self.calls: list[tuple[DecodeOptions, list[float], list[str]]] = []
        """Of every call so far: options, lengths of the chunks in seconds, texts said before each."""
        self._delay_s = delay_s
        self._fail_above = fail_above

    def transcribe(self, chunks: Sequence[SpeechChunk]) -> list[ChunkTranscript]:
        previous = [chunk.context.previous_text for chunk in chunks]
        self.calls = [*self.calls[-99:], (chunks[0].options, [chunk.length_s for chunk in chunks], previous)]
        if self._delay_s:
            time.sleep(self._delay_s)
        if any(float(chunk.samples.max()) > self._fail_above for chunk in chunks):
            raise RuntimeError("this sound makes the fake model fail")
        return [_say(chunk) for chunk in chunks]

    def close(self) -> None:
        """Holds nothing."""


def _say(chunk: SpeechChunk) -> ChunkTranscript:
    context = chunk.context
    if context.language is None:
        context.language, context.language_probability = "en", 0.5
    count = f" {round(chunk.length_s / _SAYS_S)}"
    half = chunk.length_s / 2
    words = (Word(count, 0.0, half, 1.0), Word(" tenths", half, chunk.length_s, 1.0))
    segment = Segment(0.0, chunk.length_s, count + " tenths", words if chunk.options.word_timestamps else ())
    return ChunkTranscript((segment,), context.language, context.language_probability)
