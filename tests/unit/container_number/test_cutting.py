from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deployments.container_number.cutting import cut
from deployments.container_number.found_text import Quad


def page() -> NDArray[np.uint8]:
    """200 x 300: red on the left half, blue on the right."""
    pixels = np.zeros((200, 300, 3), np.uint8)
    pixels[:, :150] = (255, 0, 0)
    pixels[:, 150:] = (0, 0, 255)
    return pixels


def level(left: float, top: float, right: float, bottom: float) -> Quad:
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def test_level_box_with_its_margin() -> None:
    crop = cut(page(), (level(100, 50, 200, 100),))
    assert crop.size == (112, 62)
    assert crop.getpixel((5, 30)) == (255, 0, 0)
    assert crop.getpixel((105, 30)) == (0, 0, 255)


def test_lines_are_laid_side_by_side_in_order() -> None:
    crop = cut(page(), (level(200, 20, 260, 50), level(20, 100, 60, 130)))
    assert crop.height == 37
    assert crop.getpixel((5, 18)) == (0, 0, 255)
    assert crop.getpixel((crop.width - 5, 18)) == (255, 0, 0)


def test_tilted_box_is_set_level() -> None:
    crop = cut(page(), (((120, 60), (180, 90), (170, 110), (110, 80)),))
    assert crop.width > 2 * crop.height
    assert crop.getpixel((3, crop.height // 2)) == (255, 0, 0)
    assert crop.getpixel((crop.width - 4, crop.height // 2)) == (0, 0, 255)


def test_box_over_the_edge_and_box_without_area() -> None:
    assert cut(page(), (level(-50, -50, 40, 10),)).size == (104, 74)
    assert cut(page(), (level(10, 10, 10, 10),)).size == (1, 1)


def test_huge_box_is_scaled_down() -> None:
    wide = np.zeros((100, 9000, 3), np.uint8)
    assert cut(wide, (level(0, 0, 9000, 100),)).width == 2048
