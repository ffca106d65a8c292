"""Plain data of this service: a container number, its size/type code, a correction, a reading."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ContainerNumber:
    """The eleven characters of an ISO 6346 identification, cut into their fields.

    It may be invalid: `check_digit` is what was read, `expected_check_digit` what the first ten characters give.
    """

    owner_code: str
    """Three letters registered with the BIC, e.g. `CSQ`."""
    category: str
    """`U` freight container, `J` detachable equipment, `Z` trailer or chassis."""
    serial_number: str
    """Six digits."""
    check_digit: str
    """One digit, as read."""
    expected_check_digit: str
    """One digit, computed."""
    discouraged: bool
    """The remainder was 10, written 0: ISO 6346 advises owners against such serial numbers, because 0 then stands
    for two remainders. A reading of such a number is a little less certain."""

    @property
    def number(self) -> str:
        """Eleven characters without spaces, e.g. `CSQU3054383`."""
        return f"{self.owner_code}{self.category}{self.serial_number}{self.check_digit}"

    @property
    def formatted(self) -> str:
        """As painted on a container, e.g. `CSQU 305438 3`."""
        return f"{self.owner_code}{self.category} {self.serial_number} {self.check_digit}"

    @property
    def valid(self) -> bool:
        """Whether the check digit fits the other ten characters."""
        return self.check_digit == self.expected_check_digit


@dataclass(frozen=True, slots=True)
class SizeType:
    """A size/type code such as `45G1`, in words. A field the standard leaves free is None."""

    code: str
    length_mm: int | None
    length: str
    """In feet as the trade says it, e.g. `40 ft`; in metres where the standard has no feet."""
    height: str
    width: str
    type_group: str


@dataclass(frozen=True, slots=True)
class CharacterChange:
    """One character that was read as something else."""

    position: int
    """0..10 in the container number."""
    read: str
    corrected: str
    reason: str
    """`position` (a digit where only a letter may stand, or the reverse) or `check_digit`."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text reader saw, made into a container number as far as ISO 6346 allows.

    `number` is None where no eleven characters of the right form could be made of the text.
    """

    text: str
    """The text as the reader gave it."""
    number: ContainerNumber | None
    changes: tuple[CharacterChange, ...]
    alternatives: tuple[str, ...]
    """Other numbers with a valid check digit that the same text could be, best first."""
    confidence: float
    """0..1: the reader's own confidence, lowered for every changed character."""
    needs_review: bool
    """True unless the number is valid, unambiguous and confident. Never take such a reading as certain."""
    review_reasons: tuple[str, ...]
    """Why, one sentence each; empty exactly when `needs_review` is False."""

    @property
    def valid(self) -> bool:
        """Whether there is a number and its check digit fits."""
        return self.number is not None and self.number.valid
