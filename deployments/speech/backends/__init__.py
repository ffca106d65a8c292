"""The libraries that turn speech into text, one file each, behind one protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from deployments.serving.errors import UnsupportedOption
from deployments.speech.types import ChunkTranscript, SpeechChunk, SpeechConfig, Task

BACKENDS = ("faster-whisper", "transformers", "openai-whisper", "pocketsphinx", "fake")
"""In the old service's order of preference (contracts.md), then ours."""


class Backend(Protocol):
    """One loaded model, used from one thread."""

    name: str
    model: str
    version: str
    device: str
    compute_type: str
    languages: tuple[str, ...]
    """ISO 639-1."""
    tasks: tuple[Task, ...]
    steerable: frozenset[str]
    """Which of `prompt`, `temperature` and `condition_on_previous_text` it has."""

    def transcribe(self, chunks: Sequence[SpeechChunk]) -> Sequence[ChunkTranscript]:
        """One transcript per chunk, times in seconds from the chunk's start.

        All have samples and equal options, but may come from different requests and be of different languages. Where
        `chunk.context.language` is None, the request's first chunk here decides it and writes it there.
        """
        ...

    def close(self) -> None: ...


def open_backend(config: SpeechConfig) -> Backend:
    """Load `config.model` on the backend it names.

    Raises:
        UnsupportedOption: no such backend; otherwise see the backend.
    """
    if config.backend == "faster-whisper":
        from deployments.speech.backends.faster_whisper import FasterWhisperBackend

        return FasterWhisperBackend(config)
    if config.backend == "transformers":
        from deployments.speech.backends.transformers_whisper import TransformersWhisperBackend

        return TransformersWhisperBackend(config)
    if config.backend == "openai-whisper":
        from deployments.speech.backends.openai_whisper import OpenAIWhisperBackend

        return OpenAIWhisperBackend(config)
    if config.backend == "pocketsphinx":
        from deployments.speech.backends.pocketsphinx import PocketSphinxBackend

        return PocketSphinxBackend(config)
    if config.backend == "fake":
        from deployments.speech.backends.fake import FakeBackend

        return FakeBackend(delay_s=config.fake_delay_s, fail_above=config.fake_fail_above)
    raise UnsupportedOption(f"speech has no backend {config.backend!r}", field="backend", available=list(BACKENDS))
