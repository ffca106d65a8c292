"""HTTP paths of the embedding service: the old service's own (contracts.md) and OpenAI's.

With 64 clients most of a request's cost is HTTP and JSON, so bodies are read by pydantic's own JSON parser and answers
written by orjson from the float32 rows (shortest digits that give the same float32 back); FastAPI documents both.
"""

from __future__ import annotations

import time
from base64 import b64encode
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from deployments.embedding.checks import check_sizes
from deployments.embedding.request_body import openai_texts, parse
from deployments.embedding.types import EmbeddingLimits, EmbeddingRequest, EmbeddingResult, Vectors
from deployments.embedding.wire import (
    EmbedBatchCall,
    EmbedBatchReply,
    EmbedCall,
    EmbedReply,
    ModelInfo,
    OpenAICall,
    OpenAIModel,
    OpenAIModels,
    OpenAIReply,
)
from deployments.serving.engine import ModelCard, Runner
from deployments.serving.errors import NotFound, UnsupportedOption

EmbeddingRunner = Runner[EmbeddingRequest, EmbeddingResult]

TOKENS_HEADER = "X-Sensorium-Tokens"
TRUNCATED_HEADER = "X-Sensorium-Truncated"

_HEADERS: dict[str, Any] = {
    TOKENS_HEADER: {"description": "Tokens of all texts, special tokens included.", "schema": {"type": "integer"}},
    TRUNCATED_HEADER: {"description": "How many texts were truncated; 0 is none.", "schema": {"type": "integer"}},
}


def build_router(runner: EmbeddingRunner, limits: EmbeddingLimits) -> APIRouter:
    """The paths below the service's base path. Handlers raise only `deployments.serving.errors`."""
    router = APIRouter(tags=["embedding"])
    _add_service_paths(router, runner, limits)
    _add_openai_paths(router, runner, limits)
    return router


def _add_service_paths(router: APIRouter, runner: EmbeddingRunner, limits: EmbeddingLimits) -> None:
    text = {"minLength": 1, "maxLength": limits.max_chars}
    texts = {"minItems": 1, "maxItems": limits.max_texts}

    @router.post(
        "/api/v1/embed",
        response_model=EmbedReply,
        responses={200: {"headers": _HEADERS}},
        openapi_extra=_body(EmbedCall, text=text),
    )
    async def embed(request: Request) -> Response:
        """One text to one vector."""
        call = parse(EmbedCall, await request.body())
        check_sizes((call.text,), field="text", max_chars=limits.max_chars, max_texts=1)
        result = await runner.run(EmbeddingRequest((call.text,), call.normalize, field="text"))
        answer = {
            "embedding": result.vectors[0],
            **_about(result, runner.card),
            "tokens": result.tokens[0],
            "truncated": result.truncated[0],
        }
        return _json(answer, _headers(result))

    @router.post(
        "/api/v1/embed-batch",
        response_model=EmbedBatchReply,
        responses={200: {"headers": _HEADERS}},
        openapi_extra=_body(EmbedBatchCall, texts=texts | {"items": {"type": "string", **text}}),
    )
    async def embed_batch(request: Request) -> Response:
        """Several texts to as many vectors, in order."""
        call = parse(EmbedBatchCall, await request.body())
        check_sizes(call.texts, field="texts", max_chars=limits.max_chars, max_texts=limits.max_texts)
        result = await runner.run(EmbeddingRequest(tuple(call.texts), call.normalize))
        answer = {
            "embeddings": result.vectors,
            **_about(result, runner.card),
            "count": len(result.tokens),
            "tokens": result.tokens,
            "truncated": result.truncated,
        }
        return _json(answer, _headers(result))

    @router.get("/api/v1/model-info", response_model=ModelInfo)
    async def model_info() -> Response:
        """The loaded model and what it takes."""
        card = runner.card
        answer = {
            "model_name": card.model,
            "published_as": card.notes["published_as"],
            "version": card.version,
            "dim": card.notes["dimensions"],
            "max_tokens": card.notes["max_tokens"],
            "max_chars": limits.max_chars,
            "max_texts": limits.max_texts,
            "normalized_by_model": card.notes["normalized_by_model"],
            "backend": card.backend,
            "device": card.device,
            "precision": card.notes["precision"],
        }
        return _json(answer)


def _add_openai_paths(router: APIRouter, runner: EmbeddingRunner, limits: EmbeddingLimits) -> None:
    since = int(time.time())

    @router.post("/v1/embeddings", response_model=OpenAIReply, openapi_extra=_body(OpenAICall))
    async def embeddings(request: Request) -> Response:
        """OpenAI's shape: vectors of length 1."""
        call = parse(OpenAICall, await request.body())
        card = runner.card
        if call.model is not None and call.model not in _names(card):
            raise UnsupportedOption(
                f"model {call.model!r} is not served here; ask for {card.model!r}",
                field="model",
                available=[card.model],
            )
        texts = openai_texts(call)
        check_sizes(texts, field="input", max_chars=limits.openai_max_chars, max_texts=limits.openai_max_texts)
        result = await runner.run(EmbeddingRequest(texts, dimensions=call.dimensions, field="input"))
        vectors = result.vectors if call.encoding_format == "float" else _base64_rows(result.vectors)
        data = [
            {"object": "embedding", "index": index, "embedding": vector, "tokens": tokens, "truncated": truncated}
            for index, (vector, tokens, truncated) in enumerate(
                zip(vectors, result.tokens, result.truncated, strict=True)
            )
        ]
        usage = {"prompt_tokens": result.tokens_read, "total_tokens": result.tokens_read}
        return _json({"object": "list", "data": data, "model": card.model, "usage": usage})

    @router.get("/v1/models", response_model=OpenAIModels)
    async def models() -> Response:
        """The one model that is loaded."""
        return _json({"object": "list", "data": [_openai_model(runner.card, since)]})

    @router.get("/v1/models/{model_id:path}", response_model=OpenAIModel)
    async def model(model_id: str) -> Response:
        """The loaded model by its name."""
        card = runner.card
        if model_id not in _names(card):
            raise NotFound(f"model {model_id!r} is not served here; there is {card.model!r}", available=[card.model])
        return _json(_openai_model(card, since))


def _about(result: EmbeddingResult, card: ModelCard) -> dict[str, Any]:
    return {
        "dim": result.vectors.shape[1],
        "version": card.version,
        "model": card.model,
        "max_tokens": card.notes["max_tokens"],
    }


def _names(card: ModelCard) -> tuple[str, str]:
    """Both are the same model: the bare name and the publisher's full one."""
    return card.model, str(card.notes["published_as"])


def _openai_model(card: ModelCard, since: int) -> dict[str, Any]:
    owner = str(card.notes["published_as"]).rpartition("/")[0]
    return {"id": card.model, "object": "model", "created": since, "owned_by": owner or "sensorium"}


def _base64_rows(vectors: Vectors) -> list[str]:
    return [b64encode(row.tobytes()).decode("ascii") for row in vectors.astype("<f4", copy=False)]


def _headers(result: EmbeddingResult) -> dict[str, str]:
    return {TOKENS_HEADER: str(sum(result.tokens)), TRUNCATED_HEADER: str(sum(result.truncated))}


def _json(content: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    """float32 arrays must be C-contiguous; a row of one is."""
    body = orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(body, headers=headers, media_type="application/json")


def _body(kind: type[BaseModel], **constraints: dict[str, Any]) -> dict[str, Any]:
    """Documents a JSON body that the handler reads by itself; `constraints` extend its fields' schemas."""
    schema = kind.model_json_schema()
    for field, extra in constraints.items():
        schema["properties"][field] |= extra
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
