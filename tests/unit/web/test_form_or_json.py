"""Bodies as clients send them: forms with uploads and JSON give the same fields."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from deployments.serving.errors import SensoriumError
from deployments.web.form_or_json import BodyShape, form_or_json

SHAPE = BodyShape(
    uploads=("files", "file"),
    lists={"paths": "paths", "path": "paths"},
    unit="recordings",
    hint="a form",
    text_parts=("options",),
)


async def answer(request: Request) -> JSONResponse:
    try:
        async with form_or_json(request, SHAPE, max_items=2) as body:
            names = [upload.filename for upload in body.uploads]
            read = [(await upload.read()).decode() for upload in body.uploads]
            return JSONResponse({"values": body.values, "names": names, "read": read})
    except SensoriumError as error:
        return JSONResponse({"code": error.code, "message": error.message, **error.details})


async def sent(**body: Any) -> dict[str, Any]:
    app = Starlette(routes=[Route("/", answer, methods=["POST"])])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        reply: dict[str, Any] = (await client.post("/", **body)).json()
        return reply


@pytest.mark.parametrize(
    ("body", "values"),
    [
        ({"json": {"paths": ["/a"], "language": "ko"}}, {"paths": ["/a"], "language": "ko"}),
        ({"data": {"paths": ["/a", "/b"], "language": "ko"}}, {"paths": ["/a", "/b"], "language": "ko"}),
        ({"data": {"paths[]": '["/a", "/b"]', "path": "/c", "x": ""}}, {"paths": ["/a", "/b", "/c"], "x": ""}),
        ({"files": {"options": ("o.json", b'{"a": 1}')}}, {"options": '{"a": 1}'}),
        ({"content": b'{"a": 1}', "headers": {"content-type": "application/vnd.x+json; charset=utf-8"}}, {"a": 1}),
    ],
)
async def test_fields(body: dict[str, Any], values: dict[str, Any]) -> None:
    assert await sent(**body) == {"values": values, "names": [], "read": []}


async def test_uploads_in_order_without_the_empty_part_that_browsers_send() -> None:
    parts = [("files", ("a", b"one")), ("other", ("x", b"not asked for")), ("files[]", ("b", b"two"))]
    assert await sent(files=parts) == {"values": {}, "names": ["a", "b"], "read": ["one", "two"]}
    browser = (
        b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\"\r\n"
        b"Content-Type: application/octet-stream\r\n\r\n\r\n--b--\r\n"
    )  # fmt: skip
    head = {"content-type": "multipart/form-data; boundary=b"}
    assert await sent(content=browser, headers=head) == {"values": {}, "names": [], "read": []}


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"content": b""}, "invalid_input", "the body is empty"),
        ({"content": b"{"}, "invalid_input", "the body is not valid JSON"),
        ({"json": [1]}, "invalid_input", "the body is not a JSON object"),
        ({"data": {"paths": "[1,"}}, "invalid_input", "`paths` is not valid JSON"),
        ({"data": {"options": ["{}", "{}"]}}, "invalid_input", "`options` was sent twice"),
        ({"files": {"options": ("o", b"\xff")}}, "invalid_input", "`options` is not UTF-8"),
        ({"files": [("files", (name, b"x")) for name in "abcd"]}, "input_too_large", "more recordings, the limit is 2"),
        (
            {"content": b"x", "headers": {"content-type": "text/csv"}},
            "unsupported_media",
            "the body is text/csv; send a",
        ),
        (
            {"content": b"--", "headers": {"content-type": "multipart/form-data"}},
            "invalid_input",
            "the form cannot be read",
        ),
    ],
)
async def test_what_cannot_be_read_is_said(body: dict[str, Any], code: str, words: str) -> None:
    reply = await sent(**body)
    assert reply["code"] == code
    assert words in reply["message"]
