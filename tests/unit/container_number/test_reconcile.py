"""What two readers of one place make together."""

from __future__ import annotations

from deployments.container_number.iso6346 import complete
from deployments.container_number.lookalikes import read_number
from deployments.container_number.reconcile import alike, reconcile
from deployments.container_number.types import Reading

RIGHT = "CSQU3054383"
OTHER = complete("CSQU365438").number


def number(reading: Reading) -> str | None:
    return reading.number.number if reading.number else None


def test_agreement_raises_confidence() -> None:
    agreed = reconcile(read_number(RIGHT, 0.9), read_number(RIGHT, 0.7))
    assert number(agreed) == RIGHT
    assert agreed.confidence > 0.96
    assert not agreed.needs_review


def test_agreement_settles_a_doubt() -> None:
    guess = read_number("CSQU3054393", 0.9)
    assert guess.needs_review
    assert number(guess) == RIGHT
    agreed = reconcile(guess, read_number(RIGHT, 0.9))
    assert (number(agreed), agreed.needs_review, agreed.changes) == (RIGHT, False, ())


def test_agreement_on_an_invalid_number_stays_doubtful() -> None:
    wrong = read_number("AAAU0000001", 0.9)
    assert reconcile(wrong, wrong).needs_review


def test_fitting_check_digit_wins_over_one_that_does_not_fit() -> None:
    kept = reconcile(read_number(RIGHT, 0.99), read_number("CSQU3543831", 0.99))
    assert (number(kept), kept.needs_review) == (RIGHT, False)
    assert kept.confidence < 0.99


def test_second_reader_wins_with_review_unless_the_first_saw_nearly_the_same() -> None:
    near = reconcile(read_number("CSQU3O54393", 0.95), read_number(RIGHT, 0.95))
    assert number(near) == RIGHT
    far = reconcile(read_number("CSQU894925", 0.95), read_number("CSQU8994923", 0.95))
    assert far.needs_review


def test_missing_check_digit_is_supplied_by_the_second_reader() -> None:
    supplied = reconcile(read_number("CSQU 305438", 0.99), read_number(RIGHT, 0.95))
    assert (number(supplied), supplied.needs_review) == (RIGHT, False)


def test_ten_characters_stand_against_a_guess() -> None:
    kept = reconcile(read_number("CSQU 305438", 0.99), read_number("CSQU3543831", 0.95))
    assert kept.number is None
    assert kept.needs_review


def test_two_valid_numbers_need_review_and_name_each_other() -> None:
    kept = reconcile(read_number(RIGHT, 0.99), read_number(OTHER, 0.9))
    assert number(kept) == RIGHT
    assert kept.needs_review
    assert OTHER in kept.alternatives
    assert number(reconcile(read_number(RIGHT, 0.9), read_number(OTHER, 0.99))) == OTHER


def test_alike() -> None:
    assert alike("CS0U3@5438 3", RIGHT)
    assert not alike("NET 28250 KG", "NETZ2226146")
