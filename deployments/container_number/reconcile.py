"""Two readers on the same place: what to believe."""

from __future__ import annotations

from dataclasses import replace
from difflib import SequenceMatcher

from deployments.container_number.iso6346 import LENGTH, compact
from deployments.container_number.lookalikes import REVIEW_BELOW
from deployments.container_number.types import Reading

_AGAINST_A_REFUTED_ONE = 0.9
"""Confidence kept against a reading that its own check digit refutes: it tells that the place is hard to read, and no
more."""

_ALIKE = 0.7


def reconcile(located: Reading, crop: Reading) -> Reading:
    """The one reading that OCR's and Florence's of one place support.

    Agreement raises confidence. Of two that disagree, the one whose check digit fits as it was read wins (Florence-2's
    with a review, unless OCR read nearly the same); where both fit, or neither, the more confident one does, and it
    needs review.
    """
    ours, theirs = _number(located), _number(crop)
    if ours and ours == theirs:
        return _agreed(located, crop)
    fits, other_fits = confirmed(located), confirmed(crop)
    if fits and not other_fits:
        return _against_refuted(located, crop)
    if other_fits and not fits:
        reading = _against_refuted(crop, located)
        return reading if _bears_out(located.text, theirs) else _doubted(reading, located)
    if located.number is None and not _bears_out(located.text, theirs):  # OCR's ten characters stand
        return _doubted(located, crop)
    better, worse = (located, crop) if _weight(located) >= _weight(crop) else (crop, located)
    return _doubted(replace(better, confidence=better.confidence * (1 - worse.confidence / 2)), worse)


def alike(text: str, number: str) -> bool:
    """Whether a text can be a bad reading of `number`: seven tenths of their characters match, in order."""
    return SequenceMatcher(None, compact(text), number, autojunk=False).ratio() >= _ALIKE


def confirmed(reading: Reading) -> bool:
    """Whether the check digit fits without having been spent on a correction."""
    return reading.valid and all(change.reason == "position" for change in reading.changes)


def _agreed(located: Reading, crop: Reading) -> Reading:
    """Both say the same number: one that read it plainly confirms what the other had to correct."""
    plainer = min((located, crop), key=lambda reading: (not confirmed(reading), len(reading.changes)))
    confidence = 1 - (1 - located.confidence) * (1 - crop.confidence)
    reasons = plainer.review_reasons
    if confirmed(plainer):
        reasons = () if confidence >= REVIEW_BELOW else (_low(confidence),)
    return replace(plainer, confidence=confidence, needs_review=bool(reasons), review_reasons=reasons)


def _against_refuted(winner: Reading, loser: Reading) -> Reading:
    confidence = winner.confidence * _AGAINST_A_REFUTED_ONE
    reasons = winner.review_reasons
    if confidence < REVIEW_BELOW and not reasons:
        reasons = (f"The other reader saw {loser.text!r}. {_low(confidence)}",)
    return replace(winner, confidence=confidence, needs_review=bool(reasons), review_reasons=reasons)


def _doubted(better: Reading, worse: Reading) -> Reading:
    others = (number for number in (_number(worse), *worse.alternatives) if number and number != _number(better))
    return replace(
        better,
        needs_review=True,
        review_reasons=(*better.review_reasons, f"The other reader saw {worse.text!r}."),
        alternatives=tuple(dict.fromkeys((*better.alternatives, *others))),
    )


def _bears_out(text: str, number: str) -> bool:
    """Whether a text says the same as `number`, one character aside, each in its place (the check digit may be
    missing). A model that drops a character and invents another finds a valid number in 1 of 11 times."""
    characters = compact(text)
    wrong = sum(one != other for one, other in zip(characters, number, strict=False))
    return len(characters) in (LENGTH - 1, LENGTH) and wrong <= 1


def _low(confidence: float) -> str:
    return f"Confidence {confidence:.2f} is under {REVIEW_BELOW:.2f}."


def _number(reading: Reading) -> str:
    return reading.number.number if reading.number else ""


def _weight(reading: Reading) -> tuple[bool, float]:
    return reading.number is not None, reading.confidence
