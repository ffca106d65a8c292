from __future__ import annotations

import pytest

from deployments.serving.errors import Unauthorized
from deployments.web.auth import ApiKeys
from deployments.web.settings import WebSettings
from tests.unit.web.service import Journal, checked, client_of, make_app

KEYS = ("first-key", "zweiter-schlüssel")
BODY = {"texts": ["a"]}


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer first-key"},
        {"authorization": "bearer   first-key "},
        {"x-api-key": "first-key"},
        {"x-api-key": "zweiter-schlüssel".encode()},
        {"authorization": "Basic abc", "x-api-key": "first-key"},
        {"authorization": "Bearer wrong", "x-api-key": "first-key"},
    ],
)
async def test_a_right_key_opens(headers: dict[str, str | bytes]) -> None:
    raw = {name.encode(): value if isinstance(value, bytes) else value.encode() for name, value in headers.items()}
    async with client_of(make_app(api_keys=KEYS)) as client:
        response = await client.post("/texts", json=BODY, headers=raw)
    assert response.json() == {"count": 1}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {b"authorization": b""},
        {b"authorization": b"Bearer"},
        {b"authorization": b"Bearer "},
        {b"authorization": b"first-key"},
        {b"authorization": b"Basic first-key"},
        {b"x-api-key": b""},
        {b"x-api-key": b"first-ke"},
        {b"x-api-key": b"first-key,zweiter"},
        {b"x-api-key": b"\xff\xfe\x00 \xed\xa0\x80"},
        {b"authorization": b"Bearer \xff\xff"},
        {b"x-api-key": b"k" * 100_000},
    ],
)
async def test_anything_else_does_not(headers: dict[bytes, bytes]) -> None:
    journal = Journal()
    async with client_of(make_app(journal, api_keys=KEYS)) as client:
        response = await client.post("/texts", json=BODY, headers=headers)
    error = checked(response, 401, "unauthorized")
    assert "x-api-key" in error["message"]
    assert response.headers["www-authenticate"] == "Bearer"
    assert not journal.events


async def test_without_keys_everything_is_open() -> None:
    async with client_of(make_app()) as client:
        assert (await client.post("/texts", json=BODY)).status_code == 200
        assert (await client.get("/openapi.json")).status_code == 200


@pytest.mark.parametrize("root_path", ["", "/ocr"])
async def test_health_and_the_empty_docs_pages_stay_open(root_path: str) -> None:
    async with client_of(make_app(api_keys=KEYS), root_path) as client:
        opened = {
            path: (await client.get(path)).status_code for path in ("/health", "/livez", "/readyz", "/docs", "/redoc")
        }
        closed = {
            path: (await client.get(path)).status_code
            for path in (
                "/openapi.json",
                "/nothing",
                "/health/",
                "/healthz",
                "/id",
                "/health/../id",
                "//health",
                "/",
                "",
            )
        }
    assert set(opened.values()) == {200}
    assert set(closed.values()) == {401}


async def test_a_base_path_like_an_open_path_opens_nothing() -> None:
    """An application at /health: only its own /health is open."""
    async with client_of(make_app(api_keys=KEYS), "/health") as client:
        assert (await client.get("/id")).status_code == 401
        assert (await client.get("")).status_code == 401
        assert (await client.get("/health")).status_code == 200


def test_every_key_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(other)
        return one == other

    monkeypatch.setattr("deployments.web.auth.hmac.compare_digest", compare)
    ApiKeys(["a", "b", "c"]).check(None, b"a")
    assert len(compared) == 3
    with pytest.raises(Unauthorized):
        ApiKeys(["a", "b", "c"]).check(b"Bearer x", b"y")
    assert len(compared) == 3 + 6


def test_keys_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SENSORIUM_API_KEYS", raising=False)
    assert WebSettings.from_environment().api_keys == ()
    monkeypatch.setenv("SENSORIUM_API_KEYS", " one, two ,,")
    settings = WebSettings.from_environment(max_body_bytes=10)
    assert settings.api_keys == ("one", "two")
    assert settings.max_body_bytes == 10
    assert "one" not in repr(settings)
    monkeypatch.setenv("SENSORIUM_API_KEYS", " , ")
    with pytest.raises(ValueError, match="holds no key"):
        WebSettings.from_environment()


def test_a_key_of_any_bytes() -> None:
    [key] = WebSettings.from_environment({"SENSORIUM_API_KEYS": b"k\xff".decode("utf-8", "surrogateescape")}).api_keys
    ApiKeys([key]).check(None, b"k\xff")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"max_body_bytes": 0}, "max_body_bytes"),
        ({"request_timeout_s": 0}, "request_timeout_s"),
        ({"api_keys": (" ",)}, "empty key"),
    ],
)
def test_settings_out_of_range(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WebSettings(**wrong)  # type: ignore[arg-type]
