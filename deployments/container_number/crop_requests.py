"""Plain data of the crop reader: its configuration, what is asked of it, what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field

from deployments.container_number.florence import NANO_SOURCE, CropText
from deployments.container_number.found_text import Quad
from deployments.serving.media import MediaPolicy, MediaSource


@dataclass(frozen=True, slots=True)
class ContainerNumberConfig:
    """Which Florence-2 to load and how to run it. Picklable: replicas and bulk actors build their engine from it."""

    model: str = NANO_SOURCE
    """A source as `deployments.serving.weights` reads it: a Florence-2 in transformers' native layout, e.g.
    `florence-community/Florence-2-large`."""
    name: str = ""
    """Name to answer under; empty takes the manifest's, else the folder's."""
    device: str = "cpu"
    """`cpu`, `cuda`, `cuda:1` or `mps`."""
    precision: str = "float32"
    """`float32`, `bfloat16` or `float16`."""
    threads: int = 1
    """CPU threads of the model; 0 lets torch take every core."""
    adapters: str = "$SENSORIUM_HOME/adapters"
    """Folder of LoRA adapters, one subfolder each, looked at anew by every request; `$NAME` is taken from the
    environment, `~` is the home folder. On a cluster: a folder that all nodes share."""
    max_adapters: int = 8
    """Adapters in memory at once; the one not used for longest goes first."""
    policy: MediaPolicy = field(default_factory=MediaPolicy)

    def __post_init__(self) -> None:
        if self.max_adapters < 1:
            raise ValueError(f"max_adapters must be at least 1, not {self.max_adapters}")
        if self.threads < 0:
            raise ValueError(f"threads must not be negative, not {self.threads}")


@dataclass(frozen=True, slots=True)
class Region:
    """A number's place on a page."""

    lines: tuple[Quad, ...]
    """Its lines or columns in reading order; they are cut out and laid side by side into one crop."""
    page: int = 0


@dataclass(frozen=True, slots=True)
class CropRequest:
    """One picture, with one adapter."""

    source: MediaSource
    adapter: str = "base"
    regions: tuple[Region, ...] | None = None
    """What to cut out and read; None reads every page as it is, as one crop."""


@dataclass(frozen=True, slots=True)
class CropResult:
    texts: tuple[CropText, ...]
    """One per region; one per page where the request named no regions."""
    pages: tuple[tuple[int, int], ...]
    """(width, height) in pixels of each upright page that was read; with regions, of the crops."""
