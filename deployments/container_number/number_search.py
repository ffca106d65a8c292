"""Every way in which neighbouring pieces of text make up the eleven characters of a container number.

A number stands on one line or several, in one column or two, and a detector cuts it where it likes: anything from one
piece to eleven. So pieces are strung together along their neighbourhoods (`text_geometry`), depth first, as long as
every character can stand at its place in a number.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from deployments.container_number.found_text import FoundText
from deployments.container_number.iso6346 import LENGTH
from deployments.container_number.lookalike_tables import position_options
from deployments.container_number.text_geometry import (
    Piece,
    follows_below,
    follows_on_line,
    piece_of,
    reach_of,
    touches,
)

_NOT_ALPHANUMERIC = re.compile(r"[^A-Z0-9]+")
_MAX_CHANGES = 3
_TURNED = dict(zip("HINOSXZ018MW69", "HINOSXZ018WM96", strict=True))
"""Characters that look like one, turned upside down."""
_LONE_TURNED = {**_TURNED, "N": "Z", "C": "U"}
"""A lone character from a tall box may have been turned by a quarter before it was turned by a half."""
_SEEN_AS_CHINESE = str.maketrans({"回": "0", "〇": "0", "○": "0", "丨": "I", "丁": "T", "乙": "Z", "⊂": "U"})
"""What readers that know Chinese make of a number's characters: the first is a 0 in the check digit's frame, the last a
U that lay on its side."""
_STROKES = frozenset("一ー-—_|丨/\\!~")
"""A lone upright stroke, which detectors turn to lie down before it is read."""
_MAX_STEPS = 4_000
"""Pieces strung together in one picture. A page full of text takes a few hundred; this only bounds a contrived one."""


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A piece's letters and digits in upper case, and where its words begin and end among them."""

    piece: Piece
    characters: str
    starts: frozenset[int]
    ends: frozenset[int]

    @property
    def words(self) -> list[tuple[int, int]]:
        return list(zip(sorted(self.starts), sorted(self.ends), strict=True))


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` of a run."""

    run: Run
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.run.characters[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Candidate:
    """Ten or eleven characters that may be a number."""

    lines: tuple[tuple[Span, ...], ...]
    """Spans in reading order, line by line (column by column)."""
    distance: float
    """Sum of the spaces between its spans, in character sizes: the less, the likelier they belong together."""

    @property
    def spans(self) -> tuple[Span, ...]:
        return tuple(span for line in self.lines for span in line)

    @property
    def text(self) -> str:
        return " ".join(span.text for span in self.spans)

    @property
    def length(self) -> int:
        return sum(span.end - span.start for span in self.spans)


def runs_of(texts: Sequence[FoundText]) -> list[Run]:
    """`texts`, cleaned. One that was turned although most of the picture was not is turned back, if it can be."""
    upside_down = sum(len(text.text) * (1 if text.rotation else -1) for text in texts if len(text.text) > 1) > 0
    rotation = 180 if upside_down else 0
    return [run if run.piece.found.rotation == rotation else _turned_back(run, rotation) for run in map(_run, texts)]


def _turned_back(run: Run, rotation: int) -> Run:
    """`OSXZ` read upside down is `ZXSO`, and a lone 6 a 9: nothing in such letters tells which way up they stand."""
    if len(run.characters) == 1:
        text = _LONE_TURNED.get(run.characters, run.characters)
    elif all(character in _TURNED for character in run.characters):
        text = "".join(_TURNED[character] for character in reversed(run.characters))
    else:
        return run
    return _run(replace(run.piece.found, text=text, rotation=rotation))


def _run(found: FoundText) -> Run:
    # NFKC: full-width letters and digits, which readers of Chinese write, become plain ones.
    text = "I" if found.text.strip() in _STROKES else found.text
    plain = unicodedata.normalize("NFKC", text).translate(_SEEN_AS_CHINESE).upper()
    starts, ends, length = set(), set(), 0
    words = [word for word in _NOT_ALPHANUMERIC.split(plain) if word]
    for word in words:
        starts.add(length)
        length += len(word)
        ends.add(length)
    return Run(piece_of(replace(found, text=text)), "".join(words), frozenset(starts), frozenset(ends))


def candidates(runs: Sequence[Run]) -> list[Candidate]:
    """All of them; many overlap. Each begins where a word begins."""
    return list(_Search(runs).all())


class _Search:
    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = [run for run in runs if run.characters]
        self._neighbours: dict[Run, list[Run]] = {}
        self._steps = 0

    def all(self) -> Iterator[Candidate]:
        for run in self._runs:
            for start in sorted(run.starts):
                yield from self._extend(_Path(), run, run.piece, start, 0.0)
                if run.piece.single:
                    yield from self._extend(_Path(), run, run.piece.in_column(), start, 0.0)

    def _extend(self, path: _Path, run: Run, piece: Piece, start: int, space: float) -> Iterator[Candidate]:
        """Take what `run` gives from `start` on, then go on with its neighbours."""
        self._steps += 1
        end = min(len(run.characters), start + LENGTH - path.length)
        changes = path.changes
        for position, character in enumerate(run.characters[start:end], path.length):
            options = position_options(position, character)
            changes += not options.startswith(character)
            if not options or changes > _MAX_CHANGES:
                return
        path = path.with_span(Span(run, start, end), piece, changes, space)
        if path.length >= LENGTH - 1:
            yield Candidate(path.lines, path.distance)
        if path.length == LENGTH or self._steps > _MAX_STEPS:
            return
        for other in self._near(path):
            following = other.piece.in_column() if piece.column and other.piece.single else other.piece
            gap = follows_on_line(piece, following)
            if gap is not None:
                yield from self._extend(path, other, following, 0, gap)
                continue
            gap = follows_below(path.line, following)
            if gap is not None:
                yield from self._extend(path.on_new_line(), other, following, 0, gap)

    def _near(self, path: _Path) -> list[Run]:
        """Runs near any piece of the path's last line, in the order of the picture's texts."""
        near: dict[Run, None] = {}
        for span in path.lines[-1]:
            if span.run not in self._neighbours:
                reach = reach_of(span.run.piece)
                self._neighbours[span.run] = [run for run in self._runs if touches(run.piece, reach)]
            near.update(dict.fromkeys(self._neighbours[span.run]))
        return [run for run in near if run not in path.runs]


@dataclass(frozen=True, slots=True)
class _Path:
    """What the search has strung together so far."""

    lines: tuple[tuple[Span, ...], ...] = ((),)
    line: tuple[Piece, ...] = ()
    """Pieces of the last line, in the direction they are read in here."""
    runs: frozenset[Run] = frozenset()
    length: int = 0
    changes: int = 0
    distance: float = 0.0

    def with_span(self, span: Span, piece: Piece, changes: int, space: float) -> _Path:
        *before, last = self.lines
        return _Path(
            (*before, (*last, span)),
            (*self.line, piece),
            self.runs | {span.run},
            self.length + span.end - span.start,
            changes,
            self.distance + space,
        )

    def on_new_line(self) -> _Path:
        return replace(self, lines=(*self.lines, ()), line=())
