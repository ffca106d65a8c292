from __future__ import annotations

from deployments.ocr.backends.second_look import is_doubtful, merge, wins
from deployments.ocr.types import TextBox


def box(text: str, confidence: float, top: float = 10, left: float = 10) -> TextBox:
    return TextBox(text, confidence, ((left, top), (left + 40, top), (left + 40, top + 10), (left, top + 10)))


def test_margins() -> None:
    assert is_doubtful(0.79)
    assert not is_doubtful(0.8)
    assert wins(0.95, 0.7)
    assert not wins(0.78, 0.7)


def test_only_doubtful_boxes_are_replaced_by_what_lies_in_their_place() -> None:
    upright = [box("good and long enough", 0.99), box("bad", 0.6, top=50)]
    turned = [box("WRONG", 1.0, top=80, left=50), box("right", 0.97, top=40, left=50)]  # page: 100 x 100
    merged = merge(upright, turned, 100, 100)
    assert [one.text for one in merged] == ["good and long enough", "right"]
    assert merged[1].bbox == ((10.0, 50.0), (50.0, 50.0), (50.0, 60.0), (10.0, 60.0))
    assert [one.rotation for one in merged] == [0, 180]


def test_a_rival_elsewhere_or_hardly_better_does_not_win() -> None:
    upright = [box("certain line of text", 0.95, top=80), box("bad", 0.7)]
    assert merge(upright, [box("far away", 0.99, top=40, left=50)], 100, 100) == upright
    assert merge(upright, [box("no better", 0.75, top=80, left=50)], 100, 100) == upright


def test_a_page_upside_down_is_taken_whole() -> None:
    merged = merge([box("x1;", 0.4)], [box("first line", 0.95, top=20), box("second", 0.95, top=60)], 100, 100)
    assert [one.text for one in merged] == ["first line", "second"]
