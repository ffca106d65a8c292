"""JSON bodies of the embedding paths: what callers send, and what `/docs` says they get back.

Answers are not built from these models: `routes` writes them with orjson straight from the float32 array.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field


class EmbedCall(BaseModel):
    text: str
    normalize: bool = True


class EmbedBatchCall(BaseModel):
    texts: list[str]
    normalize: bool = True


class OpenAICall(BaseModel):
    """OpenAI's `CreateEmbeddingRequest`; `user` and whatever else clients add is ignored."""

    input: Any = Field(
        json_schema_extra={
            "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
            "description": "One text or several. Token ids are refused: they are another tokenizer's.",
        }
    )
    model: str | None = None
    """The loaded model's name; another is refused, since vectors of two models must not mix."""
    encoding_format: Literal["float", "base64"] = "float"
    """base64 is that of the little-endian float32 components."""
    dimensions: int | None = None


class EmbedReply(BaseModel):
    embedding: list[float]
    dim: int
    version: str
    model: str
    tokens: int
    """Tokens of the whole text, special tokens included."""
    truncated: bool
    """The model read only the first `max_tokens` of them."""
    max_tokens: int


class EmbedBatchReply(BaseModel):
    embeddings: list[list[float]]
    dim: int
    version: str
    count: int
    model: str
    tokens: list[int]
    truncated: list[bool]
    max_tokens: int


class ModelInfo(BaseModel):
    model_name: str
    published_as: str
    version: str
    dim: int
    max_tokens: int
    """Longer texts are truncated, and the answer says so."""
    max_chars: int
    max_texts: int
    normalized_by_model: bool
    """True: vectors have length 1 even with `normalize: false`."""
    backend: str
    device: str
    precision: str


class OpenAIEmbedding(BaseModel):
    object: Literal["embedding"]
    index: int
    embedding: list[float] | str
    tokens: int
    truncated: bool


class OpenAIUsage(BaseModel):
    prompt_tokens: int
    """Tokens that the model read."""
    total_tokens: int


class OpenAIReply(BaseModel):
    object: Literal["list"]
    data: list[OpenAIEmbedding]
    model: str
    usage: OpenAIUsage


class OpenAIModel(BaseModel):
    id: str
    object: Literal["model"]
    created: int
    """Unix time since when this process offers it."""
    owned_by: str


class OpenAIModels(BaseModel):
    object: Literal["list"]
    data: list[OpenAIModel]
