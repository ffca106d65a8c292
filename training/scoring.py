"""How well texts were read: exact match, character error rate, valid check digits, confused characters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from deployments.container_number.iso6346 import compact, is_valid

MISSING = "∅"
"""Stands for no character in a confusion: a character left out, or one read where there is none."""


@dataclass(frozen=True, slots=True)
class Scores:
    count: int
    exact_match: float
    """Share of texts without any error."""
    character_error_rate: float
    """Edit distance (Levenshtein 1966) over the number of true characters; can pass 1 where much is read that is not
    there."""
    valid_check_digits: float
    """Share of texts that are valid container numbers, right or wrong."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def normalise(text: str) -> str:
    """Upper case without spaces and dashes: readers differ in spacing, and spacing is no error."""
    return compact(text)


def score(read: Sequence[str], wanted: Sequence[str]) -> Scores:
    """Scores of `read` against the true texts `wanted`, in the same order.

    Raises:
        ValueError: they are not equally many, or there are none.
    """
    if not wanted or len(read) != len(wanted):
        raise ValueError(f"{len(read)} readings for {len(wanted)} texts")
    pairs = [(normalise(text), normalise(truth)) for text, truth in zip(read, wanted, strict=True)]
    exact = sum(text == truth for text, truth in pairs)
    errors = sum(edit_distance(text, truth) for text, truth in pairs)
    characters = sum(len(truth) for _, truth in pairs)
    valid = sum(is_valid(text) for text, _ in pairs)
    return Scores(len(pairs), exact / len(pairs), errors / max(1, characters), valid / len(pairs))


def edit_distance(text: str, truth: str) -> int:
    """Fewest insertions, deletions and substitutions that make one of the other."""
    return _table(text, truth)[-1][-1]


def confusions(read: Sequence[str], wanted: Sequence[str]) -> Counter[tuple[str, str]]:
    """(true character, character read) of every aligned pair, right ones included; `MISSING` for none."""
    counted: Counter[tuple[str, str]] = Counter()
    for text, truth in zip(read, wanted, strict=True):
        counted.update(aligned(normalise(text), normalise(truth)))
    return counted


def aligned(text: str, truth: str) -> list[tuple[str, str]]:
    """(true, read) pairs of a cheapest alignment, from the left."""
    table = _table(text, truth)
    pairs: list[tuple[str, str]] = []
    row, column = len(text), len(truth)
    while row or column:
        here = table[row][column]
        if row and column and here == table[row - 1][column - 1] + (text[row - 1] != truth[column - 1]):
            pairs.append((truth[column - 1], text[row - 1]))
            row, column = row - 1, column - 1
        elif column and here == table[row][column - 1] + 1:
            pairs.append((truth[column - 1], MISSING))
            column -= 1
        else:
            pairs.append((MISSING, text[row - 1]))
            row -= 1
    return pairs[::-1]


def _table(text: str, truth: str) -> list[list[int]]:
    """Edit distances of all prefixes."""
    table = [list(range(len(truth) + 1))]
    for row, character in enumerate(text, 1):
        above = table[-1]
        line = [row]
        for column, wanted in enumerate(truth, 1):
            line.append(min(above[column] + 1, line[-1] + 1, above[column - 1] + (character != wanted)))
        table.append(line)
    return table
