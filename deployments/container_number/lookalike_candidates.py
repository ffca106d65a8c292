"""Other container numbers that a text could mean: one look-alike away, and with a check digit that fits."""

from __future__ import annotations

from collections.abc import Sequence

from deployments.container_number.iso6346 import is_valid
from deployments.container_number.lookalike_tables import blind_twins, position_options, same_class_options


def by_position(window: str) -> tuple[str, ...]:
    """Every valid number that takes some allowed look-alike where a character is in the wrong class."""
    numbers = [""]
    for position, character in enumerate(window):
        numbers = [number + option for number in numbers for option in position_options(position, character)]
    return tuple(number for number in numbers if is_valid(number))


def by_blind_twin(number: str) -> list[tuple[int, str]]:
    """(position, number) of every number that differs in one look-alike which the check digit does not see."""
    return [
        (position, number[:position] + twin + number[position + 1 :])
        for position, character in enumerate(number)
        for twin in blind_twins(position, character)
    ]


def by_check_digit(number: str, doubts: Sequence[float]) -> tuple[str, ...]:
    """Valid numbers one same-class look-alike away, the least confident character first."""
    found: list[tuple[float, str]] = []
    for position, character in enumerate(number):
        for rank, option in enumerate(same_class_options(position, character)):
            candidate = number[:position] + option + number[position + 1 :]
            if is_valid(candidate):
                found.append((doubts[position] + 0.01 * rank, candidate))
    return tuple(candidate for _, candidate in sorted(found))
