from __future__ import annotations

import pytest

from deployments.web.health import Health
from tests.unit.web.service import CARD, Source, client_of, make_app

BODY = [
    "service", "status", "reason", "version", "model", "model_version",
    "backend", "device", "languages", "backends", "notes",
]  # fmt: skip


async def test_ready_tells_the_model_and_every_backend() -> None:
    async with client_of(make_app()) as client:
        health, ready, live = [await client.get(path) for path in ("/health", "/readyz", "/livez")]
    assert [reply.status_code for reply in (health, ready, live)] == [200, 200, 200]
    body = health.json()
    assert list(body) == BODY
    assert body == {
        "service": "sample",
        "status": "ready",
        "reason": "",
        "version": "1.2.3",
        "model": CARD.model,
        "model_version": CARD.version,
        "backend": "openvino",
        "device": "cpu",
        "languages": ["en"],
        "backends": [
            {"name": "openvino", "loaded": True, "model": CARD.model, "reason": ""},
            {"name": "torch", "loaded": False, "model": "", "reason": "no GPU"},
        ],
        "notes": {"dimensions": 384},
    }
    assert health.headers["cache-control"] == "no-store"
    assert live.json() == {"status": "alive"}


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        (Health("loading", "warming up"), "loading", "warming up"),
        (Health.of_card(CARD, status="failed", reason="out of memory", version="9"), "failed", "out of memory"),
        (RuntimeError("no runner"), "failed", "RuntimeError: no runner"),
    ],
)
async def test_not_ready_is_503_with_the_same_body(answer: Health | Exception, status: str, reason: str) -> None:
    source = Source()
    source.answer = answer
    async with client_of(make_app(source=source), "/ocr") as client:
        health, ready, live = [await client.get(path) for path in ("/health", "/readyz", "/livez")]
    assert (health.status_code, ready.status_code, live.status_code) == (503, 503, 200)
    assert list(health.json()) == BODY
    assert ready.json() == {"status": status, "reason": reason}
    assert (health.json()["status"], health.json()["reason"]) == (status, reason)
    assert health.headers["retry-after"] == "1"


async def test_head_is_answered() -> None:
    async with client_of(make_app()) as client:
        for path in ("/health", "/readyz", "/livez"):
            reply = await client.head(path)
            assert reply.status_code == 200
