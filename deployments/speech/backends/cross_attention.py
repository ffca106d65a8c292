"""When each token was said, from the decoder's attention to the sound (openai-whisper 20250625, timing.py).

For libraries that give the attention weights but not the alignment.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FRAME_S = 0.02
"""Of the encoder's output."""
_MEDIAN_WIDTH = 7


def align_tokens(weights: NDArray[np.float32], first: int) -> NDArray[np.float64]:
    """Start times, seconds, of the tokens behind position `first`; the last is where the final token starts.

    Args:
        weights: attention, shape (heads, tokens, frames), of the heads that follow the sound, cropped to its length.
        first: position of the last token before the text.
    """
    cropped = weights / np.maximum(weights.sum(axis=-1, keepdims=True), 1e-12)  # softmax over what is left
    deviation = np.maximum(cropped.std(axis=-2, keepdims=True), 1e-9)
    normal = (cropped - cropped.mean(axis=-2, keepdims=True)) / deviation
    matrix = _median(normal).mean(axis=0)[first:-1]
    rows, frames = _warp(-matrix.astype(np.float64))
    starts = np.concatenate([[True], np.diff(rows) > 0])
    times: NDArray[np.float64] = frames[starts] * FRAME_S
    return times


def _median(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Median over 7 neighbouring frames."""
    half = _MEDIAN_WIDTH // 2
    if weights.shape[-1] <= half:
        return weights
    padded = np.pad(weights, ((0, 0), (0, 0), (half, half)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, _MEDIAN_WIDTH, axis=-1)
    return np.asarray(np.median(windows, axis=-1))


def _warp(costs: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Dynamic time warping: row and column of each step of the cheapest monotonic path through `costs`."""
    rows, columns = costs.shape
    total = np.full((rows + 1, columns + 1), np.inf)
    total[0, 0] = 0.0
    steps = np.zeros((rows + 1, columns + 1), dtype=np.int8)
    for i in range(1, rows + 1):
        above = total[i - 1].tolist()
        here = [np.inf]
        for j, cost in enumerate(costs[i - 1].tolist(), start=1):
            diagonal, up, left = above[j - 1], above[j], here[j - 1]
            if diagonal < up and diagonal < left:
                best, step = diagonal, 0
            elif up < diagonal and up < left:
                best, step = up, 1
            else:
                best, step = left, 2
            here.append(cost + best)
            steps[i, j] = step
        total[i] = here
    steps[0, :] = 2
    steps[:, 0] = 1
    path: list[tuple[int, int]] = []
    i, j = rows, columns
    while i > 0 or j > 0:
        path.append((i - 1, j - 1))
        step = int(steps[i, j])
        i -= int(step != 2)
        j -= int(step != 1)
    forward = np.array(path[::-1])
    return forward[:, 0], forward[:, 1]
