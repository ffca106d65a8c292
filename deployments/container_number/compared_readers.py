"""Who reads a picture, by the names that people write: a reader of the service, or Florence-2 with an adapter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from deployments.serving.errors import InvalidInput

ServiceReader = Literal["auto", "ocr", "florence"]


@dataclass(frozen=True, slots=True)
class ComparedReader:
    """A reader of the service, with an adapter where it is Florence-2."""

    name: str
    """As the person wrote it: heads its columns."""
    reader: ServiceReader
    adapter: str = "base"


def readers_named(names: Sequence[str]) -> tuple[ComparedReader, ...]:
    """In order, each once: `ocr`, `auto` or `florence` is that reader; any other name, such as `base`, is Florence-2
    with that adapter.

    Raises:
        InvalidInput: a name is empty.
    """
    return tuple(_reader_named(name) for name in dict.fromkeys(name.strip() for name in names))


def _reader_named(name: str) -> ComparedReader:
    if not name:
        raise InvalidInput("a reader to compare has no name; write e.g. base,gate-7,ocr", field="compare")
    for reader in get_args(ServiceReader):
        if name == reader:
            return ComparedReader(name, reader)
    return ComparedReader(name, "florence", name)
