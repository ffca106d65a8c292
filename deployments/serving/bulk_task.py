"""What a bulk job does to each input: a service's engine, and how its requests and results look as bytes and rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from deployments.serving.bulk_rows import Row
from deployments.serving.bulk_sources import Kind
from deployments.serving.engine import Engine

AnyEngine = Engine[Any, Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Sections:
    """How an input that is too long for one actor is cut, and its rows put together again."""

    count: Callable[[bytes], int]
    """How many sections a file has: 1 for most. Cheap: it is asked of every file."""
    request: Callable[[bytes, str, int, int], Any]
    """(bytes, path, index, count) -> request of one section."""
    join: Callable[[Sequence[Row]], Row]
    """The service's own columns of all sections, in order, to those of the whole."""


@dataclass(frozen=True, slots=True)
class BulkTask:
    """Picklable: callables are module-level functions or `partial`s of one."""

    service: str
    kind: Kind
    load: Callable[[], AnyEngine]
    request: Callable[[bytes, str], Any]
    """(bytes, path) -> request of the engine."""
    sample: Callable[[], bytes]
    """A harmless input. What `prepare` refuses about it, it would refuse about all: the job's options."""
    result: Callable[[Any], Row]
    """The service's own columns."""
    result_fields: Callable[[], list[Any]]
    """(name, Arrow type) of those columns."""
    max_bytes: int
    """Of one file."""
    sections: Sections | None = None
    """None where no input is long."""


def blank_picture() -> bytes:
    """A white PNG: the sample of services that read pictures."""
    import io

    from PIL import Image

    blank = io.BytesIO()
    Image.new("RGB", (32, 32), "white").save(blank, "PNG")
    return blank.getvalue()
