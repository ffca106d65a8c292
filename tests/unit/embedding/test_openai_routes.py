"""OpenAI's paths, with the official client where it can ask for it."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import numpy as np
import pytest
from openai import AsyncOpenAI, NotFoundError

from deployments.embedding.engine import EmbeddingEngine
from deployments.embedding.types import EmbeddingLimits, EmbeddingRequest
from tests.unit.embedding.conftest import DirectRunner, client_of, embed

MODEL = "all-MiniLM-L6-v2"


@pytest.fixture
async def http(engine: EmbeddingEngine) -> AsyncIterator[httpx.AsyncClient]:
    limits = EmbeddingLimits(openai_max_chars=2000, openai_max_texts=200)
    async with client_of(DirectRunner(engine), limits) as client:
        yield client


@pytest.fixture
def official(http: httpx.AsyncClient) -> AsyncOpenAI:
    return AsyncOpenAI(api_key="unused", base_url="http://test/v1", http_client=http, max_retries=0)


async def test_the_official_client_gets_vectors(official: AsyncOpenAI, engine: EmbeddingEngine) -> None:
    texts = ["hello", "안녕하세요"]
    expected = embed(engine, EmbeddingRequest(tuple(texts)))

    answer = await official.embeddings.create(model=MODEL, input=texts)

    vectors = np.asarray([entry.embedding for entry in answer.data], dtype=np.float32)
    np.testing.assert_array_equal(vectors, expected.vectors)
    assert [entry.index for entry in answer.data] == [0, 1]
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == expected.tokens_read
    assert answer.model == MODEL


async def test_the_official_client_lists_and_finds_the_model(official: AsyncOpenAI) -> None:
    (listed,) = (await official.models.list()).data
    found = await official.models.retrieve(MODEL)

    assert listed == found
    assert (found.id, found.owned_by) == (MODEL, "sentence-transformers")
    with pytest.raises(NotFoundError):
        await official.models.retrieve("text-embedding-3-small")


async def test_float_and_base64_carry_the_same_numbers(http: httpx.AsyncClient) -> None:
    plain = (await http.post("/v1/embeddings", json={"input": "hello", "model": MODEL})).json()
    packed = (
        await http.post("/v1/embeddings", json={"input": "hello", "model": MODEL, "encoding_format": "base64"})
    ).json()

    vector = np.frombuffer(base64.b64decode(packed["data"][0]["embedding"]), dtype="<f4")
    np.testing.assert_array_equal(vector, np.float32(plain["data"][0]["embedding"]))


@pytest.mark.parametrize("encoding", ["float", "base64"])
async def test_dimensions_gives_shorter_vectors_of_length_1(official: AsyncOpenAI, encoding: Any) -> None:
    answer = await official.embeddings.create(model=MODEL, input="hello", dimensions=32, encoding_format=encoding)

    vector = answer.data[0].embedding
    if isinstance(vector, str):
        vector = np.frombuffer(base64.b64decode(vector), dtype="<f4").tolist()
    assert len(vector) == 32
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


async def test_truncation_is_said_per_text_and_usage_counts_what_was_read(http: httpx.AsyncClient) -> None:
    body = (await http.post("/v1/embeddings", json={"input": ["한국어 문장입니다. " * 60, "short"]})).json()

    long, short = body["data"]
    assert (long["truncated"], short["truncated"]) == (True, False)
    assert long["tokens"] > 256
    assert body["usage"]["prompt_tokens"] == 256 + short["tokens"]


@pytest.mark.parametrize("name", [MODEL, f"sentence-transformers/{MODEL}", None])
async def test_the_model_has_its_names(http: httpx.AsyncClient, name: str | None) -> None:
    answer = await http.post("/v1/embeddings", json={"input": "hello", "model": name})
    assert answer.json()["model"] == MODEL
    if name:
        assert (await http.get(f"/v1/models/{name}")).json()["id"] == MODEL


@pytest.mark.parametrize(
    ("body", "status", "code", "details"),
    [
        ({"model": MODEL}, 422, "invalid_input", {"field": "input"}),
        ({"input": ""}, 422, "invalid_input", {"field": "input", "index": 0}),
        ({"input": []}, 422, "invalid_input", {"field": "input"}),
        ({"input": None}, 422, "invalid_input", {"field": "input"}),
        ({"input": {"a": 1}}, 422, "invalid_input", {"field": "input"}),
        ({"input": 5}, 422, "invalid_input", {"field": "input"}),
        ({"input": ["a", None]}, 422, "invalid_input", {"field": "input", "index": 1}),
        ({"input": ["a", ["b"]]}, 422, "invalid_input", {"field": "input", "index": 1}),
        ({"input": [15339, 1917]}, 422, "unsupported_option", {"field": "input"}),
        ({"input": [[15339], [1917]]}, 422, "unsupported_option", {"field": "input", "index": 0}),
        ({"input": "x" * 2001}, 413, "input_too_large", {"field": "input", "limit": 2000}),
        ({"input": ["x"] * 201}, 413, "input_too_large", {"field": "input", "limit": 200, "actual": 201}),
        ({"input": "a", "dimensions": 0}, 422, "unsupported_option", {"field": "dimensions"}),
        ({"input": "a", "dimensions": 385}, 422, "unsupported_option", {"field": "dimensions", "limit": 384}),
        ({"input": "a", "dimensions": 10**30}, 422, "unsupported_option", {"field": "dimensions"}),
        ({"input": "a", "dimensions": "many"}, 422, "invalid_input", {"field": "dimensions"}),
        ({"input": "a", "encoding_format": "hex"}, 422, "invalid_input", {"field": "encoding_format"}),
        ({"input": "a", "model": "text-embedding-3-small"}, 422, "unsupported_option", {"available": [MODEL]}),
        ({"input": "a", "model": "other/all-MiniLM-L6-v2"}, 422, "unsupported_option", {"field": "model"}),
    ],
)
async def test_bad_calls_have_openais_envelope(
    http: httpx.AsyncClient, body: dict[str, Any], status: int, code: str, details: dict[str, Any]
) -> None:
    answer = await http.post("/v1/embeddings", content=json.dumps(body))

    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["code"] == code
    assert error["type"] == "invalid_request_error"
    assert error.items() >= details.items()
