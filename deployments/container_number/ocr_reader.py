"""Container numbers among the texts that OCR found in a picture.

Plain data in, plain data out. A number is certain only if its check digit was read and fits; see `lookalikes` for what
is corrected, and `_worth_reporting` for what is taken for a number at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from deployments.container_number.found_text import FoundText, Point, Quad
from deployments.container_number.iso6346 import CATEGORIES, LENGTH
from deployments.container_number.lookalikes import read_number
from deployments.container_number.number_search import Candidate, Run, Span, candidates, runs_of
from deployments.container_number.size_codes import is_code, nearest_codes
from deployments.container_number.text_geometry import joined, lengthened, part_of, piece_of
from deployments.container_number.types import Reading

_PASSED_BY_CHANCE = 1 / 11
"""Share of wrong numbers whose check digit fits all the same."""
_FITTING, _CORRECTED, _UNCONFIRMED, _WITHOUT_CHECK_DIGIT = range(4)
_LEAST_LENGTH, _MOST_LENGTH, _LEAST_DIGITS = 9, 15, 5
"""Characters of a text that may be a badly read number."""
_ROOM_FOR_CHECK_DIGIT = 2.0
"""Character sizes beyond ten characters in which the check digit, often in a frame, must stand."""
_AMBIGUOUS_WITHIN = 1.0
"""Another number from the same characters is a rival unless it lies this many character sizes wider apart."""


@dataclass(frozen=True, slots=True)
class LocatedNumber:
    """A number and where it stands."""

    reading: Reading
    page: int
    box: Quad
    """Around all of it; clockwise from the top left."""
    lines: tuple[Quad, ...]
    """Its lines or columns in reading order: what a reader of crops is given. Where the check digit was not read, the
    last one goes on to where it must stand."""
    size_type: str | None = None
    """Code that stands near it, e.g. `22G1`."""


def find_numbers(texts: Sequence[FoundText]) -> list[LocatedNumber]:
    """Every container number, best first: on one line, on several, in columns, several containers in one picture.

    A number that stands twice in the picture is found twice. Ten characters without a check digit are reported with
    `reading.number` None and the completed number among `reading.alternatives`.
    """
    runs = runs_of(texts)
    judged = [_Judged.of(candidate) for candidate in candidates(runs)]
    worthy = sorted((one for one in judged if one.worth_reporting), key=lambda one: one.order)
    chosen: list[_Judged] = []
    for one in worthy:
        rival = next((other for other in chosen if _overlap(one.candidate, other.candidate)), None)
        if rival is None:
            chosen.append(one)
        elif rival.contested_by(one):
            chosen[chosen.index(rival)] = rival.doubted(one)
    numbers = [_located(one) for one in chosen]
    codes = nearest_codes(_free_words(runs, chosen), [(number.page, number.box) for number in numbers])
    return [replace(number, size_type=code) for number, code in zip(numbers, codes, strict=True)]


@dataclass(frozen=True, slots=True)
class _Judged:
    candidate: Candidate
    reading: Reading
    kind: int
    clean_end: bool
    """It ends where a word ends, or what follows in the word is a size/type code."""

    @classmethod
    def of(cls, candidate: Candidate) -> _Judged:
        confidences = [span.run.piece.found.confidence for span in candidate.spans for _ in span.text]
        weakest = min(confidences)
        reading = read_number(candidate.text, weakest, confidences)
        kind = _kind(reading, candidate)
        if kind in (_FITTING, _CORRECTED):
            reading = read_number(candidate.text, _after_check_digit(weakest), confidences)
        last = candidate.spans[-1]
        clean_end = last.end in last.run.ends or is_code(Span(last.run, last.end, _word_end(last)).text)
        if not clean_end:
            reason = f"More letters or digits follow it without a space: {last.run.characters[last.start :]}."
            reading = _with_reason(reading, reason)
        return cls(candidate, reading, kind, clean_end)

    @property
    def order(self) -> tuple[int, bool, int, int, float]:
        """Better ones first."""
        changes, lines = len(self.reading.changes), len(self.candidate.lines)
        return self.kind, not self.clean_end, changes, lines, self.candidate.distance

    @property
    def worth_reporting(self) -> bool:
        """Whether it is taken for a container number, certain or not.

        Any four letters and seven digits look like one, so without a check digit that fits, the category letter must
        have been read as such, and at most one other character may have needed a change to its class.
        """
        if self.kind == _FITTING:
            return True
        if self.kind == _CORRECTED:
            return self.clean_end
        letters_read = "".join(span.text for span in self.candidate.spans)
        moved = sum(change.reason == "position" for change in self.reading.changes)
        most = 1 if self.kind == _UNCONFIRMED else 0
        return self.clean_end and letters_read[3] in CATEGORIES and moved <= most

    def contested_by(self, other: _Judged) -> bool:
        """Whether `other`, made of some of the same characters, is as likely the number that stands there."""
        return (
            self.kind == other.kind <= _CORRECTED
            and self.clean_end == other.clean_end
            and _number(other.reading) not in (_number(self.reading), *self.reading.alternatives)
            and other.candidate.distance <= self.candidate.distance + _AMBIGUOUS_WITHIN
        )

    def doubted(self, other: _Judged) -> _Judged:
        rival = _number(other.reading)
        reading = _with_reason(self.reading, f"{rival} can be made of neighbouring texts as well.")
        return replace(self, reading=replace(reading, alternatives=(*reading.alternatives, rival)))


def _kind(reading: Reading, candidate: Candidate) -> int:
    if candidate.length < LENGTH or reading.number is None:
        return _WITHOUT_CHECK_DIGIT
    if not reading.valid or any(change.reason == "check_digit" for change in reading.changes):
        return _UNCONFIRMED
    return _CORRECTED if reading.changes else _FITTING


def _after_check_digit(confidence: float) -> float:
    """Bayes: how sure a number is that was read with `confidence` (of its weakest piece), now that its check digit
    fits. A wrong one would have passed with 1 in 11."""
    return confidence / (confidence + (1 - confidence) * _PASSED_BY_CHANCE) if confidence else 0.0


def _located(one: _Judged) -> LocatedNumber:
    lines = tuple(joined([_quad(span) for span in line], line[0].run.piece.along) for line in one.candidate.lines)
    if one.kind == _WITHOUT_CHECK_DIGIT:
        last = one.candidate.lines[-1][0].run.piece
        lines = (*lines[:-1], lengthened(lines[-1], last.along, _ROOM_FOR_CHECK_DIGIT * last.size))
    first = one.candidate.spans[0].run.piece
    return LocatedNumber(one.reading, first.found.page, joined(lines, first.along), lines)


def _quad(span: Span) -> Quad:
    length = len(span.run.characters)
    return part_of(span.run.piece, span.start / length, span.end / length)


def _word_end(span: Span) -> int:
    return min((end for end in span.run.ends if end > span.end), default=span.end)


def _overlap(one: Candidate, other: Candidate) -> bool:
    return any(a.run is b.run and a.start < b.end and b.start < a.end for a in one.spans for b in other.spans)


def _free_words(runs: Sequence[Run], chosen: Sequence[_Judged]) -> list[Span]:
    """Words, and rests of words, that no number uses."""
    free = []
    for run in runs:
        taken = [span for one in chosen for span in one.candidate.spans if span.run is run]
        for start, end in run.words:
            start = max((span.end for span in taken if start < span.end), default=start)
            if start < end and not any(span.start < end and start < span.end for span in taken):
                free.append(Span(run, start, end))
    return free


def _number(reading: Reading) -> str:
    return reading.number.number if reading.number else ""


def _with_reason(reading: Reading, reason: str) -> Reading:
    return replace(reading, needs_review=True, review_reasons=(*reading.review_reasons, reason))


def unread_lines(texts: Sequence[FoundText], numbers: Sequence[LocatedNumber]) -> list[FoundText]:
    """Texts that may be a number that was read badly: about as many letters and digits, both kinds among them, and no
    part of a number that was found. Longest first."""
    boxes = [(number.page, line) for number in numbers for line in number.lines]
    unread = []
    for text in texts:
        characters = [character for character in text.text.upper() if character.isascii() and character.isalnum()]
        digits = sum(character.isdigit() for character in characters)
        if _LEAST_LENGTH <= len(characters) <= _MOST_LENGTH and digits >= _LEAST_DIGITS < len(characters):
            middle = piece_of(text).middle
            if not any(page == text.page and _inside(middle, box) for page, box in boxes):
                unread.append(text)
    return sorted(unread, key=lambda text: -len(text.text))


def _inside(point: Point, box: Quad) -> bool:
    xs, ys = [x for x, _ in box], [y for _, y in box]
    return min(xs) <= point[0] <= max(xs) and min(ys) <= point[1] <= max(ys)
