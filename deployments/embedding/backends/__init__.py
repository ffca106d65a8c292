"""The libraries that can run an embedding model, one file each, behind one protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from deployments.embedding.types import (
    EmbeddingConfig,
    MicrobatchPolicy,
    ModelFacts,
    TokenizedText,
    Vectors,
)
from deployments.serving.errors import UnsupportedOption


class Backend(Protocol):
    """One loaded model. `encode` is called from one thread only, `tokenize` from several at once."""

    name: str
    model: str
    published_as: str
    """The publisher's full name, `org/model`, where known."""
    version: str
    device: str
    precision: str
    facts: ModelFacts
    microbatches: MicrobatchPolicy

    def tokenize(self, texts: Sequence[str]) -> list[TokenizedText]:
        """Texts are non-empty and valid Unicode."""
        ...

    def encode(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> Vectors:
        """Vectors of shape (sequences, dimensions) of ids and mask of shape (sequences, longest)."""
        ...

    def close(self) -> None: ...


def open_backend(config: EmbeddingConfig) -> Backend:
    """Load `config.model` on the backend it names.

    Raises:
        UnsupportedOption: no such backend; otherwise see the backend.
    """
    if config.backend == "openvino":
        from deployments.embedding.backends.openvino import OpenVINOBackend

        return OpenVINOBackend(config)
    if config.backend == "torch":
        from deployments.embedding.backends.torch import TorchBackend

        return TorchBackend(config)
    if config.backend == "fake":
        from deployments.embedding.backends.fake import FakeBackend

        return FakeBackend(config.fake_dimensions, delay_s=config.fake_delay_s, fail_on=config.fake_fail_on)
    raise UnsupportedOption(
        f"embedding has no backend {config.backend!r}",
        field="backend",
        available=["openvino", "torch", "fake"],
    )
