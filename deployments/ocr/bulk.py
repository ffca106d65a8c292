"""OCR over whole folders: `python -m deployments.ocr.bulk SOURCE DESTINATION --language en`."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from pydantic import Field

from deployments.ocr.backends.fake import FakeOptions
from deployments.ocr.backends.paddleocr import PaddleOcrOptions
from deployments.ocr.backends.rapidocr_openvino import RapidOcrOptions
from deployments.ocr.backends.tesseract import TesseractOptions
from deployments.ocr.loading import OcrConfig, load_engine
from deployments.ocr.types import OcrOptions, OcrRequest, OcrResult
from deployments.serving.batching import Batching
from deployments.serving.bulk_command import job_options, parser, report, source_of
from deployments.serving.bulk_job import run_job
from deployments.serving.bulk_progress import Summary
from deployments.serving.bulk_rows import Row
from deployments.serving.bulk_settings import JobSettings, load_settings, refuse_unknown
from deployments.serving.bulk_task import BulkTask, Sections, blank_picture
from deployments.serving.images import count_pages
from deployments.serving.media import InlineMedia, MediaPolicy

refuse_unknown(OcrConfig, MediaPolicy, Batching, FakeOptions, PaddleOcrOptions, RapidOcrOptions, TesseractOptions)


class OcrJobSettings(JobSettings):
    """Section `ocr` of `ray_configs/jobs/*.yaml`."""

    model: OcrConfig = OcrConfig(threads=1, policy=MediaPolicy(max_bytes=2**28))
    batching: Batching = Batching(max_batch_size=8, max_batch_cost=40_000_000)
    section_pages: int = Field(default=8, ge=1)
    """A document with more pages is read in sections of so many, by several actors, after the short ones."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; the exit status."""
    known = parser("ocr", "path", "Read the text of images and PDFs: one row per file.")
    defaults = OcrOptions()
    known.add_argument("--language", default=defaults.language)
    known.add_argument("--confidence-threshold", type=float, default=defaults.confidence_threshold)
    known.add_argument("--no-angle-cls", action="store_true", help="do not turn lines that stand upside down")
    known.add_argument("--backend", help="name of a backend; by default the first that reads the language")
    known.add_argument(
        "--to-database", metavar="URL", help="record executions, too: sqlite:///file or postgresql://..."
    )
    given = known.parse_args(arguments)
    options = OcrOptions(given.language, given.confidence_threshold, not given.no_angle_cls, given.backend)

    def run() -> Summary:
        settings = load_settings(OcrJobSettings, given.config, "ocr")
        source = source_of(given, "path")
        job = partial(run_job, bulk_task(settings, options), source, given.destination, settings)
        if given.to_database is None:
            return job(job_options(given), asdict(options))
        from deployments.ocr.bulk_database import ExecutionRecorder

        with ExecutionRecorder(given.to_database, source.name, options) as recorder:
            return job(replace(job_options(given), before_part=recorder), asdict(options))

    return report(run)


def bulk_task(settings: OcrJobSettings, options: OcrOptions) -> BulkTask:
    policy, pages = settings.model.policy, settings.section_pages
    return BulkTask(
        service="ocr",
        kind="path",
        load=partial(load_engine, settings.model),
        request=partial(_request, options),
        sample=blank_picture,
        result=_result,
        result_fields=result_fields,
        max_bytes=policy.max_bytes,
        sections=Sections(partial(_count, policy, pages), partial(_section, options, pages), _join),
    )


def result_fields() -> list[Any]:
    """Columns of OCR's rows after those of `serving.bulk_rows`: (name, Arrow type)."""
    import pyarrow as pa

    box = pa.struct(
        [
            ("text", pa.string()),
            ("confidence", pa.float32()),  # 0..1
            ("bbox", pa.list_(pa.list_(pa.float32()))),  # 4 corners (x, y), pixels of the upright page
            ("page", pa.int32()),  # from 0
            ("rotation", pa.int32()),  # degrees, 0 or 180
        ]
    )
    page = pa.struct([("width", pa.int32()), ("height", pa.int32())])
    return [
        ("text", pa.string()),  # lines in reading order, pages after each other
        ("language", pa.string()),
        ("pages", pa.list_(page)),
        ("text_boxes", pa.list_(box)),
    ]


def _request(options: OcrOptions, data: bytes, path: str) -> OcrRequest:
    return OcrRequest(InlineMedia(data, path), options)


def _count(policy: MediaPolicy, pages: int, data: bytes) -> int:
    return max(1, math.ceil(count_pages(data, policy) / pages))


def _section(options: OcrOptions, pages: int, data: bytes, path: str, index: int, count: int) -> OcrRequest:
    return OcrRequest(InlineMedia(data, path), options, range(index * pages, (index + 1) * pages))


def _join(rows: Sequence[Row]) -> Row:
    return {
        "text": "\n".join(row["text"] for row in rows if row["text"]),
        "language": rows[0]["language"],
        "pages": [page for row in rows for page in row["pages"]],
        "text_boxes": [box for row in rows for box in row["text_boxes"]],
    }


def _result(result: OcrResult) -> Row:
    boxes = [asdict(box) for box in result.text_boxes]
    return {
        "text": "\n".join(box.text for box in result.text_boxes),
        "language": result.language,
        "pages": [{"width": width, "height": height} for width, height in result.pages],
        "text_boxes": boxes,
        "model": result.model,
        "backend": result.backend,
    }


if __name__ == "__main__":
    # Under its own name, so that actors find what they are sent.
    from deployments.ocr import bulk

    sys.exit(bulk.main())
