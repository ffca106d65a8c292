"""Does a loaded backend give the vectors that the model's own library gives? Asked once, before it serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deployments.embedding.microbatches import pad
from deployments.embedding.types import Vectors
from deployments.serving.errors import EngineFailed

if TYPE_CHECKING:
    from deployments.embedding.backends import Backend

MIN_COSINE = 0.999
"""The project's bar for every faster path (ray-notes.md, "Quality beside speed")."""

REFERENCE_TEXTS = (
    "A container is ready for inspection at gate seven.",
    "컨테이너가 7번 게이트에서 검사 준비를 마쳤습니다.",
    "Berth 12, 40 ft, TEMU 123456-7: 3,5 °C; wind 🌬️ from the north-west, all cranes stopped until 06:30.",
)


def verify(backend: Backend, reference: Vectors) -> None:
    """Encode `REFERENCE_TEXTS` and compare.

    Raises:
        EngineFailed: a cosine is under `MIN_COSINE`.
    """
    units = backend.tokenize(REFERENCE_TEXTS)
    vectors = backend.encode(*pad([unit.ids for unit in units], backend.facts.pad_id))
    norms = np.linalg.norm(vectors, axis=1) * np.linalg.norm(reference, axis=1)
    worst = float(np.min(np.sum(vectors * reference, axis=1) / np.maximum(norms, 1e-12)))
    if not worst >= MIN_COSINE:  # a NaN is no pass either
        raise EngineFailed(
            f"{backend.name} with precision {backend.precision} does not reproduce {backend.model}: cosine {worst:.5f} "
            f"to sentence-transformers' own vectors, at least {MIN_COSINE} is needed; set precision f32",
            cosine=worst,
            limit=MIN_COSINE,
        )
