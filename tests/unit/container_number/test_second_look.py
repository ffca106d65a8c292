"""A check digit that OCR overlooked in the whole picture."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from deployments.container_number.found_text import FoundText, TextFinding
from deployments.container_number.ocr_reader import find_numbers
from deployments.container_number.second_look import complete
from deployments.serving.media import MediaPolicy
from tests.unit.container_number.conftest import png
from tests.unit.container_number.test_ocr_reader import box

PICTURE = png(Image.new("RGB", (900, 400), "navy"))


class Scripted:
    """Finds the same texts in every picture, and keeps the pictures' sizes."""

    def __init__(self, *texts: FoundText) -> None:
        self.texts = texts
        self.sizes: list[tuple[int, int]] = []

    async def find(self, data: bytes) -> TextFinding:
        with Image.open(BytesIO(data)) as picture:
            self.sizes.append(picture.size)
        return TextFinding(self.texts, (self.sizes[-1],), "scripted")


async def test_overlooked_check_digit_is_found() -> None:
    numbers = find_numbers([box("CSQU 305438", 100, 100), box("22G1", 100, 160), box("MSKU 123456 5", 100, 300)])
    finder = Scripted(box("CSQU 3054383", 10, 10))
    one, other = sorted(await complete(numbers, PICTURE, finder, MediaPolicy()), key=lambda number: number.box[0][1])
    assert one.reading.number is not None
    assert (one.reading.number.number, one.reading.needs_review, one.size_type) == ("CSQU3054383", False, "22G1")
    assert other in numbers
    # Only the doubtful line was looked at: its ten characters, room for the check digit, and a margin.
    assert len(finder.sizes) == 1
    assert 286 + 80 < finder.sizes[0][0] < 900


@pytest.mark.parametrize("second", ["CSQU 305438", "CSQU 305438 7", "MSKU 123456 5", "", "CSQU 305439 8"])
async def test_what_does_not_bear_out_the_first_look_changes_nothing(second: str) -> None:
    numbers = find_numbers([box("CSQU 305438", 100, 100)])
    assert await complete(numbers, PICTURE, Scripted(box(second, 10, 10)), MediaPolicy()) == numbers


async def test_certain_numbers_are_not_looked_at_again() -> None:
    numbers = find_numbers([box("CSQU 305438 3", 100, 100)])
    finder = Scripted()
    assert await complete(numbers, PICTURE, finder, MediaPolicy()) == numbers
    assert finder.sizes == []
