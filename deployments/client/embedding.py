"""Calls of the embedding service, and what they answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deployments.client.call import CALL_S, Call
from deployments.client.replies import Reply, json_reader

MAX_TEXTS = 100
"""Of one call, by the server's default."""


@dataclass(frozen=True, slots=True)
class Embedding(Reply):
    """One vector."""

    embedding: tuple[float, ...]
    dim: int
    version: str
    """Identifies the weights: vectors of two versions must not be compared."""
    model: str = ""
    tokens: int = 0
    """Of the whole text, special tokens included."""
    truncated: bool = False
    """The model read only the first `max_tokens`."""
    max_tokens: int = 0


@dataclass(frozen=True, slots=True)
class EmbeddingBatch(Reply):
    """One vector a text, in order; `tokens` and `truncated` likewise."""

    embeddings: tuple[tuple[float, ...], ...]
    dim: int
    version: str
    count: int
    model: str = ""
    tokens: tuple[int, ...] = ()
    truncated: tuple[bool, ...] = ()
    max_tokens: int = 0


@dataclass(frozen=True, slots=True)
class ModelInfo(Reply):
    """The loaded model and what it takes."""

    model_name: str
    published_as: str
    version: str
    dim: int
    max_tokens: int
    max_chars: int
    max_texts: int
    normalized_by_model: bool
    """True: vectors have length 1 even with `normalize=False`."""
    backend: str
    device: str
    precision: str


def embed(text: str, *, normalize: bool = True, timeout_s: float = CALL_S) -> Call[Embedding]:
    """One text (1 to 1000 characters by the server's default) to one vector.

    Args:
        normalize: to length 1.

    Raises:
        ValueError: as a RejectedRequest: the text is empty or too long.
        RetryableError: no attempt succeeded.
    """
    body = {"text": text, "normalize": normalize}
    return Call("POST", "/embedding/api/v1/embed", json_reader(Embedding), timeout_s, json=body)


def embed_batch(texts: Sequence[str], *, normalize: bool = True, timeout_s: float = CALL_S) -> Call[EmbeddingBatch]:
    """Up to 100 texts to as many vectors, in order. `embed_all` takes any number.

    Raises:
        ValueError: one string instead of a list; or a RejectedRequest: none, too many, one empty or too long.
        RetryableError: no attempt succeeded.
    """
    if isinstance(texts, str):
        raise ValueError("texts is one string; give a list, or call embed")
    body = {"texts": list(texts), "normalize": normalize}
    return Call("POST", "/embedding/api/v1/embed-batch", json_reader(EmbeddingBatch), timeout_s, json=body)


def model_info() -> Call[ModelInfo]:
    """The loaded model, its vectors' length and the limits of a call."""
    return Call("GET", "/embedding/api/v1/model-info", json_reader(ModelInfo))
