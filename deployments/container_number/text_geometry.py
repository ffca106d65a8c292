"""Where pieces of text stand to one another: on one line, one line below, one column beside.

All distances are measured along the text's own direction, so a tilted picture reads like a level one, and in character
sizes, so that near and far read alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import hypot

from deployments.container_number.found_text import FoundText, Point, Quad

_TALL = 1.5
"""A piece this many times taller than wide holds characters one below the other, or lying on their side: detectors of
text turn such pieces before they read them (PaddleOCR's `get_rotate_crop_image` has the same 1.5)."""
_SAME_SIZE = 2.0
_LONGEST_SPACE = 3.0
_OVERLAP_ON_LINE, _OVERLAP_OF_LINES = 0.6, 0.4
"""Detectors cut generously: neighbouring boxes overlap, a check digit's frame more than a line the next."""
_LINE_OFFSET = 0.5
_LINE_SPACING = 1.6
_ALIGNED = 1.2


@dataclass(frozen=True, slots=True)
class Piece:
    """A found text with its frame of reading."""

    found: FoundText
    along: Point
    """Unit vector in which its characters follow one another."""
    across: Point
    """Unit vector towards the next line: down for a line, to the right for a column."""
    size: float
    """Height of its characters in pixels (of a column: width)."""
    column: bool

    single: bool = False
    """It holds one character only, so its shape does not tell whether it belongs to a line or to a column."""

    @property
    def middle(self) -> Point:
        return sum(x for x, _ in self.found.quad) / 4, sum(y for _, y in self.found.quad) / 4

    def in_column(self) -> Piece:
        """A single character as part of a column of upright characters."""
        return self if self.column else replace(self, along=self.across, across=self.along, column=True)


def piece_of(found: FoundText) -> Piece:
    """`found` with its frame, taken from the directions of its sides."""
    first, second, third, fourth = found.quad
    right = ((second[0] - first[0] + third[0] - fourth[0]) / 2, (second[1] - first[1] + third[1] - fourth[1]) / 2)
    down = ((fourth[0] - first[0] + third[0] - second[0]) / 2, (fourth[1] - first[1] + third[1] - second[1]) / 2)
    width, height = max(hypot(*right), 1e-6), max(hypot(*down), 1e-6)
    sign = -1 if found.rotation == 180 else 1
    to_right = (sign * right[0] / width, sign * right[1] / width)
    to_bottom = (sign * down[0] / height, sign * down[1] / height)
    if sum(character.isalnum() for character in found.text) == 1:
        return Piece(found, to_right, to_bottom, max(width, height), column=False, single=True)
    if height >= _TALL * width:
        return Piece(found, to_bottom, to_right, width, column=True)
    return Piece(found, to_right, to_bottom, height, column=False)


def extent(quads: Sequence[Quad], direction: Point) -> tuple[float, float]:
    """Least and greatest distance of the corners along `direction`."""
    distances = [x * direction[0] + y * direction[1] for quad in quads for x, y in quad]
    return min(distances), max(distances)


def follows_on_line(last: Piece, following: Piece) -> float | None:
    """Space from `last` to `following` on the same line or in the same column, in character sizes; None if it is not
    its continuation."""
    if not _comparable(last, following):
        return None
    size = max(last.size, following.size)
    # One character's box tilts by some degrees at random: the longer piece says where the line goes.
    guide = following if last.single and not following.single else last
    gap = extent([following.found.quad], guide.along)[0] - extent([last.found.quad], guide.along)[1]
    offset = _between(last.middle, following.middle, guide.across)
    if abs(offset) > _LINE_OFFSET * size or not -_OVERLAP_ON_LINE * size <= gap <= _LONGEST_SPACE * size:
        return None
    return max(gap, 0.0) / size


def follows_below(line: Sequence[Piece], following: Piece) -> float | None:
    """Space from a line to one that begins with `following` (from a column: to the next column), in character sizes;
    None unless it is near and aligned with the line's start, middle or end."""
    first = line[0]
    if not _comparable(line[-1], following):
        return None
    size = max(first.size, following.size)
    guide = following if first.single and not following.single else first
    quads = [piece.found.quad for piece in line]
    gap = extent([following.found.quad], guide.across)[0] - extent(quads, guide.across)[1]
    if not -_OVERLAP_OF_LINES * size <= gap <= _LINE_SPACING * size:
        return None
    start, end = extent(quads, guide.along)
    next_start, next_end = extent([following.found.quad], guide.along)
    shift = min(abs(next_start - start), abs(next_end - end), abs(next_start + next_end - start - end) / 2)
    return max(gap, 0.0) / size + shift / size if shift <= _ALIGNED * size else None


def reach_of(piece: Piece) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of where anything that follows `piece` must begin or end."""
    xs, ys = [x for x, _ in piece.found.quad], [y for _, y in piece.found.quad]
    reach = _LONGEST_SPACE * _SAME_SIZE * piece.size  # spaces are measured in the larger of two sizes
    return min(xs) - reach, min(ys) - reach, max(xs) + reach, max(ys) + reach


def touches(piece: Piece, area: tuple[float, float, float, float]) -> bool:
    """Whether any of `piece` can lie in `area`: a cheap first look."""
    left, top, right, bottom = area
    first, second, third, fourth = piece.found.quad
    return (
        max(second[0], third[0]) >= left
        and min(first[0], fourth[0]) <= right
        and max(third[1], fourth[1]) >= top
        and min(first[1], second[1]) <= bottom
    )


def joined(quads: Sequence[Quad], along: Point) -> Quad:
    """The least rectangle around `quads` with sides along `along`; clockwise from its top left."""
    if len(quads) == 1:
        return quads[0]
    x_axis = along if abs(along[0]) >= abs(along[1]) else (-along[1], along[0])
    if x_axis[0] < 0:
        x_axis = (-x_axis[0], -x_axis[1])
    y_axis = (-x_axis[1], x_axis[0])
    left, right = extent(quads, x_axis)
    top, bottom = extent(quads, y_axis)

    def corner(x: float, y: float) -> Point:
        return x * x_axis[0] + y * y_axis[0], x * x_axis[1] + y * y_axis[1]

    return corner(left, top), corner(right, top), corner(right, bottom), corner(left, bottom)


def lengthened(quad: Quad, along: Point, by: float) -> Quad:
    """`quad` with its end in the direction `along` moved on by so many pixels."""
    middle = sum(x * along[0] + y * along[1] for x, y in quad) / 4
    first, second, third, fourth = (
        (x + by * along[0], y + by * along[1]) if x * along[0] + y * along[1] > middle else (x, y) for x, y in quad
    )
    return first, second, third, fourth


def part_of(piece: Piece, start: float, end: float) -> Quad:
    """The part of a piece between two shares, 0..1, of its length."""
    if start <= 0 and end >= 1:
        return piece.found.quad
    if piece.found.rotation == 180:
        start, end = 1 - end, 1 - start
    first, second, third, fourth = piece.found.quad
    if piece.column:
        return _on(first, fourth, start), _on(second, third, start), _on(second, third, end), _on(first, fourth, end)
    return _on(first, second, start), _on(first, second, end), _on(fourth, third, end), _on(fourth, third, start)


def _on(one: Point, other: Point, share: float) -> Point:
    return one[0] + share * (other[0] - one[0]), one[1] + share * (other[1] - one[1])


def _between(one: Point, other: Point, direction: Point) -> float:
    return (other[0] - one[0]) * direction[0] + (other[1] - one[1]) * direction[1]


def _comparable(one: Piece, other: Piece) -> bool:
    """On one page, in the same direction, with characters of about the same size."""
    return (
        one.found.page == other.found.page
        and one.column == other.column
        and 1 / _SAME_SIZE <= one.size / other.size <= _SAME_SIZE
    )
