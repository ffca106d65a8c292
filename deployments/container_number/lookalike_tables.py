"""Which characters look alike on a weathered container, likeliest first.

The pairs are those that readers of painted capitals confuse: same outline (0 O D Q), same skeleton (1 I L, 2 Z, 5 S),
or one stroke more or less (6 8 B, E F, C G). The report's character confusion shows a model's own.
"""

from __future__ import annotations

from deployments.container_number.iso6346 import VALUES

LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
DIGITS = frozenset("0123456789")
CATEGORY_LETTERS = frozenset("UJZ")
CATEGORY_POSITION = 3

# A digit read where a letter must stand.
_LETTER_FOR_DIGIT: dict[str, str] = {
    "0": "ODQ",
    "1": "IL",
    "2": "Z",
    "3": "B",
    "4": "A",
    "5": "S",
    "6": "G",
    "7": "T",
    "8": "B",
}
# A letter read where a digit must stand.
_DIGIT_FOR_LETTER: dict[str, str] = {
    "O": "0",
    "D": "0",
    "Q": "0",
    "U": "0",
    "C": "0",
    "I": "1",
    "L": "1",
    "J": "1",
    "Z": "2",
    "E": "3",
    "A": "4",
    "S": "5",
    "G": "6",
    "T": "7",
    "Y": "7",
    "B": "8",
    "P": "9",
}
# What stands at the category's place when U, J or Z was meant.
_CATEGORY_FOR: dict[str, str] = {
    "V": "U",
    "O": "U",
    "0": "U",
    "D": "U",
    "Q": "U",
    "W": "U",
    "H": "U",
    "L": "U",
    "I": "J",
    "1": "J",
    "3": "J",
    "2": "Z",
    "7": "Z",
}
_SAME_CLASS: dict[str, str] = {
    "0": "869",
    "1": "74",
    "2": "73",
    "3": "8592",
    "4": "19",
    "5": "683",
    "6": "850",
    "7": "12",
    "8": "3609",
    "9": "083",
    "A": "RH",
    "B": "RPED",
    "C": "GOQ",
    "D": "OB",
    "E": "FB",
    "F": "EP",
    "G": "CQO",
    "H": "NMKR",
    "I": "LTJ",
    "J": "IUT",
    "K": "XHR",
    "L": "IE",
    "M": "NHW",
    "N": "MHW",
    "O": "DQCG",
    "P": "RFB",
    "Q": "OG",
    "R": "PBKH",
    "S": "BG",
    "T": "IYFJ",
    "U": "VOJ",
    "V": "UYW",
    "W": "VMN",
    "X": "KY",
    "Y": "VTX",
    "Z": "",
}


def position_options(position: int, character: str) -> str:
    """What may stand at `position` (0..10) for the `character` that was read, likeliest first.

    The character itself, alone, where it is of the right class; an empty string where nothing looks like it.
    """
    if position == CATEGORY_POSITION:
        return character if character in CATEGORY_LETTERS else _CATEGORY_FOR.get(character, "")
    if position < CATEGORY_POSITION:
        return character if character in LETTERS else _LETTER_FOR_DIGIT.get(character, "")
    return character if character in DIGITS else _DIGIT_FOR_LETTER.get(character, "")


def blind_twins(position: int, character: str) -> str:
    """Look-alikes that the check digit cannot tell from `character`: their values differ by a multiple of 11, as M's
    (24) and W's (35) do. Of the look-alikes these are M and W, F and P, G and Q, H and R, J and T, all of them in the
    owner code only: U, J and Z, and the ten digits, all differ modulo 11.
    """
    options = same_class_options(position, character)
    return "".join(option for option in options if VALUES[option] % 11 == VALUES[character] % 11)


def same_class_options(position: int, character: str) -> str:
    """Look-alikes of the same class: letters for a letter, digits for a digit, U, J or Z at the category's place."""
    options = _SAME_CLASS[character]
    if position == CATEGORY_POSITION:
        return "".join(option for option in "UJZ" if option != character and option in options)
    return options
