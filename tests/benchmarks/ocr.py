"""OCR: pages per second over HTTP at 8 clients against PaddleOCR's own pipeline on ONNX Runtime, with the same text."""

from __future__ import annotations

import base64
import io
import json
import random
import statistics
import time
from pathlib import Path

import httpx
from PIL import Image, ImageDraw, ImageFont

from deployments.bench import load
from tests.benchmarks.report import Report

PAGES, LINES, CLIENTS = 12, 12, 8
WORDS = (
    "invoice total amount harbor shipment container received weight number date customer address "
    "terminal crane manifest cargo vessel berth north quay inspection release order"
)


def measure(base_url: str, report: Report) -> None:
    """`base_url` is the running cluster's. Both sides read the same PNG pages; `use_angle_cls` is off on both."""
    pages = [draw_page(number) for number in range(PAGES)]
    calls = [load.request_bytes(f"{base_url}/ocr/extract_text", _body(page)) for page in pages]
    texts = _texts_over_http(base_url, pages)
    ours = []
    plain: dict[int | None, list[float]] = {None: [], 1: [], 2: []}
    readers = {threads: _PlainPaddle(threads) for threads in plain}
    for reader in readers.values():
        assert reader.texts(pages) == texts, "PaddleOCR reads another text"
    for _ in range(3):  # interleaved, so that a noisy minute hits all
        result = load.run(base_url, calls, CLIENTS, 12)
        assert not result.failures, result.failures[:3]
        ours.append(result.per_second)
        for threads, reader in readers.items():
            began = time.perf_counter()
            reader.texts(pages[:6])
            plain[threads].append(6 / (time.perf_counter() - began))
    served = statistics.median(ours)
    best = max(statistics.median(rates) for rates in plain.values())
    report.row("ocr", f"HTTP, {CLIENTS} clients, pages of {LINES} lines", served, "pages/s")
    for threads, rates in plain.items():
        what = f"plain PaddleOCR on ONNX Runtime, {f'{threads} threads' if threads else 'its own number of threads'}"
        report.row("ocr", what, statistics.median(rates), "pages/s")
    # OpenVINO computes in bfloat16: with AMX many times faster than ONNX Runtime's float32, without about twice.
    amx = "amx_bf16" in Path("/proc/cpuinfo").read_text()
    what = f"pages over HTTP / best plain PaddleOCR, same text, CPU {'with' if amx else 'without'} AMX"
    report.ratio("ocr", what, served / best, at_least=3 if amx else 1.5)


class _PlainPaddle:
    """PaddleOCR's pipeline, page after page, on the same weights."""

    def __init__(self, threads: int | None) -> None:
        from deployments.ocr.backends.paddleocr import PaddleOcrOptions
        from deployments.ocr.loading import OcrConfig, load_engine

        self._engine = load_engine(OcrConfig(backends=(PaddleOcrOptions(),), threads=threads))
        self._engine.warm_up()

    def texts(self, pages: list[bytes]) -> list[list[str]]:
        from deployments.ocr.types import OcrOptions, OcrRequest
        from deployments.serving.media import InlineMedia

        found = []
        for page in pages:
            request = OcrRequest(InlineMedia(page), OcrOptions(language="en", use_angle_cls=False))
            units = self._engine.prepare(request)
            result = self._engine.assemble(request, units, self._engine.infer(units))  # type: ignore[arg-type]
            found.append([box.text for box in result.text_boxes])
        return found


def _texts_over_http(base_url: str, pages: list[bytes]) -> list[list[str]]:
    headers = {"content-type": "application/json"}
    found = []
    for page in pages:
        reply = httpx.post(f"{base_url}/ocr/extract_text", content=_body(page), headers=headers, timeout=120).json()
        found.append([box["text"] for box in reply["text_boxes"]])
    return found


def _body(page: bytes) -> bytes:
    image = base64.b64encode(page).decode()
    return json.dumps({"image": image, "language": "en", "use_angle_cls": False}).encode()


def draw_page(seed: int) -> bytes:
    """A white PNG page of 1000 x 800 pixels with `LINES` printed lines."""
    chance = random.Random(seed)
    words = WORDS.split()
    image = Image.new("RGB", (1000, 800), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(30)
    for line in range(LINES):
        text = " ".join(chance.choices(words, k=5)) + f" {chance.randint(100, 9999)}"
        draw.text((40, 30 + line * 62), text, fill="black", font=font)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
