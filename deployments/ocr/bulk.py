"""OCR over whole folders: `python -m deployments.ocr.bulk SOURCE DESTINATION --language en`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from deployments.ocr.backends.fake import FakeOptions
from deployments.ocr.backends.paddleocr import PaddleOcrOptions
from deployments.ocr.backends.rapidocr_openvino import RapidOcrOptions
from deployments.ocr.backends.tesseract import TesseractOptions
from deployments.ocr.engine import OcrEngine
from deployments.ocr.loading import OcrConfig
from deployments.ocr.types import OcrOptions, OcrRequest, OcrResult
from deployments.serving.batching import Batching
from deployments.serving.bulk_command import job_options, parser, report, source_of
from deployments.serving.bulk_engine import BulkTask
from deployments.serving.bulk_job import run_job
from deployments.serving.bulk_progress import Summary
from deployments.serving.bulk_rows import Row
from deployments.serving.bulk_settings import JobSettings, load_settings, refuse_unknown
from deployments.serving.media import InlineMedia, MediaPolicy

refuse_unknown(OcrConfig, MediaPolicy, Batching, FakeOptions, PaddleOcrOptions, RapidOcrOptions, TesseractOptions)


class OcrJobSettings(JobSettings):
    """Section `ocr` of `ray_configs/jobs/*.yaml`."""

    model: OcrConfig = OcrConfig(threads=1)
    batching: Batching = Batching(max_batch_size=8, max_batch_cost=40_000_000)


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
        job = partial(run_job, bulk_task(settings.model, options), source, given.destination, settings)
        if given.to_database is None:
            return job(job_options(given), asdict(options))
        from deployments.ocr.bulk_database import ExecutionRecorder

        with ExecutionRecorder(given.to_database, source.name, options) as recorder:
            return job(replace(job_options(given), before_part=recorder), asdict(options))

    return report(run)


def bulk_task(config: OcrConfig, options: OcrOptions) -> BulkTask:
    return BulkTask(
        service="ocr",
        kind="path",
        load=partial(_load, config),
        request=partial(_request, options),
        check=partial(_check, options),
        result=_result,
        result_fields=result_fields,
        max_bytes=config.policy.max_bytes,
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


def _load(config: OcrConfig) -> OcrEngine:
    from deployments.ocr.loading import load_engine

    return load_engine(config)


def _request(options: OcrOptions, data: bytes, path: str) -> OcrRequest:
    return OcrRequest(InlineMedia(data, path), options)


def _check(options: OcrOptions, engine: OcrEngine) -> None:
    """Raises: what `OcrEngine.prepare` raises for options that suit no image."""
    import io

    from PIL import Image

    blank = io.BytesIO()
    Image.new("RGB", (32, 32), "white").save(blank, "PNG")
    engine.prepare(OcrRequest(InlineMedia(blank.getvalue()), options))


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
