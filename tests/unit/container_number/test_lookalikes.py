from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.container_number import iso6346
from deployments.container_number.lookalike_tables import blind_twins
from deployments.container_number.lookalikes import read_number
from tests.unit.container_number.test_iso6346 import first_tens


def test_a_clean_reading_is_certain_and_unchanged() -> None:
    reading = read_number("CSQU 305438 3", 0.97)
    assert reading.number is not None
    assert reading.number.number == "CSQU3054383"
    assert (reading.valid, reading.needs_review, reading.changes, reading.confidence) == (True, False, (), 0.97)


def test_letter_among_digits_is_put_right_and_reported() -> None:
    reading = read_number("CSQU3O54383")
    assert reading.number is not None
    assert reading.number.number == "CSQU3054383"
    change = reading.changes[0]
    assert (change.position, change.read, change.corrected, change.reason) == (5, "O", "0", "position")
    assert not reading.needs_review
    assert reading.confidence < 1


def test_digits_among_letters_are_put_right() -> None:
    reading = read_number("M5KU1Z34565")
    assert reading.number is not None
    assert reading.number.number == "MSKU1234565"
    assert {(c.read, c.corrected) for c in reading.changes} == {("5", "S"), ("Z", "2")}


def test_category_letter_is_put_right() -> None:
    reading = read_number("CSQV3054383")
    assert reading.number is not None
    assert reading.number.number == "CSQU3054383"
    assert not reading.needs_review


def test_wrong_check_digit_yields_a_guess_that_needs_review() -> None:
    reading = read_number("CSQU3054393", 0.99)
    assert reading.needs_review
    assert reading.review_reasons
    assert reading.number is not None
    assert reading.number.valid
    assert "CSQU3054383" in (reading.number.number, *reading.alternatives)
    assert reading.changes[0].reason == "check_digit"


def test_least_confident_character_is_doubted_first() -> None:
    doubts = [0.99] * 11
    doubts[9] = 0.4
    reading = read_number("CSQU3054393", 0.9, doubts)
    assert reading.number is not None
    assert reading.number.number == "CSQU3054383"
    assert reading.changes[0].position == 9


def test_low_confidence_needs_review_even_where_all_fits() -> None:
    reading = read_number("CSQU3054383", 0.5)
    assert reading.valid
    assert reading.needs_review
    assert "0.50" in reading.review_reasons[0]


def test_letters_that_the_check_digit_cannot_tell_apart_are_named() -> None:
    sure = read_number("MSKU1234565", 0.97, [0.99] * 11)
    assert not sure.needs_review
    assert "WSKU1234565" in sure.alternatives
    doubtful = read_number("MSKU1234565", 0.85, [0.88] + [0.99] * 10)
    assert doubtful.needs_review
    assert doubtful.number is not None
    assert doubtful.number.number == "MSKU1234565"
    assert "M may be W" in doubtful.review_reasons[0]


@pytest.mark.parametrize(("one", "other"), [("M", "W"), ("F", "P"), ("G", "Q"), ("H", "R"), ("J", "T")])
def test_blind_twins_are_those_of_the_standard(one: str, other: str) -> None:
    assert blind_twins(0, one) == other
    assert blind_twins(0, other) == one
    assert iso6346.check_digit(f"{one}SKU123456") == iso6346.check_digit(f"{other}SKU123456")
    assert not any(blind_twins(position, digit) for position in range(4, 11) for digit in "0123456789")
    assert not any(blind_twins(3, category) for category in "UJZ")


def test_number_is_found_among_other_markings() -> None:
    reading = read_number("CSQU 305438 3 22G1")
    assert reading.number is not None
    assert reading.number.number == "CSQU3054383"
    assert not reading.needs_review


def test_two_numbers_in_one_text_need_review() -> None:
    reading = read_number("CSQU3054383 MSKU1234565")
    assert reading.needs_review
    assert reading.number is not None
    assert {reading.number.number, *reading.alternatives} >= {"CSQU3054383", "MSKU1234565"}


def test_missing_check_digit_names_the_number_but_not_as_read() -> None:
    reading = read_number("CSQU 305438")
    assert reading.number is None
    assert reading.alternatives == ("CSQU3054383",)
    assert reading.needs_review


def test_other_text_is_no_number() -> None:
    for text in ("", "MAX GROSS 30480 KG", "----", "컨테이너", "X" * 60):
        reading = read_number(text)
        assert reading.number is None or not reading.valid
        assert reading.needs_review


@given(st.text(max_size=40), st.floats(0, 1))
def test_any_text_is_taken_and_uncertainty_is_never_hidden(text: str, confidence: float) -> None:
    reading = read_number(text, confidence)
    assert reading.needs_review == bool(reading.review_reasons)
    assert 0 <= reading.confidence <= max(confidence, 1e-9)
    if not reading.needs_review:
        assert reading.valid
        assert confidence >= 0.8
    assert all(iso6346.is_valid(number) for number in reading.alternatives)


@given(first_tens, st.integers(4, 10))
def test_one_letter_for_a_digit_gives_the_number_back(first_ten: str, position: int) -> None:
    number = iso6346.complete(first_ten).number
    look = {"0": "O", "1": "I", "2": "Z", "4": "A", "5": "S", "6": "G", "7": "T", "8": "B"}.get(number[position])
    if look is None:
        return
    reading = read_number(number[:position] + look + number[position + 1 :])
    assert reading.number is not None
    assert reading.number.number == number
    assert not reading.needs_review


@given(first_tens, st.integers(4, 10), st.data())
def test_a_wrong_digit_is_never_certain_unless_the_check_digit_is_blind_to_it(
    first_ten: str, position: int, data: st.DataObject
) -> None:
    number = iso6346.complete(first_ten).number
    other = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != number[position]]))
    wrong = number[:position] + other + number[position + 1 :]
    reading = read_number(wrong)
    assert reading.needs_review or iso6346.is_valid(wrong)
