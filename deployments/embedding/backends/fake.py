"""A model without weights: the same vector for the same text everywhere, delays and faults on request.

For tests of everything around a model, and for load tests of the serving layer. A token is a word.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deployments.embedding.types import MicrobatchPolicy, ModelFacts, TokenizedText, Vectors

_START, _END = 1, 2


class FakeBackend:
    """Vectors are standard normal numbers, seeded by a hash of the token ids; not of length 1.

    Args:
        dimensions: length of a vector.
        max_tokens: longest sequence; more is truncated.
        delay_s: seconds that each call of the model takes.
        fail_on: a word; a call whose batch holds it raises RuntimeError.
    """

    name = "fake"
    model = published_as = "fake-embedding"
    version = "fake-1"
    device = "cpu"
    precision = "f32"

    def __init__(
        self, dimensions: int = 384, *, max_tokens: int = 128, delay_s: float = 0.0, fail_on: str = ""
    ) -> None:
        self.facts = ModelFacts(dimensions=dimensions, max_tokens=max_tokens, pad_id=0, prompt="", normalized=False)
        self.microbatches = MicrobatchPolicy(overhead_tokens=16, max_tokens=1024)
        self.calls: list[tuple[int, int]] = []
        """Shape of ids of every call so far."""
        self._delay_s = delay_s
        self._fail_id = _word_id(fail_on) if fail_on else None

    def tokenize(self, texts: Sequence[str]) -> list[TokenizedText]:
        units = []
        for text in texts:
            ids = (_START, *map(_word_id, text.split()), _END)
            read = ids if len(ids) <= self.facts.max_tokens else (*ids[: self.facts.max_tokens - 1], _END)
            units.append(TokenizedText(read, tokens=len(ids)))
        return units

    def encode(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> Vectors:
        self.calls.append((ids.shape[0], ids.shape[1]))
        if self._delay_s:
            time.sleep(self._delay_s)
        if self._fail_id is not None and (ids == self._fail_id).any():
            raise RuntimeError("this word makes the fake model fail")
        return np.stack([self._vector(row[keep == 1]) for row, keep in zip(ids, mask, strict=True)])

    def close(self) -> None:
        """Holds nothing."""

    def _vector(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        seed = int.from_bytes(hashlib.sha256(ids.astype("<i8").tobytes()).digest()[:8], "little")
        return np.random.default_rng(seed).standard_normal(self.facts.dimensions, dtype=np.float32)


def _word_id(word: str) -> int:
    """At least 3: 0 is padding, 1 and 2 are start and end."""
    return 3 + int.from_bytes(hashlib.sha256(word.encode()).digest()[:6], "little")
