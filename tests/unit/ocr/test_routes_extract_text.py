"""`POST /extract_text`: every shape that clients send, the reply, the row, and what is refused."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deployments.ocr.store.execution_store import NullStore
from deployments.ocr.types import OcrOptions, OcrRequest
from deployments.serving.errors import (
    BackendMissing,
    DeadlineExceeded,
    EngineFailed,
    NotReady,
    Overloaded,
    StoreUnavailable,
)
from deployments.serving.media import InlineMedia, StoredMedia
from tests.unit.ocr.ocr_service import LIMITS, Service, running_service

PATH = "/data/scan.png"
OPTIONS = {"language": "en", "confidence_threshold": 0.7, "use_angle_cls": False, "backend": "tesseract"}
BASE64 = base64.b64encode(b"content").decode()


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with running_service(tmp_path) as running:
        yield running


def form(**fields: Any) -> dict[str, Any]:
    """What `httpx.post(url, data={"request_data": json.dumps(...)})` of the old pipeline sends."""
    return {"data": {"request_data": json.dumps(fields)}}


# ---- accepted --------------------------------------------------------------------------------------------------------

STORED = {
    "urlencoded form": form(private_img=PATH, **OPTIONS),
    "multipart form": {"files": {"request_data": (None, json.dumps({"private_img": PATH, **OPTIONS}))}},
    "multipart form, part with a content type": {
        "files": {"request_data": (None, json.dumps({"private_img": PATH, **OPTIONS}), "application/json")}
    },
    "multipart form, request_data as a file": {
        "files": {"request_data": ("request.json", json.dumps({"private_img": PATH, **OPTIONS}), "application/json")}
    },
    "plain JSON": {"json": {"private_img": PATH, **OPTIONS}},
    "JSON with an inner object": {"json": {"request_data": {"private_img": PATH, **OPTIONS}}},
    "JSON with inner text": {"json": {"request_data": json.dumps({"private_img": PATH, **OPTIONS})}},
    "JSON, path beside the options": {"json": {"private_img": PATH, "request_data": OPTIONS}},
    "JSON without a content type": {"content": json.dumps({"private_img": PATH, **OPTIONS})},
    "plain form fields": {"data": {"private_img": PATH} | {name: str(value) for name, value in OPTIONS.items()}},
    "extras of old clients": form(private_img=PATH, **OPTIONS, callback_url="http://x", det=True, cls=None),
}
INLINE = {
    "upload": {"files": {"file": ("scan.png", b"content")}, **form(**OPTIONS)},
    "upload under `files`": {"files": [("files", ("scan.png", b"content"))], **form(**OPTIONS)},
    "upload beside empty fields": {
        "files": {"file": ("scan.png", b"content")},
        "data": {"request_data": json.dumps(OPTIONS), "private_img": "", "image": "", "chain_id": ""},
    },
    "base64 in JSON": {"json": {"image": BASE64, **OPTIONS}},
    "base64 in a form": {"data": {"image": BASE64, "request_data": json.dumps(OPTIONS)}},
    "base64 in a multipart form": {"files": {"image": (None, BASE64), "request_data": (None, json.dumps(OPTIONS))}},
    "data URL": {"json": {"image": f"data:image/png;base64,{BASE64}", **OPTIONS}},
    "data URL with parameters": {"json": {"image": f"DATA:image/png;name=a.png;base64,{BASE64}", **OPTIONS}},
    "base64 in lines, without padding": {"json": {"image": BASE64[:4] + "\r\n" + BASE64[4:].rstrip("="), **OPTIONS}},
}


@pytest.mark.parametrize("body", STORED.values(), ids=STORED.keys())
async def test_every_shape_with_a_server_path_is_the_same_request(service: Service, body: dict[str, Any]) -> None:
    response = await service.extract(**body)
    assert response.status_code == 200, response.text
    assert service.runner.requests == [OcrRequest(StoredMedia(PATH), OcrOptions("en", 0.7, False, "tesseract"))]


@pytest.mark.parametrize("body", INLINE.values(), ids=INLINE.keys())
async def test_every_shape_with_a_file_is_the_same_request(service: Service, body: dict[str, Any]) -> None:
    response = await service.extract(**body)
    assert response.status_code == 200, response.text
    [request] = service.runner.requests
    assert isinstance(request.source, InlineMedia)
    assert request.source.data == b"content"
    assert request.options == OcrOptions("en", 0.7, False, "tesseract")


async def test_defaults_are_those_of_the_old_service(service: Service) -> None:
    for body in (form(private_img=PATH), {"json": {"private_img": PATH, "language": None, "use_angle_cls": ""}}):
        assert (await service.extract(**body)).status_code == 200
    assert {request.options for request in service.runner.requests} == {OcrOptions("korean", 0.5, True, None)}


async def test_an_upload_larger_than_memory_buffers_arrives_whole(service: Service) -> None:
    content = b"x" * (2 * 2**20)  # spooled to disk by Starlette from 1 MiB on
    response = await service.extract(files={"file": ("scan.png", content)})
    assert response.status_code == 200
    [request] = service.runner.requests
    assert request.source == InlineMedia(content, "scan.png")
    assert (await service.extract(json={"image": base64.b64encode(content).decode()})).status_code == 200
    assert (await service.extract(data={"image": base64.b64encode(content).decode()})).status_code == 200


# ---- reply and row ---------------------------------------------------------------------------------------------------


async def test_the_reply_has_the_old_fields_and_the_new(service: Service) -> None:
    response = await service.extract(**form(private_img=PATH), headers={"x-request-id": "mine"})
    reply = response.json()
    [row] = await service.rows()
    total = reply["timings"].pop("total_ms")
    assert total >= 0
    assert reply == {
        "text_boxes": [
            {"text": PATH, "confidence": 0.97, "bbox": [[1, 2], [30, 2], [30, 9], [1, 9]], "page": 0, "rotation": 0},
            {"text": "page two", "confidence": 0.8, "bbox": [[1, 2], [30, 2], [30, 9], [1, 9]], "page": 1,
             "rotation": 180},
        ],
        "backend": "rapidocr",
        "model": "PP-OCRv6",
        "language": "korean",
        "width": 640,
        "height": 480,
        "pages": 2,
        "page_sizes": [{"width": 640, "height": 480}, {"width": 320, "height": 240}],
        "timings": {"decode_ms": 1.25, "inference_ms": 20.5},
        "execution_id": row.id,
        "request_id": "mine",
    }  # fmt: skip


async def test_one_row_is_stored_with_its_boxes(service: Service) -> None:
    fields = {"private_img": PATH, "chain_id": "chain", "batch_id": "batch", "image_index": 4}
    await service.extract(**form(**fields, public_file_path="/public/a.png"), headers={"x-request-id": "mine"})
    [row] = await service.rows()
    stored = row.execution
    assert (stored.status, stored.source, stored.public_file_path) == ("success", PATH, "/public/a.png")
    assert (stored.chain_id, stored.batch_id, stored.image_index, stored.request_id) == ("chain", "batch", 4, "mine")
    assert (stored.backend, stored.model, stored.language) == ("rapidocr", "PP-OCRv6", "korean")
    assert (stored.width, stored.height, stored.pages) == (640, 480, 2)
    assert [box.text for box in stored.text_boxes] == [PATH, "page two"]
    assert stored.text_boxes[1].rotation == 180


async def test_a_repeated_chain_answers_again_and_stores_once(service: Service) -> None:
    body = form(private_img=PATH, chain_id=12345)  # old clients send numbers, too
    first, second = await service.extract(**body), await service.extract(**body)
    assert first.json()["execution_id"] == second.json()["execution_id"]
    assert second.json()["text_boxes"] == first.json()["text_boxes"]
    [row] = await service.rows()
    assert row.execution.chain_id == "12345"


@pytest.mark.parametrize(
    ("body", "source"),
    [
        ({"files": {"file": ("스캔 1.png", b"x")}}, "스캔 1.png"),
        ({"files": {"file": ("n" * 300, b"x")}}, "n" * 255),
        ({"json": {"image": BASE64}}, "base64"),
        ({"json": {"private_img": "s3://KEY:SECRET@bucket/a.png"}}, "s3://bucket/a.png"),
        ({"json": {"private_img": "/data/a@b.png"}}, "/data/a@b.png"),
    ],
)
async def test_the_row_names_its_source_without_credentials(
    service: Service, body: dict[str, Any], source: str
) -> None:
    assert (await service.extract(**body)).status_code == 200
    [row] = await service.rows()
    assert row.execution.source == source


async def test_text_that_json_cannot_hold_is_replaced(service: Service) -> None:
    service.runner.text = "lone \ud800 and nul \0"
    reply = (await service.extract(**form(private_img=PATH))).json()
    assert reply["text_boxes"][0]["text"] == "lone \ufffd and nul \ufffd"
    assert (await service.rows())[0].execution.text_boxes[0].text == "lone \ufffd and nul \ufffd"


# ---- refused ---------------------------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[dict[str, Any], int, str, str]] = {
    "empty body": ({}, 422, "invalid_input", "the body is empty"),
    "blank body": ({"content": b"  \n"}, 422, "invalid_input", "the body is empty"),
    "empty form": ({"data": {"x": ""}}, 422, "invalid_input", "send exactly one"),
    "empty JSON": ({"json": {}}, 422, "invalid_input", "send exactly one"),
    "not JSON": ({"content": b"{private_img"}, 422, "invalid_input", "not valid JSON"),
    "not an object": ({"json": [1]}, 422, "invalid_input", "not a JSON object"),
    "deep nesting": ({"content": b"[" * 100_000}, 422, "invalid_input", "not valid JSON"),
    "lone surrogate": ({"content": b'{"private_img": "\\ud800"}'}, 422, "invalid_input", "not valid JSON"),
    "not UTF-8": ({"content": b'{"private_img": "\xff"}'}, 422, "invalid_input", "not valid JSON"),
    "request_data not JSON": ({"data": {"request_data": "private_img"}}, 422, "invalid_input", "`request_data` is not"),
    "request_data a list": ({"data": {"request_data": "[1]"}}, 422, "invalid_input", "`request_data` is not a JSON"),
    "request_data a number": ({"json": {"request_data": 5}}, 422, "invalid_input", "`request_data` is not a JSON"),
    "request_data twice": ({"data": {"request_data": ["{}", "{}"]}}, 422, "invalid_input", "sent twice"),
    "request_data not UTF-8": (
        {"files": {"request_data": ("a", b'{"language": "\xff"}')}}, 422, "invalid_input", "not UTF-8",
    ),
    "raw image": ({"content": b"\x89PNG", "headers": {"content-type": "image/png"}}, 415, "unsupported_media", "send"),
    "multipart without a boundary": (
        {"content": b"x", "headers": {"content-type": "multipart/form-data"}}, 422, "invalid_input", "form cannot be",
    ),
    "threshold above 1": (form(private_img=PATH, confidence_threshold=1.5), 422, "invalid_input", "confidence_thres"),
    "threshold below 0": (form(private_img=PATH, confidence_threshold=-0.1), 422, "invalid_input", "confidence_thres"),
    "threshold NaN": ({"data": {"request_data": '{"confidence_threshold": NaN}'}}, 422, "invalid_input", "not valid"),
    "threshold nan in a form": (
        {"data": {"private_img": PATH, "confidence_threshold": "nan"}}, 422, "invalid_input", "confidence_threshold",
    ),
    "threshold a boolean": (form(private_img=PATH, confidence_threshold=True), 422, "invalid_input", "confidence_thr"),
    "threshold a word": (form(private_img=PATH, confidence_threshold="high"), 422, "invalid_input", "confidence_thr"),
    "language a number": (form(private_img=PATH, language=5), 422, "invalid_input", "language"),
    "angle a list": (form(private_img=PATH, use_angle_cls=[]), 422, "invalid_input", "use_angle_cls"),
    "path a list": (form(private_img=[PATH]), 422, "invalid_input", "private_img"),
    "path too long": (form(private_img="/" * 5000), 422, "invalid_input", "private_img"),
    "chain too long": (form(private_img=PATH, chain_id="c" * 256), 422, "invalid_input", "chain_id"),
    "chain with controls": (form(private_img=PATH, chain_id="a\nb"), 422, "invalid_input", "chain_id"),
    "index below 0": (form(private_img=PATH, image_index=-1), 422, "invalid_input", "image_index"),
    "index too large": (form(private_img=PATH, image_index=2**31), 422, "invalid_input", "image_index"),
    "two images": ({"files": {"file": ("a", b"x")}, **form(private_img=PATH)}, 422, "invalid_input", "has 2 images"),
    "two uploads": ({"files": [("file", ("a", b"x")), ("file", ("b", b"x"))]}, 422, "invalid_input", "has 2 images"),
    "many uploads": ({"files": [("file", ("a", b"x"))] * 5}, 413, "input_too_large", "limit is 1"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "status", "code", "message"), REFUSED.values(), ids=REFUSED.keys())
async def test_what_cannot_be_a_call_is_refused_and_not_stored(
    service: Service, body: dict[str, Any], status: int, code: str, message: str
) -> None:
    response = await service.extract(**body)
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert error["code"] == code
    assert message in error["message"]
    assert service.runner.requests == []
    assert await service.rows() == []
    assert (await service.extract(**form(private_img=PATH))).status_code == 200


async def test_a_wrong_field_is_named_and_not_repeated(service: Service) -> None:
    response = await service.extract(**form(private_img=PATH, confidence_threshold="secret", language=7))
    error = response.json()["error"]
    assert {entry["field"] for entry in error["fields"]} == {"confidence_threshold", "language"}
    assert "secret" not in response.text


FAILED: dict[str, tuple[dict[str, Any], int, str]] = {
    "not an image": ({"files": {"file": ("a.png", b"bad")}}, 415, "unsupported_media"),
    "empty file": ({"files": {"file": ("a.png", b"")}}, 422, "invalid_input"),
    "large file": ({"files": {"file": ("a.png", b"x" * (LIMITS.max_file_bytes + 1))}}, 413, "input_too_large"),
    "large base64": (
        {"json": {"image": base64.b64encode(b"x" * (LIMITS.max_file_bytes + 1)).decode()}}, 413, "input_too_large",
    ),
    "huge base64": ({"json": {"image": "A" * (2 * LIMITS.max_file_bytes)}}, 413, "input_too_large"),
    "not base64": ({"json": {"image": "ünlikely"}}, 422, "invalid_input"),
    "base64 with strange characters": ({"json": {"image": "ab*d"}}, 422, "invalid_input"),
    "base64 of nothing": ({"json": {"image": "data:image/png;base64,"}}, 422, "invalid_input"),
    "NUL in the path": ({"json": {"private_img": "/data/a\0.png"}}, 422, "invalid_input"),
    "unknown language": (form(private_img=PATH, language="klingon"), 422, "unsupported_option"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "status", "code"), FAILED.values(), ids=FAILED.keys())
async def test_an_image_that_cannot_be_read_is_an_error_and_a_failed_row(
    service: Service, body: dict[str, Any], status: int, code: str
) -> None:
    response = await service.extract(**body)
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert error["code"] == code
    [row] = await service.rows()
    assert (row.execution.status, row.execution.error_code) == ("failed", code)
    assert row.execution.error_message == error["message"]
    assert error["execution_id"] == row.id


@pytest.mark.parametrize("failure", [EngineFailed("broken"), DeadlineExceeded("slow"), RuntimeError("secret")])
async def test_a_failing_model_is_a_5xx_and_a_failed_row_until_the_repeat_succeeds(
    service: Service, failure: Exception
) -> None:
    def fail(content: str) -> None:
        raise failure

    service.runner.before = fail
    response = await service.extract(**form(private_img=PATH, chain_id="chain"))
    assert response.status_code >= 500
    assert "secret" not in response.text
    [row] = await service.rows()
    assert row.execution.status == "failed"

    service.runner.before = lambda content: None
    assert (await service.extract(**form(private_img=PATH, chain_id="chain"))).status_code == 200
    [again] = await service.rows()
    assert (again.id, again.execution.status) == (row.id, "success")


@pytest.mark.parametrize("refusal", [Overloaded("full", retry_after_s=7), NotReady("loading"), BackendMissing("none")])
async def test_a_service_that_cannot_read_now_is_a_503_and_stores_nothing(service: Service, refusal: Exception) -> None:
    def refuse(content: str) -> None:
        raise refusal

    service.runner.before = refuse
    response = await service.extract(**form(private_img=PATH))
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) == (7 if isinstance(refusal, Overloaded) else 1)
    assert await service.rows() == []


class LostStore(NullStore):
    async def record_many(self, executions: object) -> list[str | None]:
        raise StoreUnavailable("the database does not answer", retry_after_s=3)


@pytest.mark.parametrize("content", [b"good", b"bad"])
async def test_what_cannot_be_stored_is_not_answered(tmp_path: Path, content: bytes) -> None:
    async with running_service(tmp_path, store=LostStore()) as service:
        response = await service.extract(files={"file": ("a.png", content)})
        assert response.status_code == 503
        assert response.json()["error"]["code"] == "store_unavailable"
        assert response.headers["retry-after"] == "3"


async def test_without_a_store_there_is_no_execution_id(tmp_path: Path) -> None:
    async with running_service(tmp_path, store=NullStore()) as service:
        response = await service.extract(**form(private_img=PATH))
        assert response.status_code == 200
        assert response.json()["execution_id"] is None
        for path in ("/executions", "/executions/0190b2c4-0000-7000-8000-000000000000"):
            answer = await service.http.get(path)
            assert answer.status_code == 404
            assert "database: null" in answer.json()["error"]["message"]
