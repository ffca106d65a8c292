"""The old service's paths over real HTTP messages, with the real model and the real web layer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import numpy as np
import orjson
import pytest

from deployments.embedding.backends.fake import FakeBackend
from deployments.embedding.engine import EmbeddingEngine
from deployments.embedding.types import EmbeddingLimits, EmbeddingRequest
from tests.unit.embedding.conftest import DirectRunner, client_of, embed


@pytest.fixture
def runner(engine: EmbeddingEngine) -> DirectRunner:
    return DirectRunner(engine)


@pytest.fixture
async def client(runner: DirectRunner) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(runner, EmbeddingLimits()) as http:
        yield http


async def test_embed_answers_as_the_old_service_did(client: httpx.AsyncClient, engine: EmbeddingEngine) -> None:
    answer = await client.post("/api/v1/embed", json={"text": "hello 안녕"})

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    expected = embed(engine, EmbeddingRequest(("hello 안녕",)))
    np.testing.assert_array_equal(np.float32(body.pop("embedding")), expected.vectors[0])
    assert body == {
        "dim": 384,
        "version": "sha256:53aa51172d14",
        "model": "all-MiniLM-L6-v2",
        "tokens": expected.tokens[0],
        "truncated": False,
        "max_tokens": 256,
    }
    assert answer.headers["x-sensorium-tokens"] == str(expected.tokens[0])
    assert answer.headers["x-sensorium-truncated"] == "0"


async def test_numbers_are_written_with_float32s_shortest_digits(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/embed", json={"text": "hello"})

    assert len(answer.content) < 384 * 14
    values = answer.json()["embedding"]
    assert all(str(np.float32(value)) == str(np.float32(str(value))) for value in values[:20])


async def test_embed_batch_keeps_order_and_says_what_was_truncated(client: httpx.AsyncClient) -> None:
    texts = ["short", "한국어 문장입니다. " * 60, "short", "another"]

    answer = await client.post("/api/v1/embed-batch", json={"texts": texts})

    body = answer.json()
    assert (body["count"], body["dim"], len(body["embeddings"])) == (4, 384, 4)
    assert body["truncated"] == [False, True, False, False]
    assert body["tokens"][1] > body["max_tokens"] == 256
    assert body["embeddings"][0] == body["embeddings"][2] != body["embeddings"][3]
    assert answer.headers["x-sensorium-truncated"] == "1"
    assert answer.headers["x-sensorium-tokens"] == str(sum(body["tokens"]))


async def test_normalize_is_passed_on() -> None:
    runner = DirectRunner(EmbeddingEngine(FakeBackend(dimensions=4)))
    async with client_of(runner, EmbeddingLimits()) as client:
        scaled = (await client.post("/api/v1/embed", json={"text": "hello"})).json()["embedding"]
        raw = (await client.post("/api/v1/embed", json={"text": "hello", "normalize": False})).json()["embedding"]
        many = (await client.post("/api/v1/embed-batch", json={"texts": ["hello"], "normalize": False})).json()

    assert np.linalg.norm(scaled) == pytest.approx(1, abs=1e-6)
    assert np.linalg.norm(raw) != pytest.approx(1, abs=1e-2)
    assert many["embeddings"] == [raw]


async def test_model_info(client: httpx.AsyncClient) -> None:
    body = (await client.get("/api/v1/model-info")).json()

    assert body["model_name"] == "all-MiniLM-L6-v2"
    assert (body["dim"], body["max_tokens"], body["max_chars"], body["max_texts"]) == (384, 256, 1000, 100)
    assert body["backend"] == "openvino"


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "details"),
    [
        ("embed", b"", 422, "invalid_input", {"field": "body"}),
        ("embed", b"{", 422, "invalid_input", {"field": "body"}),
        ("embed", b"[]", 422, "invalid_input", {"field": "body"}),
        ("embed", b"{}", 422, "invalid_input", {"field": "text"}),
        ("embed", b'{"text": null}', 422, "invalid_input", {"field": "text"}),
        ("embed", b'{"text": 5}', 422, "invalid_input", {"field": "text"}),
        ("embed", b'{"text": ["a"]}', 422, "invalid_input", {"field": "text"}),
        ("embed", b'{"text": "a", "normalize": "perhaps"}', 422, "invalid_input", {"field": "normalize"}),
        ("embed", b'{"text": ""}', 422, "invalid_input", {"field": "text", "index": 0}),
        ("embed", b'{"text": "%s"}' % (b"x" * 1001), 413, "input_too_large", {"field": "text", "actual": 1001}),
        ("embed", b'{"text": "%s"}' % (b"x" * 1_000_000), 413, "input_too_large", {"actual": 1_000_000}),
        ("embed", rb'{"text": "a \ud800 b"}', 422, "invalid_input", {"field": "body"}),
        ("embed", b'{"text": "a \xed\xa0\x80 b"}', 422, "invalid_input", {"field": "body"}),
        ("embed", b'{"text": "\xff\xfe"}', 422, "invalid_input", {"field": "body"}),
        ("embed", b'{"text": "raw \x01 control"}', 422, "invalid_input", {"field": "body"}),
        ("embed", b"[" * 100_000, 422, "invalid_input", {"field": "body"}),
        ("embed-batch", b'{"texts": []}', 422, "invalid_input", {"field": "texts"}),
        ("embed-batch", b'{"texts": "a"}', 422, "invalid_input", {"field": "texts"}),
        ("embed-batch", b'{"texts": ["a", 3]}', 422, "invalid_input", {"field": "texts", "index": 1}),
        ("embed-batch", b'{"texts": ["a", ""]}', 422, "invalid_input", {"field": "texts", "index": 1}),
        ("embed-batch", orjson.dumps({"texts": ["a"] * 101}), 413, "input_too_large", {"limit": 100, "actual": 101}),
        ("embed-batch", orjson.dumps({"texts": ["a", "x" * 1001]}), 413, "input_too_large", {"index": 1}),
    ],
)
async def test_bad_bodies_have_a_typed_error(
    client: httpx.AsyncClient,
    runner: DirectRunner,
    path: str,
    body: bytes,
    status: int,
    code: str,
    details: dict[str, Any],
) -> None:
    answer = await client.post(f"/api/v1/{path}", content=body, headers={"content-type": "application/json"})

    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["code"] == code
    assert error.items() >= details.items()
    assert len(error["message"]) < 400
    assert runner.requests == []


@pytest.mark.parametrize("text", ["x", "x" * 1000, "\x00\x07\x1b[31m", " ", "\u200b", "😀" * 1000, "\ufeff", "\uffff"])
async def test_odd_texts_have_a_right_answer(client: httpx.AsyncClient, plain_library: Any, text: str) -> None:
    answer = await client.post("/api/v1/embed", json={"text": text})

    assert answer.status_code == 200
    vector = np.float32(answer.json()["embedding"])
    assert float(vector @ plain_library.encode(text, normalize_embeddings=True)) >= 0.999


async def test_limits_are_the_configured_ones(runner: DirectRunner) -> None:
    async with client_of(runner, EmbeddingLimits(max_chars=5, max_texts=2)) as client:
        assert (await client.post("/api/v1/embed", json={"text": "12345"})).status_code == 200
        assert (await client.post("/api/v1/embed", json={"text": "123456"})).status_code == 413
        assert (await client.post("/api/v1/embed-batch", json={"texts": ["1", "2", "3"]})).status_code == 413
        schema = (await client.get("/openapi.json")).json()
    body = schema["paths"]["/api/v1/embed"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert (body["properties"]["text"]["maxLength"], body["required"]) == (5, ["text"])


async def test_openapi_documents_bodies_answers_and_headers(client: httpx.AsyncClient) -> None:
    schema = (await client.get("/openapi.json")).json()

    for path in ("/api/v1/embed", "/api/v1/embed-batch", "/v1/embeddings"):
        operation = schema["paths"][path]["post"]
        assert operation["requestBody"]["content"]["application/json"]["schema"]["properties"]
        reference = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
        assert reference.removeprefix("#/components/schemas/") in schema["components"]["schemas"]
    assert "X-Sensorium-Truncated" in schema["paths"]["/api/v1/embed"]["post"]["responses"]["200"]["headers"]


async def test_documented_answers_are_the_given_ones(client: httpx.AsyncClient) -> None:
    from deployments.embedding import wire

    one = await client.post("/api/v1/embed", json={"text": "hello"})
    assert wire.EmbedReply.model_validate_json(one.content).model_dump().keys() == one.json().keys()
    many = await client.post("/api/v1/embed-batch", json={"texts": ["hello", "you"]})
    assert wire.EmbedBatchReply.model_validate_json(many.content).model_dump().keys() == many.json().keys()
    info = await client.get("/api/v1/model-info")
    assert wire.ModelInfo.model_validate_json(info.content).model_dump().keys() == info.json().keys()
    openai = await client.post("/v1/embeddings", json={"input": "hello", "model": "all-MiniLM-L6-v2"})
    assert wire.OpenAIReply.model_validate_json(openai.content).model_dump() == openai.json()
