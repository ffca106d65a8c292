"""Container numbers in whole pictures, found with OCR: `python -m deployments.bulk_container_ocr SOURCE DESTINATION`.

Beside `ocr_text_finder` the one place that knows both services' types.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

from deployments.container_number import bulk as container_bulk
from deployments.container_number.bulk import number_row, numbers_row
from deployments.container_number.found_text import FoundText
from deployments.container_number.ocr_reader import find_numbers
from deployments.ocr import bulk as ocr_bulk
from deployments.ocr.bulk import OcrJobSettings
from deployments.ocr.types import OcrOptions, OcrResult
from deployments.serving.bulk_command import job_options, parser, report, source_of
from deployments.serving.bulk_job import run_job
from deployments.serving.bulk_progress import Summary
from deployments.serving.bulk_rows import Row
from deployments.serving.bulk_settings import load_settings
from deployments.serving.bulk_task import BulkTask

_OPTIONS = OcrOptions(language="en", confidence_threshold=0.3)
"""As `ocr_text_finder` asks: letters are Latin; doubtful pieces are wanted, too, the check digit tells."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; the exit status. Settings are those of the section `ocr`."""
    known = parser("container_ocr", "path", "Find container numbers in pictures with OCR: one row per picture.")
    known.prog = "python -m deployments.bulk_container_ocr"
    given = known.parse_args(arguments)

    def run() -> Summary:
        settings = load_settings(OcrJobSettings, given.config, "ocr")
        task = bulk_task(settings)
        source = source_of(given, "path")
        return run_job(task, source, given.destination, settings, job_options(given), {"reader": "ocr"})

    return report(run)


def bulk_task(settings: OcrJobSettings) -> BulkTask:
    ocr = ocr_bulk.bulk_task(settings, _OPTIONS)
    assert ocr.sections is not None
    return replace(
        ocr,
        service="container-number",
        result=_result,
        result_fields=container_bulk.result_fields,
        sections=replace(ocr.sections, join=container_bulk.join),
    )


def _result(result: OcrResult) -> Row:
    texts = [FoundText(box.text, box.confidence, box.bbox, box.page, box.rotation) for box in result.text_boxes]
    rows = [number_row(found.reading, found.page, found.box, found.size_type) for found in find_numbers(texts)]
    return {**numbers_row(rows), "model": result.model, "backend": result.backend}


if __name__ == "__main__":
    # Under its own name, so that actors find what they are sent.
    from deployments import bulk_container_ocr

    sys.exit(bulk_container_ocr.main())
