from __future__ import annotations

import asyncio
import base64
import hashlib
import re

import pytest

from deployments.front.app import create_front_app
from deployments.front.page import base_url_of
from deployments.front.types import ServiceEntry, ServiceReport
from deployments.web.settings import WebSettings
from tests.unit.front.stub import ENTRIES, StubProbe, health_of, make_front
from tests.unit.web.service import checked, client_of

HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
JSON = {"accept": "application/json"}


def failing() -> StubProbe:
    ocr, embedding = ENTRIES
    return StubProbe(
        ocr=ServiceReport(ocr, "failed", "out of <memory>", health_of(status="failed", reason="out of <memory>")),
        embedding=ServiceReport(embedding, "unreachable", "refused"),
    )


async def test_the_page_shows_every_service() -> None:
    async with client_of(make_front()) as client:
        page = await client.get("/", headers=HTML)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    for shown in (
        "2 of 2 services ready", "OCR", "Embedding", "/embedding", "PP-OCRv6", "rapidocr on cpu",
        "en, korean", "Max pages", "Reads &lt;text&gt; &amp; more.", "install &lt;tesseract&gt;", "1.2.3",
        'href="/ocr/docs"', 'href="/ocr/health"',
        "curl &#x27;http://test/ocr/health&#x27; -d &#x27;{&quot;a&quot;: 1}&#x27;",
    ):  # fmt: skip
        assert shown in page.text, shown
    assert page.text.count('class="copy"') == 2
    assert not re.search(r"\$[a-z_]+", page.text), "a placeholder was left"


async def test_the_page_needs_nothing_from_elsewhere() -> None:
    async with client_of(make_front()) as client:
        page = await client.get("/", headers=HTML)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    for tag in ("script", "style"):
        [inline] = re.findall(f"<{tag}>(.*?)</{tag}>", page.text, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    linked = set(re.findall(r'(?:src|href)="([^"]+)"', page.text))
    paths = {link for link in linked if not link.startswith("data:image/svg+xml,")}
    allowed = {f"{entry.base_path}/{page}" for entry in ENTRIES for page in ("docs", "redoc", "health")} | {"/health"}
    assert paths == allowed


async def test_what_is_wrong_is_shown_and_escaped() -> None:
    async with client_of(make_front(failing())) as client:
        page = await client.get("/", headers=HTML)
    assert page.status_code == 200
    assert "0 of 2 services ready" in page.text
    assert "out of &lt;memory&gt;" in page.text
    assert "<memory>" not in page.text
    assert 'data-state="failed"' in page.text
    assert "not reachable" in page.text


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/json", "application/json"),
        ("*/*", "text/html"),
        ("text/html, application/json", "text/html"),
        ("", "text/html"),
    ],
)
async def test_what_is_accepted_decides(accept: str, kind: str) -> None:
    async with client_of(make_front()) as client:
        reply = await client.get("/", headers={"accept": accept})
        head = await client.head("/", headers={"accept": accept})
    assert reply.headers["content-type"].startswith(kind)
    assert head.headers["content-type"] == reply.headers["content-type"]
    assert reply.headers["vary"] == "Accept"


async def test_health_is_200_only_if_all_are_ready() -> None:
    async with client_of(make_front()) as client:
        good = await client.get("/health")
        listed = await client.get("/", headers=JSON)
    assert good.status_code == 200
    assert good.json() == listed.json()
    assert good.json()["status"] == "ready"
    assert [service["base_path"] for service in good.json()["services"]] == ["/ocr", "/embedding"]
    assert good.json()["services"][0]["health"] == health_of().model_dump()

    async with client_of(make_front(failing())) as client:
        bad, ready, live = [await client.get(path) for path in ("/health", "/readyz", "/livez")]
        assert (await client.get("/", headers=JSON)).status_code == 200
    assert (bad.status_code, bad.headers["retry-after"]) == (503, "2")
    assert bad.json()["status"] == "degraded"
    assert [(service["status"], service["reason"]) for service in bad.json()["services"]] == [
        ("failed", "out of <memory>"), ("unreachable", "refused"),
    ]  # fmt: skip
    assert bad.json()["services"][1]["health"] is None
    assert (ready.status_code, live.status_code) == (200, 200)


async def test_services_are_asked_together_and_not_for_every_visitor() -> None:
    probe = StubProbe()
    async with client_of(make_front(probe)) as client:
        await asyncio.gather(*(client.get("/health") for _ in range(20)))
    assert probe.looks == 2
    assert probe.most_at_once == 2


async def test_the_probe_is_closed_with_the_application() -> None:
    probe = StubProbe()
    app = make_front(probe)
    async with app.router.lifespan_context(app):
        assert not probe.closed
    assert probe.closed


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/ocrx", "/ocr?"),
        ("/OCR/extract_text", "/ocr/extract_text?"),
        ("/embeddings/v1/x", "/embedding/v1/x?"),
        ("/zzz", None),
        ("//", None),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_a_path_that_nobody_owns(method: str, path: str, hint: str | None) -> None:
    async with client_of(make_front(api_keys=("k",))) as client:
        reply = await client.request(method, f"http://test{path}")
    error = checked(reply, 404, "not_found")
    assert error["services"] == [{"name": "ocr", "base_path": "/ocr"}, {"name": "embedding", "base_path": "/embedding"}]
    assert "/ocr, /embedding" in error["message"]
    assert (f"Did you mean {hint}" in error["message"]) if hint else ("Did you mean" not in error["message"])


@pytest.mark.parametrize("path", ["/ocr", "/ocr/", "/ocr/extract_text", "/embedding/health"])
async def test_a_service_that_serve_does_not_route_to_yet(path: str) -> None:
    """Clients of the old services retry on 5xx only, and this one may come."""
    async with client_of(make_front()) as client:
        reply = await client.post(path)
    assert checked(reply, 503, "not_ready")["service"] == path.split("/")[1]
    assert reply.headers["retry-after"] == "2"


async def test_an_endless_path_has_a_short_answer() -> None:
    async with client_of(make_front()) as client:
        reply = await client.get("/" + "x" * 60_000)
    checked(reply, 404, "not_found")
    assert len(reply.content) < 1500


async def test_the_front_asks_for_no_key_and_has_docs() -> None:
    async with client_of(make_front(api_keys=("k",))) as client:
        for path in ("/", "/health", "/docs", "/openapi.json"):
            assert (await client.get(path)).status_code == 200
        schema = (await client.get("/openapi.json")).json()
    assert set(schema["paths"]) == {"/", "/health", "/livez", "/readyz"}
    assert schema["paths"]["/health"]["get"]["responses"]["503"]["content"]["application/json"]["schema"][
        "$ref"
    ].endswith("/FrontBody")


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("gpu-1.example:8000", "http://gpu-1.example:8000"),
        ("[::1]:8000", "http://[::1]:8000"),
        ("", "http://cluster"),
        ("x; rm -rf ~ #", "http://cluster"),
        ("$(reboot)", "http://cluster"),
        ("a'b", "http://cluster"),
    ],
)
def test_a_host_goes_into_commands_only_if_it_is_one(host: str, shown: str) -> None:
    assert base_url_of("http", host, "http://cluster") == shown


def test_wrong_entries() -> None:
    with pytest.raises(ValueError, match="base_path"):
        ServiceEntry("ocr", "OCR", "ocr")
    with pytest.raises(ValueError, match="base_path"):
        ServiceEntry("ocr", "OCR", "/ocr/")
    with pytest.raises(ValueError, match="at least one"):
        create_front_app(services=[], probe=StubProbe(), version="1", settings=WebSettings())
