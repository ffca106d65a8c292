"""Numbers assembled from text boxes, without any model."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.container_number import iso6346
from deployments.container_number.found_text import FoundText, Point, Quad
from deployments.container_number.ocr_reader import LocatedNumber, find_numbers, unread_lines
from tests.unit.container_number.test_iso6346 import first_tens

HEIGHT = 40.0


def box(
    text: str, x: float, y: float, height: float = HEIGHT, confidence: float = 0.99, rotation: int = 0
) -> FoundText:
    """A line of text whose top left corner is at (x, y)."""
    width = 0.65 * height * len(text)
    return FoundText(text, confidence, ((x, y), (x + width, y), (x + width, y + height), (x, y + height)), 0, rotation)


def column(text: str, x: float, y: float, size: float = 30) -> FoundText:
    """Characters below one another, found as one piece."""
    height = 1.05 * size * len(text)
    return FoundText(text, 0.99, ((x, y), (x + size, y), (x + size, y + height), (x, y + height)))


def found(*texts: FoundText) -> list[str | None]:
    return [one.reading.number.number if one.reading.number else None for one in find_numbers(texts)]


def only(*texts: FoundText) -> LocatedNumber:
    [number] = find_numbers(texts)
    return number


CSQU = "CSQU3054383"


@pytest.mark.parametrize(
    "texts",
    [
        [box("CSQU 305438 3", 10, 10)],
        [box("CSQU3054383", 10, 10)],
        [box("CSQU 305438", 10, 10), box("3", 310, 12)],
        [box("CSQU", 10, 10), box("305438", 150, 8), box("3", 330, 12)],
        [box("CSQU", 10, 10), box("305438 3", 10, 64)],
        [box("CSQU", 10, 10), box("305438", 10, 64), box("3", 180, 66)],
        [box("CSQU", 10, 10), box("305", 10, 64), box("438", 10, 118), box("3", 10, 172)],
        [box("CSQU", 80, 10), box("305438 3", 20, 64)],
        [column(CSQU, 10, 10)],
        [column("C", 10, 10), column("SQU3054383", 10, 42)],
        [column(character, 10, 10 + 32 * row) for row, character in enumerate(CSQU)],
        [column("CSQU", 10, 10), column("3054383", 50, 10)],
        [column("CSQ", 10, 10), column("U3054", 10, 108), column("38", 10, 268), column("3", 10, 332)],
    ],
    ids=lambda texts: " | ".join(text.text for text in texts),
)  # fmt: skip
def test_number_in_any_layout(texts: list[FoundText]) -> None:
    number = only(*reversed(texts))
    assert number.reading.number is not None
    assert number.reading.number.number == CSQU
    assert not number.reading.needs_review
    assert number.reading.confidence > 0.99
    xs, ys = zip(*(corner for text in texts for corner in text.quad), strict=True)
    assert number.box[0] == pytest.approx((min(xs), min(ys)))
    assert number.box[2] == pytest.approx((max(xs), max(ys)))


@pytest.mark.parametrize("degrees", [-12, -5, 5, 12])
def test_tilted_picture(degrees: float) -> None:
    texts = [turned(text, degrees) for text in (box("CSQU", 10, 10), box("305438", 150, 10), box("3", 330, 10))]
    assert found(*texts) == [CSQU]


def test_upside_down_picture() -> None:
    texts = [turned(text, 180) for text in (box("CSQU", 10, 10), box("305438", 10, 64), box("3", 180, 64))]
    assert found(*texts) == [CSQU]


def test_lone_character_that_was_turned_for_nothing() -> None:
    """A classifier of orientation turns single characters: a 6 in a column came as 9, rotated by 180 degrees."""
    texts = [column(character, 10, 10 + 32 * row) for row, character in enumerate("TEMU6079348")]
    texts[4] = FoundText("9", 0.98, texts[4].quad, 0, 180)
    texts[9] = FoundText("4", 0.98, texts[9].quad, 0, 180)
    assert found(*texts, box("MAX GROSS", 300, 300)) == ["TEMU6079348"]


def test_word_that_reads_the_same_upside_down() -> None:
    words = [box("ZXSO", 0, 0, rotation=180), box("475942 8", 0, 52), box("MAX GROSS", 300, 300)]
    assert found(*words) == ["OSXZ4759428"]


def test_tilt_of_a_lone_character_does_not_lead_astray() -> None:
    """A column whose first letter was found by itself, in a box that leans by seven degrees."""
    lone = FoundText("B", 0.99, ((1333, 508), (1358, 511), (1354, 543), (1329, 540)))
    rest = FoundText("OAU6620958", 0.97, ((1325, 531), (1361, 531), (1361, 865), (1325, 865)))
    assert found(lone, rest) == ["BOAU6620958"]


def test_several_containers_side_by_side_and_below() -> None:
    texts = [
        box("CSQU 305438 3", 10, 10),
        box("MSKU 123456 5", 600, 10),
        box("TEMU", 10, 400),
        box("607934 8", 10, 450),
        column("HLXU8089911", 600, 300),
    ]
    assert sorted(filter(None, found(*texts))) == ["CSQU3054383", "HLXU8089911", "MSKU1234565", "TEMU6079348"]


def test_two_numbers_in_one_piece() -> None:
    text = box("CSQU 305438 3 MSKU 123456 5", 0, 0)
    assert sorted(filter(None, found(text))) == ["CSQU3054383", "MSKU1234565"]
    boxes = sorted(number.box[0][0] for number in find_numbers([text]))
    assert boxes[0] == 0
    assert boxes[1] == pytest.approx(text.quad[1][0] / 2)


def test_number_painted_twice_is_found_twice() -> None:
    assert found(box("CSQU 305438 3", 10, 10), box("CSQU 305438 3", 10, 400)) == [CSQU, CSQU]


@pytest.mark.parametrize(
    "texts",
    [
        [box("MAX GROSS 30480 KG", 0, 0), box("TARE 2230 KG", 0, 50), box("NET 28250 KG", 0, 100)],
        [box("INVOICE 2026-0417", 0, 0), box("Container handling, 3 units: EUR 450.00", 0, 50)],
        [box("CALL 555 123 4567", 0, 0), box("Date 2026-11-21 14:32", 0, 50)],
        [box("CSQU", 0, 0), box("305438 3", 900, 0)],
        [box("CSQU", 0, 0), box("305438 3", 0, 400)],
        [box("CSQU", 0, 0), box("305438 3", 140, 0, height=12)],
        [box("22G1", 0, 0), box("45R1", 0, 60)],
        [box("컨테이너 번호", 0, 0), box("", 0, 50), box("!?", 0, 90)],
        [],
    ],
    ids=lambda texts: " | ".join(text.text for text in texts),
)
def test_no_number(texts: list[FoundText]) -> None:
    assert found(*texts) == []


def test_lookalikes_are_put_right_and_said() -> None:
    number = only(box("C5QU 3O5438 3", 0, 0))
    assert number.reading.number is not None
    assert number.reading.number.number == CSQU
    assert {(change.read, change.corrected) for change in number.reading.changes} == {("5", "S"), ("O", "0")}


def test_framed_zero_read_as_chinese() -> None:
    assert found(box("TZUU 951640回", 0, 0)) == ["TZUU9516400"]


def test_wrong_check_digit_needs_review() -> None:
    number = only(box("CSQU 305438 7", 0, 0))
    assert number.reading.needs_review
    assert number.reading.confidence < 0.8


def test_missing_check_digit_is_no_number_but_is_reported() -> None:
    number = only(box("CSQU 305438", 0, 0))
    assert number.reading.number is None
    assert number.reading.alternatives == (CSQU,)
    assert number.reading.needs_review
    assert not number.reading.valid


def test_doubtful_piece_is_less_certain_but_the_check_digit_speaks_for_it() -> None:
    sure, doubtful = only(box("CSQU 305438 3", 0, 0)), only(box("CSQU", 0, 0), box("305438 3", 140, 0, confidence=0.5))
    assert 0.9 < doubtful.reading.confidence < sure.reading.confidence


def test_more_characters_in_the_word_need_review() -> None:
    number = only(box("CSQU30543839", 0, 0))
    assert number.reading.number is not None
    assert number.reading.needs_review


def test_rival_of_neighbouring_pieces_needs_review() -> None:
    """Two serial numbers fit one owner equally well."""
    other = iso6346.complete("CSQU123456").number
    number, *_ = find_numbers([box("CSQU", 0, 0), box("305438 3", 140, -18), box(other[4:], 140, 18)])
    assert number.reading.needs_review
    assert {number.reading.number and number.reading.number.number, *number.reading.alternatives} >= {CSQU, other}


def test_size_codes_go_to_the_nearest_number() -> None:
    texts = [
        box("CSQU 305438 3", 0, 0), box("22G1", 0, 60),
        box("MSKU 123456 5", 700, 0), box("45R1", 700, 60),
        box("TEMU6079348 42G1", 0, 600), box("L5G1", 0, 1500),
    ]  # fmt: skip
    codes = {one.reading.number.number: one.size_type for one in find_numbers(texts) if one.reading.number}
    assert codes == {"CSQU3054383": "22G1", "MSKU1234565": "45R1", "TEMU6079348": "42G1"}


def test_badly_read_lines_are_offered_to_another_reader() -> None:
    texts = [box("CS0U3@5438", 0, 0), box("MSKU 123456 5", 0, 100), box("TARE 2230 KG", 0, 200)]
    assert [text.text for text in unread_lines(texts, find_numbers(texts))] == ["CS0U3@5438"]


@given(first_tens, st.integers(0, 3), st.integers(0, 10), st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
@settings(max_examples=120, deadline=None)
def test_never_an_invalid_number_without_review(first_ten: str, layout: int, position: int, wrong: str) -> None:
    """A valid number with any one character replaced, in any layout."""
    right = iso6346.complete(first_ten).number
    text = right[:position] + wrong + right[position + 1 :]
    texts = {
        0: [box(f"{text[:4]} {text[4:10]} {text[10]}", 0, 0)],
        1: [box(text[:4], 0, 0), box(text[4:], 0, 52)],
        2: [column(text, 0, 0)],
        3: [column(character, 0, 32 * row) for row, character in enumerate(text)],
    }[layout]
    for one in find_numbers(texts):
        assert one.reading.valid or one.reading.needs_review
        if not one.reading.needs_review:
            assert one.reading.number is not None
            assert iso6346.is_valid(one.reading.number.number)
        if text == right:
            assert one.reading.number is not None
            assert one.reading.number.number == right


def test_contrived_page_full_of_letters_ends_soon() -> None:
    texts = [box("U", 20 * (n % 40), 30 * (n // 40)) for n in range(1600)]
    assert found(*texts) == []


def turned(text: FoundText, degrees: float) -> FoundText:
    """`text` on a picture that was turned; its corners start at the one nearest the top left, as OCR gives them."""
    angle = math.radians(degrees)

    def move(point: Point) -> Point:
        x, y = point
        return 1000 + x * math.cos(angle) - y * math.sin(angle), 1000 + x * math.sin(angle) + y * math.cos(angle)

    first, second, third, fourth = map(move, text.quad)
    upside_down = abs(degrees) > 90
    quad: Quad = (third, fourth, first, second) if upside_down else (first, second, third, fourth)
    return FoundText(text.text, text.confidence, quad, 0, 180 if upside_down else 0)
