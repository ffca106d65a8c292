"""Buckets as sources: every object below a prefix, however many listings it takes; no secret in what is stored."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deployments.serving.batching import Batching
from deployments.serving.bulk_engine import EngineRows
from deployments.serving.bulk_sources import open_source
from deployments.serving.bulk_task import BulkTask
from deployments.serving.errors import InvalidInput, NotFound, Unavailable
from tests.s3_server import SETTINGS, s3_server
from tests.unit.serving.test_bulk_engine import WordEngine

KEYS = ("a.txt", "b c.txt", "deep/er/d.txt", "deep/서울.txt", "e & f.txt", "g+h%41.txt", "z.txt")
OBJECTS = {f"/bucket/scans/{key}": key.encode() for key in KEYS}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with s3_server({**OBJECTS, "/bucket/scans/.hidden": b"", "/bucket/other.txt": b"no"}) as endpoint:
        yield f"?endpoint_override={endpoint}&{SETTINGS}"


def test_every_object_below_a_prefix_and_its_text(address: str) -> None:
    source = open_source(f"s3://key:secret@bucket/scans/{address}", "path")
    assert source.name == "s3://bucket/scans"
    items = list(source.inputs())
    assert [item.path for item in items] == [f"s3://bucket/scans/{key}" for key in sorted(KEYS)]
    task = BulkTask(
        "words", "path", WordEngine, lambda data, path: data.decode(), lambda: b"word",
        lambda text: {"text": text}, list, max_bytes=100,
    )  # fmt: skip
    rows = EngineRows(task, Batching(), source.roots)
    made = rows.rows(items)
    rows.close()
    assert [row.get("text") for row in made] == [key.upper() for key in sorted(KEYS)], [
        row.get("error_message") for row in made
    ]
    assert not any("secret" in str(row) for row in made)


def test_one_object(address: str) -> None:
    source = open_source(f"s3://key:secret@bucket/scans/a.txt{address}", "path")
    assert [item.path for item in source.inputs()] == ["s3://bucket/scans/a.txt"]


def test_nothing_there(address: str) -> None:
    with pytest.raises(NotFound, match="s3://bucket/none"):
        open_source(f"s3://key:secret@bucket/none{address}", "path")


def test_what_cannot_be_reached_keeps_its_secret() -> None:
    with pytest.raises((InvalidInput, Unavailable)) as failure:
        open_source(f"s3://key:secret@bucket/scans?endpoint_override=127.0.0.1:9&{SETTINGS}", "path")
    assert "secret" not in failure.value.message
