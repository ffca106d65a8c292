"""The old clients' own calls as contracts.md has them, unchanged but for the base URL (and a key in the header)."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from tests.unit.client.real_server import KEY, RealServer

HEADERS = {"x-api-key": KEY}


async def test_the_embedding_backends_httpx_call(server: RealServer) -> None:
    ml_inference_url = f"{server.url}/embedding"
    async with httpx.AsyncClient(timeout=30.0, headers=HEADERS) as client:
        response = await client.post(
            f"{ml_inference_url}/api/v1/embed", json={"text": "돼지고기 김치찌개", "normalize": True}
        )
        response.raise_for_status()
        assert len(response.json()["embedding"]) == response.json()["dim"]

        response = await client.post(
            f"{ml_inference_url}/api/v1/embed-batch", json={"texts": ["된장찌개", "비빔밥"], "normalize": True}
        )
        response.raise_for_status()
        assert response.json()["count"] == len(response.json()["embeddings"]) == 2


async def test_the_ocr_clients_form_and_batch_calls(server: RealServer) -> None:
    options = {"language": "korean", "confidence_threshold": 0.5, "use_angle_cls": True}
    async with httpx.AsyncClient(base_url=f"{server.url}/ocr/", headers=HEADERS) as client:
        response = await client.post(
            "extract_text", data={"request_data": json.dumps({"private_img": "/a.png", **options})}, timeout=30.0
        )
        assert response.json()["text_boxes"][0]["text"] == "/a.png"

        images = ["/a.png", "bad.png"]
        response = await client.post(
            "extract_text_batch", json={"request_data": options, "private_imgs": images}, timeout=30 + 10 * len(images)
        )
    reply = response.json()
    assert response.status_code == 200
    assert [result["status"] for result in reply["results"]] == ["success", "failed"]
    assert (reply["total_processed"], reply["total_success"], reply["total_failed"]) == (2, 1, 1)


def test_the_speech_clients_requests_call(server: RealServer) -> None:
    requests = pytest.importorskip("requests", reason="the old speech client's library is not installed")
    path = Path(__file__).parents[3] / "samples" / "gate.wav"
    with path.open("rb") as file:
        response = requests.post(
            f"{server.url}/speech/transcribe",
            files={"file": file},
            data={"language": "en"},
            headers=HEADERS,
            timeout=300,
        )
    reply = response.json()
    assert (reply["success"], reply["language"], reply["backend"]) == (True, "en", "fake")
    assert reply["duration"] > 1
    assert reply["text"]
