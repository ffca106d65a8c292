from __future__ import annotations

from PIL import Image

from deployments.container_number.crops import turned_if_tall


def test_a_tall_crop_is_turned_so_that_its_top_comes_left() -> None:
    tall = Image.new("RGB", (10, 110), "black")
    tall.paste("white", (0, 0, 10, 10))
    turned = turned_if_tall(tall)
    assert turned.size == (110, 10)
    assert turned.getpixel((5, 5)) == (255, 255, 255)
    assert turned.getpixel((100, 5)) == (0, 0, 0)


def test_a_wide_crop_stays() -> None:
    wide = Image.new("RGB", (110, 20))
    assert turned_if_tall(wide) is wide
