"""`GET /executions` and `GET /executions/{id}`, and what OpenAPI says of all OCR routes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.unit.ocr.ocr_service import Service, running_service


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with running_service(tmp_path) as running:
        yield running


async def test_a_stored_execution_is_shown_whole(service: Service) -> None:
    body = {"private_img": "/data/한글.png", "chain_id": "c", "batch_id": "b", "public_file_path": "/p"}
    reply = (await service.extract(json=body, headers={"x-request-id": "mine"})).json()
    shown = (await service.http.get(f"/executions/{reply['execution_id']}")).json()

    created_at = datetime.fromisoformat(shown.pop("created_at"))
    assert timedelta(0) <= datetime.now(UTC) - created_at < timedelta(minutes=1)
    assert shown.pop("duration_ms") == pytest.approx(reply["timings"]["total_ms"], abs=0.001)
    assert shown == {
        "id": reply["execution_id"], "status": "success", "chain_id": "c", "batch_id": "b", "image_index": 0,
        "request_id": "mine", "source": "/data/한글.png", "public_file_path": "/p", "error_code": None,
        "error_message": None, "language": "korean", "confidence_threshold": 0.5, "use_angle_cls": True,
        "backend": "rapidocr", "model": "PP-OCRv6", "width": 640, "height": 480, "pages": 2, "text_box_count": 2,
        "text_boxes": reply["text_boxes"],
    }  # fmt: skip


@pytest.mark.parametrize("unknown", ["0190b2c4-0000-7000-8000-000000000000", "17", "%00", "%ED%A0%80", "x" * 3000])
async def test_an_unknown_execution_is_404(service: Service, unknown: str) -> None:
    response = await service.http.get(f"/executions/{unknown}")
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"


async def test_the_list_is_paged_newest_first(service: Service) -> None:
    await service.extract_batch(json={"private_imgs": [f"/{index}" for index in range(10)]})
    seen: list[str] = []
    cursor: str | None = None
    sizes = []
    while True:
        query = {"limit": "4"} | ({"cursor": cursor} if cursor else {})
        page = (await service.http.get("/executions", params=query)).json()
        sizes.append(len(page["executions"]))
        seen += [execution["source"] for execution in page["executions"]]
        assert all("text_boxes" not in execution for execution in page["executions"])
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [f"/{index}" for index in range(9, -1, -1)]
    assert sizes == [4, 4, 2]


async def test_the_list_is_filtered(service: Service) -> None:
    await service.extract_batch(json={"private_imgs": ["/a", "bad"], "chain_id": "c", "batch_id": "b1"})
    await service.extract(json={"private_img": "/en", "language": "en", "batch_id": "b2"})

    async def sources(**query: str) -> set[str]:
        response = await service.http.get("/executions", params=query)
        assert response.status_code == 200, response.text
        return {execution["source"] for execution in response.json()["executions"]}

    assert await sources() == {"/a", "bad", "/en"}
    assert await sources(chain_id="c") == {"/a", "bad"}
    assert await sources(chain_id="c", status="success") == {"/a"}
    assert await sources(status="failed") == {"bad"}
    assert await sources(batch_id="b2") == {"/en"}
    assert await sources(language="en") == {"/en"}
    assert await sources(since="2020-01-01") == {"/a", "bad", "/en"}
    assert await sources(until="2020-01-01T00:00:00+09:00") == set()
    assert await sources(chain_id="nul\0") == set()


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "201"},
        {"limit": "many"},
        {"status": "lost"},
        {"since": "yesterday"},
        {"since": "0001-01-01T00:00:00+09:00"},
        {"until": "9999-12-31T23:59:59-09:00"},
        {"cursor": "not-ours"},
        {"cursor": "x" * 201},
    ],
)
async def test_a_wrong_query_is_refused(service: Service, query: dict[str, str]) -> None:
    response = await service.http.get("/executions", params=query)
    assert response.status_code == 422, response.text
    error = response.json()["error"]
    assert error["code"] == "invalid_input"
    assert next(iter(query)) in error["message"]


async def test_openapi_shows_every_body_and_reply(service: Service) -> None:
    document = (await service.http.get("/openapi.json")).json()
    for path, upload in (("/extract_text", "file"), ("/extract_text_batch", "files")):
        operation = document["paths"][path]["post"]
        content = operation["requestBody"]["content"]
        assert set(content) == {"multipart/form-data", "application/x-www-form-urlencoded", "application/json"}
        assert upload in content["multipart/form-data"]["schema"]["properties"]
        for kind in content.values():
            assert {"request_data", "language", "chain_id"} <= set(kind["schema"]["properties"])
        assert "$ref" in operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert {"/executions", "/executions/{execution_id}"} <= set(document["paths"])


async def test_replies_hold_exactly_the_documented_fields(service: Service) -> None:
    schemas = (await service.http.get("/openapi.json")).json()["components"]["schemas"]
    single = (await service.extract(json={"private_img": "/a"})).json()
    batch = (await service.extract_batch(json={"private_imgs": ["/a", "bad"]})).json()
    stored = (await service.http.get(f"/executions/{single['execution_id']}")).json()
    listed = (await service.http.get("/executions")).json()
    for name, replies in {
        "ExtractTextReply": [single],
        "ExtractTextBatchReply": [batch],
        "BatchEntry": batch["results"],
        "TextBoxReply": single["text_boxes"],
        "ExecutionReply": [stored],
        "ExecutionListReply": [listed],
        "ExecutionSummary": listed["executions"],
    }.items():
        for reply in replies:
            assert set(reply) == set(schemas[name]["properties"]), name
