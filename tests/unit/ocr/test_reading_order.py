from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deployments.ocr.reading_order import reading_order
from deployments.ocr.types import TextBox


def box(text: str, left: float, top: float, width: float = 50, height: float = 20) -> TextBox:
    right, bottom = left + width, top + height
    return TextBox(text, 0.9, ((left, top), (right, top), (right, bottom), (left, bottom)))


def order(*boxes: TextBox) -> list[str]:
    return [found.text for found in reading_order(boxes)]


def test_lines_from_the_top_each_from_the_left() -> None:
    assert order(box("d", 60, 40), box("b", 60, 12), box("c", 5, 42), box("a", 0, 10)) == ["a", "b", "c", "d"]


def test_a_table_whose_rows_waver() -> None:
    rows = [box(f"{row}{column}", 100 * column, 30 * row + (column % 2) * 6) for row in range(5) for column in range(3)]
    assert order(*reversed(rows)) == [f"{row}{column}" for row in range(5) for column in range(3)]


def test_a_high_title_beside_two_small_lines_does_not_pull_them_together() -> None:
    found = order(box("TITLE", 0, 0, height=60), box("one", 100, 5), box("two", 100, 35))
    assert found.index("one") < found.index("two")


def test_closely_set_lines_of_small_print_stay_apart() -> None:
    boxes = [box(str(line), 100 - line, 8.0 * line, height=8) for line in range(10)]
    assert order(*boxes) == [str(line) for line in range(10)]


@given(st.lists(st.tuples(st.floats(0, 2000), st.floats(0, 2000), st.floats(0, 90), st.floats(0, 90)), max_size=30))
def test_nothing_is_lost_or_doubled(places: list[tuple[float, float, float, float]]) -> None:
    boxes = [box(str(number), *place) for number, place in enumerate(places)]
    assert sorted(order(*boxes)) == sorted(str(number) for number in range(len(places)))
