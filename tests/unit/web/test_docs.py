from __future__ import annotations

import re

import pytest

from tests.unit.web.service import client_of, make_app

LINK = re.compile(r"""(?:src|href)="([^"]+)"|loadScript\("([^"]+)"\)|\.href = "([^"]+)"|fetch\("([^"]+)\"""")
EXTERNAL = re.compile(r"(?:https?:)?//[a-z0-9]", re.IGNORECASE)


@pytest.mark.parametrize("root_path", ["", "/ocr"])
@pytest.mark.parametrize("page", ["/docs", "/redoc"])
async def test_pages_need_nothing_from_elsewhere(page: str, root_path: str) -> None:
    async with client_of(make_app(), root_path) as client:
        html = await client.get(page)
        assert html.status_code == 200
        assert html.headers["content-type"].startswith("text/html")
        assert "default-src 'none'" in html.headers["content-security-policy"]
        assert not EXTERNAL.search(html.text)
        script = await client.get("/docs-assets/docs.js")
        code = re.sub(r"^\s*//.*$|;\s*//.*$", "", script.text, flags=re.MULTILINE)
        assert not EXTERNAL.search(code)
        links = {link for found in LINK.findall(html.text + code) for link in found if link}
        assert {
            "docs-assets/docs.js",
            "docs-assets/swagger-ui-bundle.js",
            "docs-assets/redoc.standalone.js",
            "openapi.json",
        } <= links
        for link in links:
            asset = await client.get(str(html.url.join(link)))
            assert asset.status_code == 200, link
            assert asset.content
        assert f'data-ui="{"swagger" if page == "/docs" else "redoc"}"' in html.text


async def test_redoc_finds_its_logo_beside_its_page() -> None:
    async with client_of(make_app(), "/ocr") as client:
        code = (await client.get("/docs-assets/redoc.standalone.js")).text
        assert "cdn.redoc" not in code
        assert 'window.location.pathname+"/logo-mini.svg"' in code
        assert (await client.get("/redoc/logo-mini.svg")).headers["content-type"] == "image/svg+xml"


async def test_assets_are_cached_by_etag() -> None:
    async with client_of(make_app()) as client:
        first = await client.get("/docs-assets/swagger-ui.css")
        again = await client.get("/docs-assets/swagger-ui.css", headers={"if-none-match": first.headers["etag"]})
        other = await client.get("/docs-assets/swagger-ui.css", headers={"if-none-match": '"else"'})
    assert "max-age=" in first.headers["cache-control"]
    assert first.headers["content-type"] == "text/css; charset=utf-8"
    assert (again.status_code, again.content) == (304, b"")
    assert other.content == first.content


@pytest.mark.parametrize("root_path", ["", "/ocr"])
async def test_the_bare_base_path_leads_to_the_docs(root_path: str) -> None:
    async with client_of(make_app(), root_path) as client:
        reply = await client.get(f"http://test{root_path}", follow_redirects=True)
        assert reply.status_code == 200
        assert reply.url.path == f"{root_path}/docs"


async def test_the_description_names_our_errors_and_the_base_path() -> None:
    async with client_of(make_app(), "/ocr") as client:
        schema = (await client.get("/openapi.json")).json()
    assert schema["servers"] == [{"url": "/ocr"}]
    texts = schema["paths"]["/texts"]["post"]["responses"]
    assert set(texts) == {"200", "4XX", "5XX"}
    assert texts["4XX"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/ErrorEnvelope"}
    assert set(schema["paths"]["/health"]["get"]["responses"]) == {"200", "503"}
    names = set(schema["components"]["schemas"])
    assert {"ErrorEnvelope", "ErrorDetail", "HealthBody", "Texts"} <= names
    for reference in re.findall(r"#/components/schemas/(\w+)", str(schema)):
        assert reference in names
    assert "security" not in schema
    assert not {"/docs", "/docs-assets/docs.js", "/"} & set(schema["paths"])


async def test_with_keys_the_page_asks_and_the_description_says_how() -> None:
    async with client_of(make_app(api_keys=("k",)), "/ocr") as client:
        assert (await client.get("/openapi.json")).status_code == 401
        assert (await client.get("/docs-assets/swagger-ui-bundle.js")).status_code == 200
        schema = (await client.get("/openapi.json", headers={"x-api-key": "k"})).json()
    assert schema["security"] == [{"bearer": []}, {"x-api-key": []}]
    assert schema["paths"]["/health"]["get"]["security"] == []


async def test_missing_files_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deployments.web.docs._PACKAGE", "not_installed_here")
    async with client_of(make_app()) as client:
        reply = await client.get("/docs-assets/swagger-ui.css")
    assert reply.status_code == 503
    assert "pip install fastapi-standalone-docs" in reply.json()["error"]["message"]
