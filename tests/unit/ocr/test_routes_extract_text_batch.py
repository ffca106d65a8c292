"""`POST /extract_text_batch`: shapes, order and counts, failed entries, overload."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deployments.ocr.limits import OcrLimits
from deployments.ocr.types import OcrOptions
from deployments.serving.errors import BackendMissing, EngineFailed, Overloaded
from deployments.serving.media import InlineMedia, StoredMedia
from tests.unit.ocr.ocr_service import LIMITS, Service, running_service
from tests.unit.ocr.test_routes_extract_text import LostStore

OPTIONS = {"language": "en", "confidence_threshold": 0.7, "use_angle_cls": False}
PATHS = ["/data/0.png", "/data/1.png", "/data/2.png"]
CONTENTS = [b"zero", b"one", b"two"]
FILES = [("files", (f"{index}.png", content)) for index, content in enumerate(CONTENTS)]
BASE64 = [base64.b64encode(content).decode() for content in CONTENTS]


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with running_service(tmp_path) as running:
        yield running


STORED = {
    "the old JSON": {"json": {"request_data": OPTIONS, "private_imgs": PATHS}},
    "flat JSON": {"json": {"private_imgs": PATHS, **OPTIONS}},
    "all inside request_data": {"json": {"request_data": {"private_imgs": PATHS, **OPTIONS}}},
    "request_data as text": {"json": {"request_data": json.dumps(OPTIONS), "private_imgs": PATHS}},
    "form, all inside request_data": {"data": {"request_data": json.dumps({"private_imgs": PATHS, **OPTIONS})}},
    "form, repeated fields": {"data": {"request_data": json.dumps(OPTIONS), "private_imgs": PATHS}},
    "form, a JSON array": {"data": {"request_data": json.dumps(OPTIONS), "private_imgs": json.dumps(PATHS)}},
    "multipart form": {
        "files": {"request_data": (None, json.dumps(OPTIONS)), "private_imgs": (None, json.dumps(PATHS))}
    },
}
INLINE = {
    "files": {"files": FILES, "data": {"request_data": json.dumps(OPTIONS)}},
    "files[]": {"files": [("files[]", part) for _, part in FILES], "data": {"request_data": json.dumps(OPTIONS)}},
    "several `file`": {"files": [("file", part) for _, part in FILES], "data": {"request_data": json.dumps(OPTIONS)}},
    "files and plain fields": {"files": FILES, "data": {name: str(value) for name, value in OPTIONS.items()}},
    "base64": {"json": {"request_data": OPTIONS, "images": BASE64}},
    "data URLs": {"json": {"request_data": OPTIONS, "images": [f"data:image/png;base64,{text}" for text in BASE64]}},
    "base64 in form fields": {"data": {"request_data": json.dumps(OPTIONS), "images": BASE64}},
}


@pytest.mark.parametrize("body", STORED.values(), ids=STORED.keys())
async def test_every_shape_with_server_paths_is_the_same_call(service: Service, body: dict[str, Any]) -> None:
    response = await service.extract_batch(**body)
    assert response.status_code == 200, response.text
    assert [request.source for request in service.runner.requests] == [StoredMedia(path) for path in PATHS]
    assert {request.options for request in service.runner.requests} == {OcrOptions("en", 0.7, False)}
    assert [result["text_boxes"][0]["text"] for result in response.json()["results"]] == PATHS


@pytest.mark.parametrize("body", INLINE.values(), ids=INLINE.keys())
async def test_every_shape_with_files_is_the_same_call(service: Service, body: dict[str, Any]) -> None:
    response = await service.extract_batch(**body)
    assert response.status_code == 200, response.text
    sources = [request.source for request in service.runner.requests]
    assert [source.data for source in sources if isinstance(source, InlineMedia)] == CONTENTS
    assert {request.options for request in service.runner.requests} == {OcrOptions("en", 0.7, False)}


async def test_bad_images_are_failed_entries_among_the_others(service: Service) -> None:
    contents = [b"bad" if index in (0, 4, 9) else str(index).encode() for index in range(10)]
    files = [("files", (f"{index}.png", content)) for index, content in enumerate(contents)]
    response = await service.extract_batch(files=files, data={"request_data": '{"chain_id": "c", "batch_id": "b"}'})

    assert response.status_code == 200
    reply = response.json()
    assert (reply["total_processed"], reply["total_success"], reply["total_failed"]) == (10, 7, 3)
    rows = await service.rows()
    assert [result["execution_id"] for result in reply["results"]] == [row.id for row in rows]
    for index, (result, row) in enumerate(zip(reply["results"], rows, strict=True)):
        assert (row.execution.image_index, row.execution.source) == (index, f"{index}.png")
        assert (row.execution.chain_id, row.execution.batch_id) == ("c", "b")
        assert (row.execution.status, row.execution.request_id) == (result["status"], reply["request_id"])
        if index in (0, 4, 9):
            assert result["status"] == "failed"
            assert result["text_boxes"] == []
            assert result["error"] == "not an image of a kind we read" == row.execution.error_message
            assert result["error_code"] == "unsupported_media" == row.execution.error_code
        else:
            assert result["status"] == "success"
            assert (result["error"], result["error_code"]) == (None, None)
            assert result["text_boxes"][0]["text"] == str(index)
            assert (result["width"], result["height"], result["pages"]) == (640, 480, 2)


BAD_ITEMS: dict[str, tuple[dict[str, Any], list[str | None]]] = {
    "not base64": ({"json": {"images": [BASE64[0], "*", ""]}}, [None, "invalid_input", "invalid_input"]),
    "too large": (
        {"files": [*FILES[:2], ("files", ("big.png", b"x" * (LIMITS.max_file_bytes + 1)))]},
        [None, None, "input_too_large"],
    ),
    "empty file": ({"files": [("files", ("a.png", b"")), *FILES[:2]]}, ["invalid_input", None, None]),
    "NUL in a path": ({"json": {"private_imgs": ["/a\0", *PATHS[:2]]}}, ["invalid_input", None, None]),
}


@pytest.mark.parametrize(("body", "codes"), BAD_ITEMS.values(), ids=BAD_ITEMS.keys())
async def test_images_that_never_reach_the_model_are_failed_entries_too(
    service: Service, body: dict[str, Any], codes: list[str | None]
) -> None:
    response = await service.extract_batch(**body)
    assert response.status_code == 200, response.text
    assert [result["error_code"] for result in response.json()["results"]] == codes
    assert [row.execution.error_code for row in await service.rows()] == codes


async def test_a_model_that_breaks_on_one_image_fails_that_one(service: Service) -> None:
    def fail(content: str) -> None:
        if content == PATHS[1]:
            raise EngineFailed("broken")
        if content == PATHS[2]:
            raise RuntimeError("secret")

    service.runner.before = fail
    response = await service.extract_batch(json={"private_imgs": PATHS})
    assert response.status_code == 200
    assert [result["error_code"] for result in response.json()["results"]] == [None, "engine_failed", "internal"]
    assert "secret" not in response.text


async def test_each_row_has_its_own_public_path(service: Service) -> None:
    public = ["/public/0.png", None, "/public/2.png"]
    await service.extract_batch(json={"private_imgs": PATHS, "public_file_paths": public})
    assert [row.execution.public_file_path for row in await service.rows()] == public


async def test_a_repeated_batch_stores_nothing_new_and_heals_what_failed(service: Service) -> None:
    def fail(content: str) -> None:
        if content == PATHS[1]:
            raise EngineFailed("broken")

    service.runner.before = fail
    body = {"json": {"private_imgs": PATHS, "chain_id": "chain"}}
    first = (await service.extract_batch(**body)).json()
    service.runner.before = lambda content: None
    second = (await service.extract_batch(**body)).json()
    assert (first["total_failed"], second["total_failed"]) == (1, 0)
    assert [one["execution_id"] for one in first["results"]] == [one["execution_id"] for one in second["results"]]
    assert [row.execution.status for row in await service.rows()] == ["success"] * 3


REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "no images": ({"json": {"request_data": OPTIONS}}, 422, "no images"),
    "an empty list": ({"json": {"private_imgs": []}}, 422, "no images"),
    "an empty array in a form": ({"data": {"private_imgs": "[]"}}, 422, "no images"),
    "a broken array in a form": ({"data": {"private_imgs": "[1,"}}, 422, "`private_imgs` is not valid JSON"),
    "files and paths": ({"files": FILES, "data": {"private_imgs": PATHS}}, 422, "order of private_imgs and files"),
    "paths not a list": ({"json": {"private_imgs": "/data/0.png"}}, 422, "private_imgs"),
    "a path of a wrong type": ({"json": {"private_imgs": ["/data/0.png", 5]}}, 422, "private_imgs.1"),
    "a path that is null": ({"json": {"private_imgs": [None]}}, 422, "private_imgs.0"),
    "too many paths": ({"json": {"private_imgs": ["/a"] * 11}}, 413, "11 images, the limit is 10"),
    "too many files": ({"files": FILES * 4}, 413, "the limit is 10"),
    "one file too many": ({"files": FILES * 3 + FILES[:2]}, 413, "the limit is 10"),
    "too many base64": ({"json": {"images": BASE64 * 4}}, 413, "12 images, the limit is 10"),
    "public paths that do not match": (
        {"json": {"private_imgs": PATHS, "public_file_paths": ["/p"]}}, 422, "1 `public_file_paths` for 3 images",
    ),
    "threshold 1.5": ({"json": {"private_imgs": PATHS, "confidence_threshold": 1.5}}, 422, "confidence_threshold"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "status", "message"), REFUSED.values(), ids=REFUSED.keys())
async def test_what_cannot_be_a_call_is_refused_whole(
    service: Service, body: dict[str, Any], status: int, message: str
) -> None:
    response = await service.extract_batch(**body)
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert error["code"] == ("input_too_large" if status == 413 else "invalid_input")
    assert message in error["message"]
    assert service.runner.requests == []
    assert await service.rows() == []


async def test_as_many_images_as_allowed_are_taken(service: Service) -> None:
    for body in ({"files": FILES * 3 + FILES[:1]}, {"json": {"private_imgs": ["/a"] * 10}}):
        assert (await service.extract_batch(**body)).json()["total_success"] == 10


# ---- overload --------------------------------------------------------------------------------------------------------


async def test_only_a_few_images_of_a_batch_run_at_once(service: Service) -> None:
    service.runner.delay_s = 0.01
    await service.extract_batch(json={"private_imgs": ["/a"] * 10})
    assert service.runner.most_running == LIMITS.parallel_images


async def test_a_batch_larger_than_the_queue_gets_through_with_fewer_at_once(service: Service) -> None:
    def short_queue(content: str) -> None:
        if service.runner.running >= 2:
            raise Overloaded("full", retry_after_s=1)

    service.runner.before = short_queue
    service.runner.delay_s = 0.005
    paths = [f"/data/{index}.png" for index in range(10)]
    response = await service.extract_batch(json={"private_imgs": paths})
    assert response.status_code == 200
    assert [result["text_boxes"][0]["text"] for result in response.json()["results"]] == paths
    assert service.runner.most_running == 2


async def test_a_batch_under_way_waits_out_a_short_overload(service: Service) -> None:
    refusals = iter([True, True, False])

    def refuse_the_last(content: str) -> None:
        if content == PATHS[2] and next(refusals):
            raise Overloaded("full", retry_after_s=0.01)

    service.runner.before = refuse_the_last
    response = await service.extract_batch(json={"private_imgs": PATHS})
    assert response.json()["total_success"] == 3


@pytest.mark.parametrize("started", [0, 2])
async def test_a_batch_that_does_not_get_in_is_a_503_that_stores_nothing(service: Service, started: int) -> None:
    def refuse(content: str) -> None:
        if content not in PATHS[:started]:
            raise Overloaded("full", retry_after_s=0.01)

    service.runner.before = refuse
    response = await service.extract_batch(json={"private_imgs": PATHS, "chain_id": "chain"})
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "overloaded"
    assert response.headers["retry-after"] == "1"
    assert await service.rows() == []


async def test_a_missing_backend_is_a_503_and_what_runs_is_cancelled(service: Service) -> None:
    def refuse(content: str) -> None:
        if content == PATHS[2]:
            raise BackendMissing("install tesseract")

    service.runner.before = refuse
    service.runner.delay_s = 30.0
    response = await asyncio.wait_for(service.extract_batch(json={"private_imgs": PATHS}), 5)
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "backend_missing"
    assert service.runner.running == 0
    assert await service.rows() == []


async def test_a_client_that_leaves_takes_its_images_along(service: Service) -> None:
    service.runner.delay_s = 30.0
    call = asyncio.create_task(service.extract_batch(json={"private_imgs": PATHS}))
    while service.runner.running < 3:
        await asyncio.sleep(0.001)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert service.runner.running == 0
    assert await service.rows() == []


async def test_a_batch_that_cannot_be_stored_is_not_answered(tmp_path: Path) -> None:
    async with running_service(tmp_path, store=LostStore()) as service:
        response = await service.extract_batch(json={"private_imgs": PATHS})
        assert response.status_code == 503
        assert response.json()["error"]["code"] == "store_unavailable"


def test_limits_that_allow_nothing_are_refused() -> None:
    for name in ("max_images", "max_file_bytes", "parallel_images"):
        with pytest.raises(ValueError, match=name):
            OcrLimits(**{name: 0})
