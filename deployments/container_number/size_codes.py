"""Which of the words in a picture are size/type codes, and to which number each belongs."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot

from deployments.container_number.found_text import Point, Quad
from deployments.container_number.number_search import Span
from deployments.container_number.size_types import size_type
from deployments.container_number.text_geometry import part_of
from deployments.serving.errors import InvalidInput

_FARTHEST = 8.0
"""A code stands beside or below its number; farther than this many of its own heights it belongs to none."""


def is_code(text: str) -> bool:
    """Whether `text` is a code that ISO 6346 knows and holds both letters and digits, as all in use do."""
    if len(text) != 4 or not (text[0].isdigit() or text[1].isdigit()):
        return False
    try:
        size_type(text)
    except InvalidInput:
        return False
    return True


def nearest_codes(words: Sequence[Span], boxes: Sequence[tuple[int, Quad]]) -> list[str | None]:
    """For each number's (page, box) the code nearest to it, where that code has no nearer number."""
    pairs = []
    for word in words:
        if not is_code(word.text):
            continue
        run = word.run
        length = len(run.characters)
        quad = part_of(run.piece, word.start / length, word.end / length)
        for index, (page, box) in enumerate(boxes):
            distance = _distance(quad, box)
            if page == run.piece.found.page and distance <= _FARTHEST * run.piece.size:
                pairs.append((distance, index, word))
    codes: list[str | None] = [None] * len(boxes)
    given: list[Span] = []
    for _, index, word in sorted(pairs, key=lambda pair: pair[0]):
        if codes[index] is None and word not in given:
            codes[index] = word.text
            given.append(word)
    return codes


def _distance(one: Quad, other: Quad) -> float:
    """Between the upright rectangles around two boxes, in pixels."""
    (left, top, right, bottom), (left2, top2, right2, bottom2) = _bounds(one), _bounds(other)
    return hypot(max(left2 - right, left - right2, 0.0), max(top2 - bottom, top - bottom2, 0.0))


def _bounds(quad: Sequence[Point]) -> tuple[float, float, float, float]:
    xs, ys = [x for x, _ in quad], [y for _, y in quad]
    return min(xs), min(ys), max(xs), max(ys)
