"""Times of tokens to times of words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deployments.speech.backends.whisper_segments import TimedWord


def timed_words(
    tokenizer: Any, tokens: Sequence[int], starts: NDArray[np.float64], probabilities: Sequence[float]
) -> list[TimedWord]:
    """Words of text `tokens`; `starts` has one time per token and one for the end token behind them."""
    texts, groups = tokenizer.split_to_word_tokens([*tokens, tokenizer.eot])
    words, place = [], 0
    for text, group in zip(texts[:-1], groups[:-1], strict=True):
        behind = place + len(group)
        words.append(
            TimedWord(
                text=text,
                tokens=len(group),
                start=float(starts[place]),
                end=float(starts[behind]),
                probability=float(np.mean(probabilities[place:behind])),
            )
        )
        place = behind
    return words
