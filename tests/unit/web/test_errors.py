from __future__ import annotations

import json
import logging
import pickle

import pytest

from deployments.serving import errors
from deployments.web.errors import error_body, status_of
from tests.unit.web.service import Journal, checked, client_of, make_app

EXPECTED = {
    "SensoriumError": (500, "internal"),
    "InvalidInput": (422, "invalid_input"),
    "UnsupportedMedia": (415, "unsupported_media"),
    "InputTooLarge": (413, "input_too_large"),
    "UnsupportedOption": (422, "unsupported_option"),
    "Unauthorized": (401, "unauthorized"),
    "AccessDenied": (403, "access_denied"),
    "NotFound": (404, "not_found"),
    "Unavailable": (503, "unavailable"),
    "Overloaded": (503, "overloaded"),
    "NotReady": (503, "not_ready"),
    "BackendMissing": (503, "backend_missing"),
    "StoreUnavailable": (503, "store_unavailable"),
    "DeadlineExceeded": (504, "deadline_exceeded"),
    "EngineFailed": (500, "engine_failed"),
}


def test_the_expectations_cover_the_whole_tree() -> None:
    def kinds(kind: type[errors.SensoriumError]) -> set[str]:
        return {kind.__name__}.union(
            *(kinds(child) for child in kind.__subclasses__() if child.__module__ == errors.__name__)
        )

    assert kinds(errors.SensoriumError) == set(EXPECTED)


@pytest.mark.parametrize(("kind", "expected"), EXPECTED.items())
async def test_every_error_of_the_tree(kind: str, expected: tuple[int, str]) -> None:
    async with client_of(make_app()) as client:
        response = await client.get(f"/raise/{kind}")
    error = checked(response, *expected)
    assert error["message"] == "wrong, do right"
    assert ("retry-after" in response.headers) == (expected[0] == 503)
    assert ("www-authenticate" in response.headers) == (expected[0] == 401)


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        (0.2, "1"),
        (1.2, "2"),
        (30, "30"),
        (-5, "1"),
        (float("nan"), "1"),
        (float("inf"), "1"),
        (1e12, "86400"),
        (None, "1"),
    ],
)
async def test_retry_after_is_rounded_up(said: float | None, sent: str) -> None:
    async with client_of(make_app()) as client:
        params = {} if said is None else {"retry_after_s": said}
        response = await client.get("/raise/Overloaded", params=params)
    checked(response, 503, "overloaded")
    assert response.headers["retry-after"] == sent


def test_a_kind_outside_the_table_has_its_ancestors_status() -> None:
    class QueueClosed(errors.NotReady):
        code = "queue_closed"

    error = pickle.loads(pickle.dumps(errors.NotReady("later", retry_after_s=2)))
    assert status_of(error) == status_of(QueueClosed("later")) == 503
    assert error_body(QueueClosed("later"), "r1")["error"]["code"] == "queue_closed"


async def test_details_are_made_writable_and_never_replace_the_fixed_fields() -> None:
    async with client_of(make_app()) as client:
        response = await client.get("/awkward")
    error = checked(response, 422, "unsupported_option")
    assert error["param"] == "language"
    assert error["score"] is None
    assert error["available"] == ["ko"]
    assert error["big"] == hex(10**30)
    assert error["asked"].startswith("?yy")
    assert "10,001 characters" in error["asked"]
    assert error["data"] == "b'\\xff'"
    assert error["message"].startswith("no language ?x")
    assert len(response.content) < 4000


async def test_an_unknown_exception_is_internal_and_tells_the_log_only(caplog: pytest.LogCaptureFixture) -> None:
    async with client_of(make_app()) as client:
        response = await client.get("/crash", headers={"x-request-id": "crash-1"})
    error = checked(response, 500, "internal")
    assert error["request_id"] == "crash-1"
    assert "secret" not in response.text
    assert "ZeroDivision" not in response.text
    [record] = [record for record in caplog.records if record.name == "sensorium.web"]
    assert "crash-1" in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


async def test_unknown_paths_and_methods() -> None:
    async with client_of(make_app(), "/ocr") as client:
        missing = await client.get("/nothing/here")
        wrong = await client.get("/texts")
    assert "/ocr/docs" in checked(missing, 404, "not_found")["message"]
    assert checked(wrong, 405, "method_not_allowed")["allowed"] == ["POST"]
    assert wrong.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "invalid_input"),
        (403, "access_denied"),
        (404, "not_found"),
        (418, "invalid_input"),
        (502, "internal"),
        (503, "unavailable"),
    ],
)
async def test_fastapi_s_own_exceptions(status: int, code: str) -> None:
    async with client_of(make_app()) as client:
        response = await client.get(f"/http/{status}")
    assert checked(response, status, code)["message"] == "as FastAPI says it"
    assert response.headers["x-kept"] == "yes"
    assert response.headers.get("retry-after") == ("1" if status == 503 else None)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b'{"texts": "not a list"}', "texts"),
        (b'{"texts": []}', "texts"),
        (b'{"texts": ["a", 5]}', "texts.1"),
        (b'{"texts": ["a"], "threshold": 1.5}', "threshold"),
        (b'{"texts": ["a"], "threshold": NaN}', "threshold"),
        (b'{"texts": ["a"], "thresh\\ud800old": 1}', "body"),
        (b"[]", "body"),
        (b"", "body"),
        (b"{", "body"),
        (b'{"texts": ["\xff"]}', None),
        (b'{"texts":' + b"[" * 100_000, None),
    ],
)
async def test_bodies_of_the_wrong_shape(body: bytes, param: str | None) -> None:
    journal = Journal()
    async with client_of(make_app(journal)) as client:
        response = await client.post("/texts", content=body, headers={"content-type": "application/json"})
    error = checked(response, response.status_code, "invalid_input")
    assert response.status_code == (422 if param else 400)
    assert error["param"] == param
    assert not journal.events
    if param:
        assert error["fields"][0]["field"] == param
        assert error["problems"] == 1


async def test_the_input_is_never_echoed() -> None:
    marker = "needle"
    huge = json.dumps({"texts": [{marker: marker * 1000}] * 2000, marker * 5000: float("nan")})
    async with client_of(make_app()) as client:
        response = await client.post("/texts", content=huge, headers={"content-type": "application/json"})
    error = checked(response, 422, "invalid_input")
    assert len(error["fields"]) <= 20
    assert len(response.content) < 5000


@pytest.mark.parametrize(
    ("kind", "code", "logged"), [("ZeroDivisionError", "internal", 1), ("EngineFailed", "engine_failed", 0)]
)
async def test_a_stream_that_fails_is_cut_not_completed(
    kind: str, code: str, logged: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sensorium.access")
    async with client_of(make_app()) as client:
        with pytest.raises(RuntimeError if kind == "EngineFailed" else ZeroDivisionError):
            await client.get("/broken-stream", params={"kind": kind})
    [line] = [json.loads(record.getMessage()) for record in caplog.records if record.name == "sensorium.access"]
    assert (line["status"], line["error"], line["bytes_out"]) == (200, code, 5)
    assert len([record for record in caplog.records if record.name == "sensorium.web"]) == logged
