"""Cut a batch of sequences into calls of the model with little padding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deployments.embedding.types import MicrobatchPolicy


def plan(lengths: Sequence[int], policy: MicrobatchPolicy) -> list[list[int]]:
    """Indices of `lengths`, grouped: longest first, each group of similar lengths.

    A group is padded to its longest member. A sequence opens a new group where its padding would bring the
    group's padding over `policy.overhead_tokens`, or its padded size over `policy.max_tokens`. So padding costs
    at most one call's overhead per group; a sequence longer than `max_tokens` is a group of its own.
    """
    groups: list[list[int]] = []
    width = padding = 0
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        gap = width - lengths[index]
        if groups and padding + gap <= policy.overhead_tokens and (len(groups[-1]) + 1) * width <= policy.max_tokens:
            groups[-1].append(index)
            padding += gap
        else:
            groups.append([index])
            width, padding = lengths[index], 0
    return groups


def pad(sequences: Sequence[Sequence[int]], pad_id: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Token ids and attention mask, both int64 of shape (sequences, longest), padded on the right."""
    width = max(len(sequence) for sequence in sequences)
    ids = np.full((len(sequences), width), pad_id, dtype=np.int64)
    mask = np.zeros((len(sequences), width), dtype=np.int64)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = sequence
        mask[row, : len(sequence)] = 1
    return ids, mask
