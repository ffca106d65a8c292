"""The old services' clients as contracts.md describes them, in plain httpx and requests: only the base URL is new."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import requests

from tests.serve.conftest import ROOT, Cluster

SAMPLES = ROOT / "samples"


class RetriedError(Exception):
    """5xx, a time-out, a refused connection: the Celery task tries again."""


@dataclass(frozen=True)
class OldOcrClient:
    """The batch-OCR client: `is_batch` picks the call, the time-out grows with the batch."""

    base_url: str

    async def run(self, images: Sequence[str], is_batch: bool, **options: Any) -> dict[str, Any]:
        options = {"language": "en", "confidence_threshold": 0.5, "use_angle_cls": True, **options}
        try:
            async with httpx.AsyncClient(base_url=self.base_url) as client:
                if is_batch:
                    body = {"request_data": options, "private_imgs": list(images)}
                    seconds = 30.0 + 10.0 * len(images)
                    response = await client.post("/extract_text_batch", json=body, timeout=seconds)
                else:
                    form = {"request_data": json.dumps({"private_img": images[0], **options})}
                    response = await client.post("/extract_text", data=form, timeout=30.0)
        except (httpx.TimeoutException, httpx.ConnectError) as error:
            raise RetriedError(str(error)) from error
        if response.status_code >= 500:
            raise RetriedError(response.text)
        if response.status_code >= 400:
            raise ValueError(response.text)
        reply: dict[str, Any] = response.json()
        return reply


class OldEmbeddingClient:
    """The embedding backend's: a base URL from `ML_INFERENCE_URL`, one client for the application's life."""

    def __init__(self, ml_inference_url: str) -> None:
        self.client = httpx.AsyncClient(base_url=ml_inference_url, timeout=30.0)

    async def get_embedding(self, text: str) -> list[float]:
        response = await self.client.post("/api/v1/embed", json={"text": text, "normalize": True})
        response.raise_for_status()
        vector: list[float] = response.json()["embedding"]
        return vector

    async def get_embeddings(self, texts: Sequence[str]) -> list[list[float]]:
        response = await self.client.post("/api/v1/embed-batch", json={"texts": list(texts), "normalize": True})
        response.raise_for_status()
        data = response.json()
        assert data["count"] == len(texts)
        vectors: list[list[float]] = data["embeddings"]
        return vectors


def old_transcribe(stt_url: str, path: str, language: str | None = None, backend: str | None = None) -> dict[str, Any]:
    """The speech client's function."""
    data = {key: value for key, value in (("language", language), ("backend", backend)) if value}
    with open(path, "rb") as file:  # noqa: PTH123 - as it was written
        response = requests.post(f"{stt_url}/transcribe", files={"file": file}, data=data, timeout=300)
    response.raise_for_status()
    result: dict[str, Any] = response.json()
    return result


@pytest.fixture
def ocr(cluster: Cluster) -> OldOcrClient:
    for name in ("receipt.png", "invoice.jpg"):
        (cluster.media / name).write_bytes((SAMPLES / name).read_bytes())
    return OldOcrClient(f"{cluster.url}/ocr")


async def test_ocr_single(ocr: OldOcrClient, cluster: Cluster) -> None:
    reply = await ocr.run([str(cluster.media / "receipt.png")], is_batch=False)
    first = reply["text_boxes"][0]
    assert first["text"] == "HARBOR CAFE"
    assert 0.5 <= first["confidence"] <= 1
    assert [len(point) for point in first["bbox"]] == [2, 2, 2, 2]

    strict = await ocr.run([str(cluster.media / "receipt.png")], is_batch=False, confidence_threshold=1.0)
    assert all(box["confidence"] == 1.0 for box in strict["text_boxes"])


async def test_ocr_batch_keeps_the_good_ones(ocr: OldOcrClient, cluster: Cluster) -> None:
    paths = [str(cluster.media / name) for name in ("receipt.png", "not-there.png", "invoice.jpg")]
    reply = await ocr.run(paths, is_batch=True)
    assert [result["status"] for result in reply["results"]] == ["success", "failed", "success"]
    assert (reply["total_processed"], reply["total_success"], reply["total_failed"]) == (3, 2, 1)
    assert reply["results"][1]["text_boxes"] == []
    assert "not-there.png" in reply["results"][1]["error"]
    assert reply["results"][0]["text_boxes"][0]["text"] == "HARBOR CAFE"


async def test_ocr_refusals_are_value_errors_and_no_server_is_retried(ocr: OldOcrClient) -> None:
    with pytest.raises(ValueError, match="access_denied"):
        await ocr.run(["/etc/passwd"], is_batch=False)
    with pytest.raises(RetriedError):
        await OldOcrClient("http://127.0.0.1:9/ocr").run(["/a.png"], is_batch=False)


async def test_embedding(cluster: Cluster) -> None:
    old = OldEmbeddingClient(f"{cluster.url}/embedding")
    texts = ["kimchi stew", "cold noodles", "x" * 1000]
    async with old.client:
        one, several = await asyncio.gather(old.get_embedding(texts[0]), old.get_embeddings(texts))
        with pytest.raises(httpx.HTTPStatusError) as raised:
            await old.get_embedding("")
        info = (await old.client.get("/api/v1/model-info")).json()
        health = (await old.client.get("/health")).json()
    assert several[0] == pytest.approx(one, abs=1e-5)
    assert [sum(number * number for number in vector) for vector in several] == pytest.approx([1, 1, 1], abs=1e-4)
    assert len(one) == info["dim"] == 384
    assert raised.value.response.status_code == 422
    assert health["status"] == "ready"


def test_speech(cluster: Cluster) -> None:
    result = old_transcribe(f"{cluster.url}/speech", str(SAMPLES / "gate.wav"), language="en")
    assert result["success"] is True
    assert result["text"] == "the container is ready for inspection at the gate seven"
    assert (result["language"], result["backend"]) == ("en", "pocketsphinx")
    assert result["duration"] == pytest.approx(3.385, abs=0.01)

    with pytest.raises(requests.HTTPError) as raised:
        old_transcribe(f"{cluster.url}/speech", str(SAMPLES / "gate.wav"), backend="openai-whisper")
    refusal = raised.value.response
    assert refusal is not None
    assert refusal.status_code == 422
    assert "pocketsphinx" in refusal.json()["error"]["available"]
