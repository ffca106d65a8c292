"""A model that answers by what it is given, so that tests of the routes need no OCR."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from deployments.ocr.types import OcrRequest, OcrResult, TextBox
from deployments.serving.engine import ModelCard, OnOutcome
from deployments.serving.errors import UnsupportedMedia, UnsupportedOption
from deployments.serving.media import InlineMedia

BBOX = ((1.0, 2.0), (30.0, 2.0), (30.0, 9.0), (1.0, 9.0))


class FakeRunner:
    """Reads every image as its own name or content; content that begins with `bad` is no image.
    `text`, if set, is what it reads instead.

    `before` runs before each image, and may raise or wait.
    """

    def __init__(self) -> None:
        self.requests: list[OcrRequest] = []
        self.running = 0
        self.most_running = 0
        self.before: Callable[[str], None] = lambda content: None
        self.delay_s = 0.0
        self.text: str | None = None

    @property
    def card(self) -> ModelCard:
        return ModelCard("PP-OCRv6", "rapidocr", "sha256:0123456789ab")

    async def run(self, request: OcrRequest, on_outcome: OnOutcome | None = None) -> OcrResult:
        source = request.source
        content = source.data.decode() if isinstance(source, InlineMedia) else source.uri
        self.requests.append(request)
        self.before(content)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await asyncio.sleep(self.delay_s)
        finally:
            self.running -= 1
        if content.startswith("bad"):
            raise UnsupportedMedia("not an image of a kind we read", kind="unknown")
        if request.options.language == "klingon":
            raise UnsupportedOption("no backend reads klingon", available=["korean", "en"])
        first = TextBox(self.text or content, 0.97, BBOX)
        return OcrResult(
            text_boxes=(first, TextBox("page two", 0.8, BBOX, page=1, rotation=180)),
            pages=((640, 480), (320, 240)),
            backend=request.options.backend or "rapidocr",
            model="PP-OCRv6",
            language=request.options.language,
            timings_ms={"decode": 1.25, "inference": 20.5},
        )
