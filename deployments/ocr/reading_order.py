"""Boxes of one page in the order a person reads them: line by line from the top, each line from the left.

Columns are not told apart: two boxes at one height belong to one line, as in PaddleOCR and RapidOCR.
"""

from __future__ import annotations

from collections.abc import Iterable

from deployments.ocr.types import TextBox

_SAME_LINE = 0.5
"""Two boxes share a line if their middles are nearer than this part of the less high one."""


def reading_order(boxes: Iterable[TextBox]) -> list[TextBox]:
    lines: list[list[TextBox]] = []
    for box in sorted(boxes, key=_middle):
        if lines and _middle(box) - _middle(lines[-1][0]) < _SAME_LINE * min(_height(box), _height(lines[-1][0])):
            lines[-1].append(box)
        else:
            lines.append([box])
    return [box for line in lines for box in sorted(line, key=_left)]


def _middle(box: TextBox) -> float:
    return sum(y for _, y in box.bbox) / len(box.bbox)


def _height(box: TextBox) -> float:
    return max(y for _, y in box.bbox) - min(y for _, y in box.bbox)


def _left(box: TextBox) -> float:
    return min(x for x, _ in box.bbox)
