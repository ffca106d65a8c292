from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.container_number import iso6346
from deployments.serving.errors import InvalidInput

# CSQU3054383: the example in encyclopaedia articles on ISO 6346. HLXU2008419, TOLU4734787: containers in public
# photographs. The others were computed by hand after the standard's table.
KNOWN = ("CSQU3054383", "HLXU2008419", "TOLU4734787", "TEMU1234565", "MSKU1234565", "BICU1234565")

letters = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=3, max_size=3)
digits = st.text("0123456789", min_size=6, max_size=6)
first_tens = st.builds(
    lambda owner, category, serial: owner + category + serial, letters, st.sampled_from("UJZ"), digits
)


@pytest.mark.parametrize("number", KNOWN)
def test_known_numbers_are_valid(number: str) -> None:
    assert iso6346.is_valid(number)
    assert iso6346.check_digit(number[:10]) == number[10]


def test_values_skip_multiples_of_eleven() -> None:
    assert [iso6346.VALUES[letter] for letter in "AKLUVZ"] == [10, 21, 23, 32, 34, 38]
    assert not any(value % 11 == 0 for letter, value in iso6346.VALUES.items() if letter.isalpha())


def test_fields_and_formats() -> None:
    number = iso6346.parse(" csqu-305438 [3] ")
    assert (number.owner_code, number.category, number.serial_number, number.check_digit) == ("CSQ", "U", "305438", "3")
    assert number.number == "CSQU3054383"
    assert number.formatted == "CSQU 305438 3"
    assert number.valid
    assert not number.discouraged


def test_wrong_check_digit_is_parsed_and_invalid() -> None:
    number = iso6346.parse("CSQU3054384")
    assert not number.valid
    assert number.expected_check_digit == "3"


def test_remainder_ten_is_written_zero_and_flagged() -> None:
    tens = [f"CSQU{serial:06}" for serial in range(200) if iso6346.remainder(f"CSQU{serial:06}") == 10]
    assert tens
    for first_ten in tens:
        number = iso6346.complete(first_ten)
        assert (number.check_digit, number.valid, number.discouraged) == ("0", True, True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("CSQU30543", "9 letters and digits"),
        ("C5QU3054383", "character 2 is '5'"),
        ("CSQA3054383", "U, J or Z"),
        ("CSQU30S4383", "character 7 is 'S'"),
        ("", "0 letters"),
        ("CSQU٣٠٥٤٣٨3", "last seven characters"),
    ],
)
def test_departure_from_the_form_is_named(text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match="is not a container number") as caught:
        iso6346.parse(text)
    assert said in caught.value.message


def test_old_guides_sample_label_is_no_number() -> None:
    with pytest.raises(InvalidInput):
        iso6346.parse("TEMU12345670")
    assert not iso6346.is_valid("TEMU1234567")


@given(first_tens)
def test_completed_numbers_are_valid_and_survive_formatting(first_ten: str) -> None:
    number = iso6346.complete(first_ten)
    assert number.valid
    assert iso6346.parse(number.formatted) == number
    assert iso6346.parse(number.number.lower()) == number


@given(first_tens, st.integers(0, 10), st.data())
def test_one_changed_character_is_caught(first_ten: str, position: int, data: st.DataObject) -> None:
    """Weights and values are units modulo 11, so one change always shows, but for the remainder 10 written as 0."""
    number = iso6346.complete(first_ten).number
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if position < 3 else "UJZ" if position == 3 else "0123456789"
    other = data.draw(
        st.sampled_from([c for c in alphabet if iso6346.VALUES[c] % 11 != iso6346.VALUES[number[position]] % 11])
    )
    changed = number[:position] + other + number[position + 1 :]
    remainders = {iso6346.remainder(number[:10]), iso6346.remainder(changed[:10])}
    assert not iso6346.is_valid(changed) or remainders == {0, 10}
