"""From a reader's text to a container number: look-alike characters put right, and said so.

Two sources of knowledge, of very different strength:

* position: the first four characters are letters, the other seven digits, so an O among digits is a 0. Such a change
  leaves the check digit free to confirm the result;
* check digit: with the form right and the digit wrong, some look-alike of the same class (3 for 8) may make it fit.
  That spends the check digit, which passes 1 wrong number in 11, so the result always needs review.

The check digit is blind to some look-alikes of the owner code (M and W, J and T, ...: `blind_twins`). Such a number is
given as an alternative, and where the reader doubts that very character the reading needs review.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from deployments.container_number.iso6346 import LENGTH, check_digit, complete, is_valid, parse
from deployments.container_number.lookalike_candidates import by_blind_twin, by_check_digit, by_position
from deployments.container_number.lookalike_tables import position_options
from deployments.container_number.types import CharacterChange, ContainerNumber, Reading
from deployments.serving.errors import InvalidInput

REVIEW_BELOW = 0.8
"""Confidence under which a reading needs review even where everything fits."""
TWIN_BELOW = 0.95
"""Confidence in a character under which a blind twin of it needs review."""
_MAX_POSITION_CHANGES = 3
_MAX_ALTERNATIVES = 5
# How much of the reader's confidence is left after one change.
_KEPT_BY_POSITION, _KEPT_BY_CHECK_DIGIT = 0.95, 0.6
_INVALID_CONFIDENCE = 0.3
_NOT_ALPHANUMERIC = re.compile(r"[^A-Z0-9]+")


def read_number(
    text: str,
    confidence: float = 1.0,
    character_confidences: Sequence[float] | None = None,
    review_below: float = REVIEW_BELOW,
) -> Reading:
    """The container number in a reader's text.

    The text may hold more than the number (`MSKU 123456 7 22G1`); of several the best fitting one is taken.

    Args:
        text: as read, any case and spacing.
        confidence: the reader's, 0..1.
        character_confidences: one per letter or digit of `text`, 0..1; where the check digit is wrong they say
            which character to doubt first. Ignored where the count does not fit.
        review_below: confidence under which a reading needs review.
    """
    cleaned, word_starts = _without_separators(text)
    formed: list[tuple[str, tuple[str, tuple[CharacterChange, ...]]]] = []
    for start in range(len(cleaned) - LENGTH + 1):
        window = cleaned[start : start + LENGTH]
        placed = _placed(window)
        # Within a longer text a number that needs changes must at least begin with a word, or any text has one.
        if placed is not None and (not placed[1] or start in word_starts):
            formed.append((window, placed))
    if not formed:
        return _unformed(text, cleaned, confidence)
    exact = {window for window, _ in formed if is_valid(window)}
    window, placed = min(formed, key=lambda item: _rank(item[0], item[1]))
    doubts = list(character_confidences or ())
    doubts = doubts if len(doubts) == LENGTH == len(cleaned) else [1.0] * LENGTH
    reading = _confirmed(text, window, placed, confidence, doubts)
    reasons = list(reading.review_reasons)
    if len(exact) > 1:
        reasons.append("The text holds more than one valid container number.")
    if reading.changes and len(cleaned) > LENGTH:
        reasons.append("The text is longer than a number, and characters had to be changed to find one in it.")
    if reading.confidence < review_below and not reasons:
        reasons.append(f"Confidence {reading.confidence:.2f} is under {review_below:.2f}.")
    others = tuple(sorted(exact - {window})) + reading.alternatives
    return replace(
        reading,
        alternatives=others[:_MAX_ALTERNATIVES],
        needs_review=bool(reasons),
        review_reasons=tuple(reasons),
    )


def _without_separators(text: str) -> tuple[str, set[int]]:
    """Letters and digits of `text` in upper case, and where its words begin among them."""
    words = [word for word in _NOT_ALPHANUMERIC.split(text.upper()) if word]
    starts, length = set(), 0
    for word in words:
        starts.add(length)
        length += len(word)
    return "".join(words), starts


def _placed(window: str) -> tuple[str, tuple[CharacterChange, ...]] | None:
    """`window` with every character in its class by the likeliest look-alike, or None where one has none."""
    characters: list[str] = []
    changes: list[CharacterChange] = []
    for position, character in enumerate(window):
        options = position_options(position, character)
        if not options:
            return None
        characters.append(options[0])
        if options[0] != character:
            changes.append(CharacterChange(position, character, options[0], "position"))
    if len(changes) > _MAX_POSITION_CHANGES:
        return None
    return "".join(characters), tuple(changes)


def _rank(window: str, placed: tuple[str, tuple[CharacterChange, ...]]) -> tuple[bool, int]:
    number, changes = placed
    return not is_valid(number), len(changes)


def _confirmed(
    text: str,
    window: str,
    placed: tuple[str, tuple[CharacterChange, ...]],
    confidence: float,
    doubts: Sequence[float],
) -> Reading:
    """The reading of one window, after the check digit was asked."""
    number, changes = placed
    if is_valid(number):
        kept = confidence * _KEPT_BY_POSITION ** len(changes)
        # A digit where a letter must stand may be one of several letters (0: O, D, Q). The check digit confirms the
        # likeliest; another that fits as well makes it a guess.
        rivals = tuple(rival for rival in by_position(window) if rival != number)
        twins = by_blind_twin(number)
        reasons = ["Another letter in the same place fits the check digit as well."] if rivals else []
        for position, twin in twins:
            if doubts[position] < TWIN_BELOW:
                reasons.append(f"{number[position]} may be {twin[position]}, which the check digit cannot tell apart.")
        alternatives = (*rivals, *(twin for _, twin in twins))
        return Reading(text, parse(number), changes, alternatives, kept, bool(reasons), tuple(reasons))
    candidates = (*by_position(window), *by_check_digit(number, doubts))
    wrong = f"Check digit {number[-1]} is wrong, {number[:10]} has {check_digit(number[:10])}."
    if not candidates:
        lowered = min(confidence, _INVALID_CONFIDENCE)
        return Reading(text, parse(number), changes, (), lowered, needs_review=True, review_reasons=(wrong,))
    best, *rest = candidates
    changed = tuple(
        CharacterChange(position, read, put, "position" if position_class_differs(position, read) else "check_digit")
        for position, (read, put) in enumerate(zip(window, best, strict=True))
        if read != put
    )
    kept = confidence * _KEPT_BY_CHECK_DIGIT * _KEPT_BY_POSITION ** (len(changed) - 1)
    guess = f"{wrong} {best} is one of {len(candidates)} look-alike reading(s) that fit."
    return Reading(text, parse(best), changed, tuple(rest), kept, needs_review=True, review_reasons=(guess,))


def position_class_differs(position: int, character: str) -> bool:
    """Whether `character` cannot stand at `position` at all: a digit among letters, or the reverse."""
    return character not in position_options(position, character)


def _unformed(text: str, cleaned: str, confidence: float) -> Reading:
    """A text without a number: ten good characters still name the one number that can be meant."""
    alternatives: tuple[str, ...] = ()
    reason = "No eleven characters of the text can be a container number."
    if len(cleaned) == LENGTH - 1:
        placed = "".join((position_options(i, character) or character)[0] for i, character in enumerate(cleaned))
        try:
            missing: ContainerNumber | None = complete(placed)
        except InvalidInput:
            missing = None
        if missing is not None:
            alternatives = (missing.number,)
            reason = f"The check digit was not read; for {placed} it would be {missing.check_digit}."
    lowered = min(confidence, _INVALID_CONFIDENCE)
    return Reading(text, None, (), alternatives, lowered, needs_review=True, review_reasons=(reason,))
