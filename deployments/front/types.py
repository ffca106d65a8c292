"""Plain data of the front: which services there are, and what each was seen to say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from deployments.web.health import HealthBody

State = Literal["ready", "loading", "failed", "unreachable"]


@dataclass(frozen=True, slots=True)
class ServiceEntry:
    """One service as the page presents it."""

    name: str
    """Short name, e.g. `ocr`."""
    title: str
    """Name for people, e.g. `OCR`."""
    base_path: str
    """Where Ray Serve routes to it, e.g. `/ocr`."""
    summary: str = ""
    """One sentence: what it does."""
    example: str = ""
    """A shell command to copy; `{base_url}` stands for the address under which the page was opened."""

    def __post_init__(self) -> None:
        if not self.base_path.startswith("/") or self.base_path.endswith("/"):
            raise ValueError(f"base_path must start with / and not end with it, got {self.base_path!r}")


@dataclass(frozen=True, slots=True)
class ServiceReport:
    """What a look at one service found."""

    entry: ServiceEntry
    state: State
    reason: str = ""
    """Why it is not ready."""
    health: HealthBody | None = None
    """The service's own words; None where it did not answer."""
