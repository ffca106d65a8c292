"""Room around tight crops, and back."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from deployments.container_number.found_text import FoundText, TextFinding
from deployments.container_number.framing import framed
from deployments.serving.media import MediaPolicy
from tests.unit.container_number.conftest import png


def test_crop_gets_a_margin_in_its_own_colour() -> None:
    crop = framed(png(Image.new("RGB", (300, 60), (10, 20, 200))), MediaPolicy())
    assert crop is not None
    with Image.open(BytesIO(crop.data)) as picture:
        assert picture.size == (540, 300)
        assert picture.convert("RGB").getpixel((0, 0)) == (10, 20, 200)


def test_what_was_found_comes_back_to_the_crop() -> None:
    crop = framed(png(Image.new("RGB", (300, 60))), MediaPolicy())
    assert crop is not None
    quad = ((130.0, 125.0), (500.0, 125.0), (500.0, 170.0), (130.0, 170.0))
    back = crop.without_margin(TextFinding((FoundText("x", 0.9, quad),), ((540, 300),), "m"))
    assert back.pages == ((300, 60),)
    assert back.texts[0].quad == ((10, 5), (300, 5), (300, 50), (10, 50))


@pytest.mark.parametrize(
    "data",
    [png(Image.new("RGB", (640, 400))), png(Image.new("RGB", (3000, 900))), b"no image", b"", b"\x89PNG\r\n\x1a\n"],
    ids=["scene", "panorama", "text", "nothing", "header only"],
)
def test_other_pictures_are_left_alone(data: bytes) -> None:
    assert framed(data, MediaPolicy()) is None
