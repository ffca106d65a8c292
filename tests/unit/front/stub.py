"""A front over services whose answers tests set."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import FastAPI

from deployments.front.app import create_front_app
from deployments.front.types import ServiceEntry, ServiceReport
from deployments.web.health import HealthBody
from deployments.web.settings import WebSettings

ENTRIES = (
    ServiceEntry("ocr", "OCR", "/ocr", "Reads <text> & more.", "curl '{base_url}/ocr/health' -d '{\"a\": 1}'"),
    ServiceEntry("embedding", "Embedding", "/embedding", "Vectors."),
)


def health_of(**fields: Any) -> HealthBody:
    known: dict[str, Any] = {
        "service": "ocr",
        "status": "ready",
        "reason": "",
        "version": "1",
        "model": "PP-OCRv6",
        "model_version": "sha256:1",
        "backend": "rapidocr",
        "device": "cpu",
        "languages": ["en", "korean"],
        "notes": {"max_pages": 100},
        "backends": [
            {"name": "rapidocr", "loaded": True, "model": "PP-OCRv6", "reason": ""},
            {"name": "tesseract", "loaded": False, "model": "", "reason": "install <tesseract>"},
        ],
    }
    return HealthBody(**(known | fields))


class StubProbe:
    def __init__(self, **reports: ServiceReport) -> None:
        self.reports = reports
        self.looks = 0
        self.at_once = 0
        self.most_at_once = 0
        self.closed = False

    async def look(self, entry: ServiceEntry) -> ServiceReport:
        self.looks += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0.01)
        self.at_once -= 1
        return self.reports.get(entry.name, ServiceReport(entry, "ready", "", health_of()))

    async def aclose(self) -> None:
        self.closed = True


def make_front(probe: StubProbe | None = None, **settings: Any) -> FastAPI:
    return create_front_app(
        services=ENTRIES, probe=probe or StubProbe(), version="1.2.3", settings=WebSettings(**settings)
    )
