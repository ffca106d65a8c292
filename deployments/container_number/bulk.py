"""Container numbers read by Florence-2: `python -m deployments.container_number.bulk SOURCE DESTINATION`.

For pictures that are crops of one number each. Whole pictures are for `deployments.bulk_container_ocr`, which finds the
numbers with OCR; both write the same columns.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

from deployments.container_number.adapters import BASE
from deployments.container_number.crop_requests import ContainerNumberConfig, CropRequest, CropResult
from deployments.container_number.engine import load_engine
from deployments.container_number.found_text import Quad
from deployments.container_number.number_reader import read_crop
from deployments.container_number.types import Reading
from deployments.serving.batching import Batching
from deployments.serving.bulk_command import job_options, parser, report, source_of
from deployments.serving.bulk_job import run_job
from deployments.serving.bulk_progress import Summary
from deployments.serving.bulk_rows import Row
from deployments.serving.bulk_settings import JobSettings, load_settings, refuse_unknown
from deployments.serving.bulk_task import BulkTask, blank_picture
from deployments.serving.media import InlineMedia, MediaPolicy

refuse_unknown(ContainerNumberConfig, MediaPolicy, Batching)


class ContainerNumberJobSettings(JobSettings):
    """Section `container-number` of `ray_configs/jobs/*.yaml`."""

    model: ContainerNumberConfig = ContainerNumberConfig()
    batching: Batching = Batching(max_batch_size=16)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; the exit status."""
    known = parser("container_number", "path", "Read crops of container numbers with Florence-2: one row per picture.")
    known.add_argument("--adapter", default=BASE, help="name of a LoRA adapter")
    given = known.parse_args(arguments)

    def run() -> Summary:
        settings = load_settings(ContainerNumberJobSettings, given.config, "container-number")
        return run_job(
            bulk_task(settings.model, given.adapter),
            source_of(given, "path"),
            given.destination,
            settings,
            job_options(given),
            {"reader": "florence", "adapter": given.adapter},
        )

    return report(run)


def bulk_task(config: ContainerNumberConfig, adapter: str = BASE) -> BulkTask:
    return BulkTask(
        service="container-number",
        kind="path",
        load=partial(load_engine, config),
        request=partial(_request, adapter),
        sample=blank_picture,
        result=_result,
        result_fields=result_fields,
        max_bytes=config.policy.max_bytes,
    )


def result_fields() -> list[Any]:
    """Columns of container-number rows after those of `serving.bulk_rows`: (name, Arrow type)."""
    import pyarrow as pa

    number = pa.struct(
        [
            ("number", pa.string()),  # eleven characters; null where the check digit was not read
            ("valid", pa.bool_()),  # the check digit fits
            ("confidence", pa.float32()),  # 0..1
            ("needs_review", pa.bool_()),
            ("review_reasons", pa.list_(pa.string())),
            ("alternatives", pa.list_(pa.string())),
            ("size_type", pa.string()),  # such as 22G1
            ("text", pa.string()),  # as the reader saw it
            ("page", pa.int32()),  # from 0
            ("box", pa.list_(pa.list_(pa.float32()))),  # 4 corners (x, y), pixels; null for a whole crop
        ]
    )
    return [
        ("number", pa.string()),  # the best one, if it needs no review
        ("numbers", pa.list_(number)),  # best first
    ]


def number_row(reading: Reading, page: int, box: Quad | None = None, size_type: str | None = None) -> Row:
    """An entry of the column `numbers`."""
    return {
        "number": None if reading.number is None else reading.number.number,
        "valid": reading.valid,
        "confidence": reading.confidence,
        "needs_review": reading.needs_review,
        "review_reasons": list(reading.review_reasons),
        "alternatives": list(reading.alternatives),
        "size_type": size_type,
        "text": reading.text,
        "page": page,
        "box": box,
    }


def numbers_row(numbers: Sequence[Row]) -> Row:
    """The service's columns, from `number_row`s, best first."""
    certain = next((number["number"] for number in numbers if not number["needs_review"]), None)
    return {"number": certain, "numbers": list(numbers)}


def join(rows: Sequence[Row]) -> Row:
    """The service's columns of a document from those of its sections."""
    numbers = [number for row in rows for number in row["numbers"]]
    return numbers_row(sorted(numbers, key=lambda number: (number["needs_review"], -number["confidence"])))


def _request(adapter: str, data: bytes, path: str) -> CropRequest:
    return CropRequest(InlineMedia(data, path), adapter)


def _result(result: CropResult) -> Row:
    readings = [(page, read_crop(text)) for page, text in enumerate(result.texts)]
    return numbers_row([number_row(reading, page) for page, reading in readings if reading is not None])


if __name__ == "__main__":
    # Under its own name, so that actors find what they are sent.
    from deployments.container_number import bulk

    sys.exit(bulk.main())
