"""Whisper's tokens to segments with times, and words into their segments. Plain data; no library."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from deployments.speech.types import Segment, Word

TIMESTAMP_S = 0.02
"""Step of the time-stamp tokens (arXiv:2212.04356, section 2.3)."""
NO_SPEECH_PROB = 0.6
NO_SPEECH_LOGPROB = -1.0
"""A chunk is silence above the one and below the other (arXiv:2212.04356, section 4.5; whisper/transcribe.py)."""
_BEFORE = "\"'“¿([{-"
_AFTER = "\"'.。,，!！?？:：”)]}、"
"""Punctuation that belongs to the following and to the preceding word (whisper/timing.py)."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What the decoder wrote after the prompt, without the end token."""

    tokens: list[int]
    avg_logprob: float
    no_speech_prob: float


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word or a piece of punctuation, as it was aligned; seconds from the chunk's start."""

    text: str
    tokens: int
    """How many it has."""
    start: float
    end: float
    probability: float


def segments_of(
    hypothesis: Hypothesis, tokenizer: Any, length_s: float, words: Sequence[TimedWord] = ()
) -> tuple[Segment, ...]:
    """Segments of one chunk of `length_s`; none where the model took it for silence."""
    if hypothesis.no_speech_prob > NO_SPEECH_PROB and hypothesis.avg_logprob < NO_SPEECH_LOGPROB:
        return ()
    segments = []
    taken = 0
    stamped = any(token >= tokenizer.timestamp_begin for token in hypothesis.tokens)
    for start, end, tokens in split(hypothesis.tokens, tokenizer.timestamp_begin, length_s):
        texts = [token for token in tokens if token < tokenizer.eot]
        text = tokenizer.decode(texts).rstrip()
        mine, taken = _words_of(words, taken, len(texts))
        if not text.strip():
            continue
        segment = Segment(
            start=start,
            end=end,
            text=text,
            tokens=tuple(tokens),
            avg_logprob=hypothesis.avg_logprob,
            no_speech_prob=hypothesis.no_speech_prob,
            compression_ratio=compression_ratio(text),
        )
        segments.append(_with_words(segment, join_punctuation(mine), stamped))
    return tuple(segments)


def split(tokens: Sequence[int], timestamp_begin: int, length_s: float) -> list[tuple[float, float, list[int]]]:
    """(start, end, tokens) per segment: text between a time stamp and the next.

    Text before any stamp starts with the chunk, text after the last ends with it. Times stay inside the chunk.
    """
    segments: list[tuple[float, float, list[int]]] = []
    start, body = 0.0, []
    for token in tokens:
        if token < timestamp_begin:
            body.append(token)
            continue
        seconds = min((token - timestamp_begin) * TIMESTAMP_S, length_s)
        if body:
            segments.append((start, max(start, seconds), body))
            body = []
        start = max(start, seconds)
    if body:
        segments.append((start, length_s, body))
    return segments


def join_punctuation(words: Sequence[TimedWord]) -> list[TimedWord]:
    """Opening marks to the word after, others to the word before; times stay the word's."""
    forward: list[TimedWord] = []
    opening: list[TimedWord] = []
    for word in words:
        if word.text.startswith(" ") and word.text.strip() in _BEFORE and word.text.strip():
            opening.append(word)
            continue
        text = "".join(mark.text for mark in opening)
        forward.append(replace(word, text=text + (word.text.lstrip() if opening else word.text)))
        opening = []
    forward += opening
    joined: list[TimedWord] = []
    for word in forward:
        if joined and word.text and word.text in _AFTER and not joined[-1].text.endswith(" "):
            joined[-1] = replace(joined[-1], text=joined[-1].text + word.text)
        else:
            joined.append(word)
    return joined


def compression_ratio(text: str) -> float:
    """Bytes of `text` / bytes of it compressed by zlib (whisper/utils.py)."""
    data = text.strip().encode()
    return len(data) / len(zlib.compress(data))


def _words_of(words: Sequence[TimedWord], first: int, tokens: int) -> tuple[list[TimedWord], int]:
    """The words from `first` on that make up so many tokens, and the place behind them."""
    place = first
    while place < len(words) and tokens > 0:
        tokens -= words[place].tokens
        place += 1
    return list(words[first:place]), place


def _with_words(segment: Segment, words: Sequence[TimedWord], stamped: bool) -> Segment:
    """The segment with its words. Without time stamps its bounds are theirs; with them they are kept inside."""
    kept = [word for word in words if word.text.strip()]
    if not kept:
        return segment
    low, high = (segment.start, segment.end) if stamped else (kept[0].start, min(kept[-1].end, segment.end))
    timed = []
    for word in kept:
        start = min(max(word.start, low), high)
        timed.append(Word(word.text, start, min(max(word.end, start), high), word.probability))
    if stamped and timed[-1].start == timed[-1].end:  # the alignment has no end for the last word
        timed[-1] = replace(timed[-1], end=high)
    return replace(segment, start=low, end=max(low, high), words=tuple(timed))
