"""Token streams to segments and words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from deployments.speech.backends.cross_attention import align_tokens
from deployments.speech.backends.whisper_segments import (
    Hypothesis,
    TimedWord,
    compression_ratio,
    join_punctuation,
    segments_of,
    split,
)

END, STAMPS = 50, 100
"""Token ids below END are words, from STAMPS on time stamps of 20 ms."""


class WordTokenizer:
    eot = END
    timestamp_begin = STAMPS

    def decode(self, tokens: Sequence[int]) -> str:
        return "".join(f" w{token}" for token in tokens)


def stamp(seconds: float) -> int:
    return STAMPS + round(seconds / 0.02)


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ([], []),
        ([stamp(0), stamp(2)], []),
        ([1, 2], [(0.0, 5.0, [1, 2])]),  # no stamps: the whole chunk
        ([stamp(0.4), 1, 2, stamp(1.6)], [(0.4, 1.6, [1, 2])]),
        ([stamp(0), 1, stamp(1), stamp(1.5), 2, stamp(3)], [(0.0, 1.0, [1]), (1.5, 3.0, [2])]),
        # faster-whisper's batched pipeline loses the unfinished end; the sequential one reads it again later.
        ([stamp(0), 1, stamp(1), stamp(1), 2, 3], [(0.0, 1.0, [1]), (1.0, 5.0, [2, 3])]),
        ([stamp(0), 1, stamp(29)], [(0.0, 5.0, [1])]),  # behind the chunk's end
        ([stamp(3), 1, stamp(1)], [(3.0, 3.0, [1])]),  # backwards
    ],
)
def test_split(tokens: list[int], expected: list[tuple[float, float, list[int]]]) -> None:
    found = split(tokens, STAMPS, 5.0)
    assert [body for _, _, body in found] == [body for _, _, body in expected]
    times = [second for start, end, _ in found for second in (start, end)]
    assert times == pytest.approx([second for start, end, _ in expected for second in (start, end)])


def test_silence_is_told_by_both_figures() -> None:
    tokens = [stamp(0), 1, stamp(1)]
    tokenizer = WordTokenizer()
    assert segments_of(Hypothesis(tokens, -1.2, 0.9), tokenizer, 5.0) == ()
    assert len(segments_of(Hypothesis(tokens, -0.2, 0.9), tokenizer, 5.0)) == 1
    assert len(segments_of(Hypothesis(tokens, -1.2, 0.1), tokenizer, 5.0)) == 1


def test_words_go_to_their_segments_and_stay_inside() -> None:
    tokens = [stamp(0), 1, 2, stamp(1), stamp(2), 3, 4, stamp(4)]
    words = [
        TimedWord(" w1", 1, 0.1, 0.5, 0.9),
        TimedWord(" w2", 1, 0.5, 1.4, 0.9),
        TimedWord(" w3w4", 2, 1.9, 1.9, 0.8),
    ]
    first, second = segments_of(Hypothesis(tokens, -0.1, 0.0), WordTokenizer(), 5.0, words)
    assert [(word.text, word.start, word.end) for word in first.words] == [(" w1", 0.1, 0.5), (" w2", 0.5, 1.0)]
    assert [(word.text, word.start, word.end) for word in second.words] == [(" w3w4", 2.0, 4.0)]
    assert (first.start, first.end, second.start, second.end) == (0.0, 1.0, 2.0, 4.0)


def test_without_stamps_words_give_the_bounds() -> None:
    words = [TimedWord(" w1", 1, 0.7, 1.0, 0.9), TimedWord(" w2", 1, 1.0, 2.5, 0.9)]
    (segment,) = segments_of(Hypothesis([1, 2], -0.1, 0.0), WordTokenizer(), 5.0, words)
    assert (segment.start, segment.end) == (0.7, 2.5)


def test_punctuation_joins_its_word() -> None:
    texts = [" He", " said", ",", ' "', "Go", "!", '"']
    words = [TimedWord(text, 1, place, place + 1.0, 1.0) for place, text in enumerate(texts)]
    joined = join_punctuation(words)
    assert [word.text for word in joined] == [" He", " said,", ' "Go!"']
    assert [(word.start, word.end) for word in joined] == [(0.0, 1.0), (1.0, 2.0), (4.0, 5.0)]
    assert "".join(word.text for word in joined) == "".join(texts)


def test_compression_ratio_tells_loops() -> None:
    assert compression_ratio("the same again " * 40) > 2.4
    assert compression_ratio("the container is ready for inspection") < 1.5


def test_alignment_follows_attention() -> None:
    """Five tokens and the end, each said in 20 frames of its own; two special tokens before."""
    weights = np.full((2, 8, 120), 0.001, dtype=np.float32)
    for place in range(6):  # the position before a token attends to where it is said
        weights[:, 1 + place, 20 * place : 20 * place + 20] = 0.1
    assert align_tokens(weights, first=1) == pytest.approx([0.0, 0.4, 0.8, 1.2, 1.6, 2.0], abs=0.05)
