"""The embedding service as old clients, and OpenAI's, use it."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import httpx
import numpy as np
import openai
import pytest

from tests.serve.conftest import Cluster


async def test_the_old_backends_httpx_call(cluster: Cluster) -> None:
    async with httpx.AsyncClient(base_url=f"{cluster.url}/embedding", timeout=30) as client:
        reply = await client.post("/api/v1/embed", json={"text": "kimchi stew", "normalize": True})
        reply.raise_for_status()
        body = reply.json()
        assert body["dim"] == len(body["embedding"]) == 384
        assert isinstance(body["version"], str)
        batch = (await client.post("/api/v1/embed-batch", json={"texts": ["kimchi stew", "bread"]})).json()
        assert batch["count"] == 2
        assert float(np.dot(batch["embeddings"][0], body["embedding"])) > 0.999
        info = (await client.get("/api/v1/model-info")).json()
        assert info["dim"] == 384 or info.get("dimensions") == 384
        assert (await client.get("/health")).json()["status"] == "ready"


def test_truncation_is_said(client: httpx.Client) -> None:
    long = client.post("/embedding/api/v1/embed", json={"text": "container " * 99})
    assert long.status_code == 200
    batch = client.post("/embedding/api/v1/embed-batch", json={"texts": ["short", "a b c d e " * 100]}).json()
    assert batch["truncated"] == [False, True]


def test_openais_client(cluster: Cluster) -> None:
    client = openai.OpenAI(base_url=f"{cluster.url}/embedding/v1", api_key="none")
    [model] = client.models.list().data
    reply = client.embeddings.create(model=model.id, input=["a ship", "a crane", "a ship"])
    first, second, third = (item.embedding for item in reply.data)
    assert first == third
    assert first != second
    assert reply.usage.prompt_tokens > 0
    plain = client.embeddings.create(model=model.id, input="a ship", encoding_format="float").data[0].embedding
    assert float(np.dot(plain, first)) > 0.9999
    short = client.embeddings.create(model=model.id, input="a ship", dimensions=64).data[0].embedding
    assert len(short) == 64
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        client.embeddings.create(model=model.id, input="")
    assert refused.value.code == "invalid_input"
    with pytest.raises(openai.APIStatusError, match="model"):
        client.embeddings.create(model="text-embedding-3-small", input="a")


def test_base64_is_little_endian_float32(client: httpx.Client) -> None:
    call = {"input": "a ship", "model": None}
    floats = client.post("/embedding/v1/embeddings", json=call).json()["data"][0]["embedding"]
    packed = client.post("/embedding/v1/embeddings", json={**call, "encoding_format": "base64"}).json()["data"][0]
    decoded = np.frombuffer(base64.b64decode(packed["embedding"]), dtype="<f4")
    assert float(np.dot(decoded, floats)) > 0.9999


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("embed", {"text": ""}, 422, "invalid_input"),
        ("embed", {"text": "x" * 1001}, 413, "input_too_large"),
        ("embed", {"text": "x" * 1_000_000}, 413, "input_too_large"),
        ("embed", {"text": 5}, 422, "invalid_input"),
        ("embed", {}, 422, "invalid_input"),
        ("embed-batch", {"texts": []}, 422, "invalid_input"),
        ("embed-batch", {"texts": ["x"] * 101}, 413, "input_too_large"),
        ("embed-batch", {"texts": ["x", ""]}, 422, "invalid_input"),
    ],
)
def test_bad_input_is_a_typed_error(
    client: httpx.Client, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    answer = client.post(f"/embedding/api/v1/{path}", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text[:300]


def test_lone_surrogates_and_control_characters(client: httpx.Client) -> None:
    surrogate = client.post("/embedding/api/v1/embed", content=rb'{"text": "a \ud800 b"}')
    assert surrogate.status_code == 422
    assert surrogate.json()["error"]["code"] == "invalid_input"
    control = client.post("/embedding/api/v1/embed", json={"text": "tab\tbell\x07 end"})
    assert control.status_code == 200


async def test_many_clients_at_once_get_the_vectors_they_would_get_alone(cluster: Cluster) -> None:
    texts = [f"container number {i} at gate {i % 7}" for i in range(64)]
    async with httpx.AsyncClient(base_url=f"{cluster.url}/embedding", timeout=60) as client:
        alone = (await client.post("/api/v1/embed-batch", json={"texts": texts})).json()["embeddings"]
        together = await asyncio.gather(*(client.post("/api/v1/embed", json={"text": text}) for text in texts))
    for one, reply in zip(alone, together, strict=True):
        assert float(np.dot(one, reply.json()["embedding"])) >= 0.999
