"""Container numbers after ISO 6346: parse, format, check digit.

A number is three owner letters, a category letter (U, J or Z), six serial digits and a check digit. Values and
weights of the check digit: the standard's annex on it, as published by the Bureau International des Containers
(https://www.bic-code.org/check-digit-calculator/): letters count from 10 upward leaving out multiples of 11, the
character at position i weighs 2**i, the sum is taken modulo 11, and a remainder of 10 is written 0.

Look-alike characters (O for 0) are the subject of `lookalikes.py`, size/type codes of `size_types.py`: this module
takes a number's text as it stands.
"""

from __future__ import annotations

import re
from itertools import islice

from deployments.container_number.types import ContainerNumber
from deployments.serving.errors import InvalidInput

CATEGORIES: dict[str, str] = {
    "U": "freight container",
    "J": "detachable freight container-related equipment",
    "Z": "trailer or chassis",
}
LENGTH = 11
"""Characters of a container number."""

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LETTER_VALUES = dict(zip(_LETTERS, islice((v for v in range(10, 40) if v % 11), 26), strict=True))
VALUES: dict[str, int] = {**{digit: int(digit) for digit in "0123456789"}, **_LETTER_VALUES}
"""Value of each character in the check digit's sum: A=10, B=12, ..., K=21, L=23, ..., U=32, V=34, ..., Z=38."""

_FIRST_TEN = re.compile(r"[A-Z]{3}[UJZ][0-9]{6}")
_NUMBER = re.compile(r"([A-Z]{3})([UJZ])([0-9]{6})([0-9])")
_SEPARATORS = re.compile(r"[\s\-_.·/|\[\]()]+")


def compact(text: str) -> str:
    """Upper case without spaces, dashes and the box that is often painted around the check digit."""
    return _SEPARATORS.sub("", text).upper()


def remainder(first_ten: str) -> int:
    """Weighted sum of the first ten characters modulo 11, 0..10.

    Raises:
        InvalidInput: not four letters (the last U, J or Z) and six digits.
    """
    if not _FIRST_TEN.fullmatch(first_ten):
        raise InvalidInput(
            f"{first_ten!r} is not the start of a container number: give 3 owner letters, a category letter "
            "(U, J or Z) and 6 digits, e.g. CSQU305438.",
            value=first_ten,
        )
    return sum(VALUES[character] << position for position, character in enumerate(first_ten)) % 11


def check_digit(first_ten: str) -> str:
    """The check digit, `0`..`9`, of ten characters such as `CSQU305438` (-> `3`).

    Raises:
        InvalidInput: as `remainder`.
    """
    return str(remainder(first_ten) % 10)


def parse(text: str) -> ContainerNumber:
    """Cut a container number into its fields; spaces, dashes and lower case are accepted.

    A wrong check digit is no error here: compare `check_digit` with `expected_check_digit`, or ask `.valid`.

    Raises:
        InvalidInput: the text does not have the form of a container number; the message says where it departs.
    """
    cleaned = compact(text)
    match = _NUMBER.fullmatch(cleaned)
    if match is None:
        raise InvalidInput(f"{text!r} is not a container number: {_departure(cleaned)}.", value=text)
    rest = remainder(cleaned[:10])
    owner_code, category, serial_number, digit = match.groups()
    return ContainerNumber(owner_code, category, serial_number, digit, str(rest % 10), discouraged=rest == 10)


def is_valid(text: str) -> bool:
    """Whether `text` has the form of a container number and its check digit fits."""
    cleaned = compact(text)
    return _NUMBER.fullmatch(cleaned) is not None and check_digit(cleaned[:10]) == cleaned[10]


def complete(first_ten: str) -> ContainerNumber:
    """The number that begins with these ten characters, its check digit computed.

    Raises:
        InvalidInput: as `remainder`.
    """
    cleaned = compact(first_ten)
    return parse(cleaned + check_digit(cleaned))


def _departure(cleaned: str) -> str:
    """The first thing that keeps `cleaned` from being a container number, in words."""
    if len(cleaned) != LENGTH:
        return f"it has {len(cleaned)} letters and digits, a container number has {LENGTH}"
    for position, character in enumerate(cleaned):
        if position < 3 and character not in _LETTERS:
            return f"character {position + 1} is {character!r}, the owner code is three letters A-Z"
        if position == 3 and character not in CATEGORIES:
            return f"character 4 is {character!r}, the category is U, J or Z"
        if position > 3 and character not in "0123456789":
            return f"character {position + 1} is {character!r}, the last seven characters are digits"
    raise AssertionError(cleaned)
