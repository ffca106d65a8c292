"""Vectors of many texts: `python -m deployments.embedding.bulk SOURCE DESTINATION --column text`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

from deployments.embedding.engine import load_engine
from deployments.embedding.types import EmbeddingConfig, EmbeddingRequest, EmbeddingResult
from deployments.serving.batching import Batching
from deployments.serving.bulk_command import job_options, parser, report, source_of
from deployments.serving.bulk_job import run_job
from deployments.serving.bulk_progress import Summary
from deployments.serving.bulk_rows import Row
from deployments.serving.bulk_settings import JobSettings, load_settings, refuse_unknown
from deployments.serving.bulk_task import BulkTask
from deployments.serving.errors import InvalidInput

refuse_unknown(EmbeddingConfig, Batching)

_BYTES_PER_CHARACTER = 4
"""At most, in UTF-8."""


class EmbeddingJobSettings(JobSettings):
    """Section `embedding` of `ray_configs/jobs/*.yaml`."""

    model: EmbeddingConfig = EmbeddingConfig()
    batching: Batching = Batching(max_batch_size=256, max_batch_cost=16_384)
    inputs_per_task: int = 1024


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; the exit status."""
    known = parser(
        "embedding", "text", "Vectors of texts: rows of a table, lines of a .txt, or each file of a folder as one text."
    )
    known.add_argument("--no-normalize", action="store_true", help="leave the model's own lengths")
    known.add_argument("--dimensions", type=int, help="keep only the first so many components")
    given = known.parse_args(arguments)

    def run() -> Summary:
        settings = load_settings(EmbeddingJobSettings, given.config, "embedding")
        return run_job(
            bulk_task(settings.model, normalize=not given.no_normalize, dimensions=given.dimensions),
            source_of(given, "text"),
            given.destination,
            settings,
            job_options(given),
            {"normalize": not given.no_normalize, "dimensions": given.dimensions, "column": given.column},
        )

    return report(run)


def bulk_task(config: EmbeddingConfig, *, normalize: bool = True, dimensions: int | None = None) -> BulkTask:
    return BulkTask(
        service="embedding",
        kind="text",
        load=partial(load_engine, config),
        request=partial(_request, normalize, dimensions),
        sample=_sample,
        result=_result,
        result_fields=result_fields,
        max_bytes=_BYTES_PER_CHARACTER * config.max_chars,
    )


def result_fields() -> list[Any]:
    """Columns of embedding rows after those of `serving.bulk_rows`: (name, Arrow type)."""
    import pyarrow as pa

    return [
        ("embedding", pa.list_(pa.float32())),
        ("tokens", pa.int32()),  # of the whole text, special ones included
        ("truncated", pa.bool_()),  # the model read only the first `max_tokens` of them
    ]


def _request(normalize: bool, dimensions: int | None, data: bytes, path: str) -> EmbeddingRequest:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not UTF-8 text: {error}") from error
    return EmbeddingRequest((text,), normalize, dimensions, field="text")


def _sample() -> bytes:
    return b"text"


def _result(result: EmbeddingResult) -> Row:
    return {"embedding": result.vectors[0], "tokens": result.tokens[0], "truncated": result.truncated[0]}


if __name__ == "__main__":
    # Under its own name, so that actors find what they are sent.
    from deployments.embedding import bulk

    sys.exit(bulk.main())
