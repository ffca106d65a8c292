"""Rendered yards, read by the embedded OCR: real pictures through a real model."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.container_number import iso6346
from deployments.container_number.found_text import TextFinding
from deployments.container_number.ocr_reader import LocatedNumber, find_numbers
from deployments.ocr_text_finder import OcrTextFinder
from tests.assets.container_number.yard import SIX, Wall, draw_yard
from tests.unit.container_number.conftest import png

SAMPLES = Path(__file__).parents[3] / "samples"

OTHER_SIX = (
    Wall("DOOU2235871", "42G1", "vertical_groups", (226, 224, 214), dark_on_light=True),
    Wall("NQSU0636852", "L5G1", "vertical", (122, 40, 34)),
    Wall("HQZZ7065432", "22T6", "two_lines", (28, 92, 140)),
    Wall("XZZU5018828", "45G1", "vertical", (44, 44, 60)),
    Wall("ZTVU8188210", "22G1", "one_line", (96, 60, 42), owner_name="ZENITH"),
    Wall("QUCJ5337095", "25G1", "one_line", (200, 196, 190), dark_on_light=True),
)


async def numbers_in(finder: OcrTextFinder, data: bytes) -> tuple[TextFinding, list[LocatedNumber]]:
    finding = await finder.find(data)
    return finding, find_numbers(finding.texts)


@pytest.mark.parametrize(
    ("walls", "font"),
    [(SIX, "dejavu"), (SIX, "pillow"), (OTHER_SIX, "dejavu")],
    ids=["six", "six in Pillow's font", "another six"],
)
async def test_every_number_of_six_containers(text_finder: OcrTextFinder, walls: tuple[Wall, ...], font: str) -> None:
    yard = draw_yard(walls, seed=3, font=None) if font == "pillow" else draw_yard(walls, seed=3)
    _, numbers = await numbers_in(text_finder, png(yard))
    read = {one.reading.number.number: one for one in numbers if one.reading.number}
    assert set(read) == {wall.number for wall in walls}
    assert {number: one.size_type for number, one in read.items()} == {wall.number: wall.size_type for wall in walls}
    certain = [one for one in numbers if not one.reading.needs_review]
    assert len(certain) >= 5
    assert all(one.reading.number and iso6346.is_valid(one.reading.number.number) for one in certain)


async def test_boxes_lie_on_their_containers(text_finder: OcrTextFinder) -> None:
    _, numbers = await numbers_in(text_finder, (SAMPLES / "yard.jpg").read_bytes())
    where = {one.reading.number.number: one.box[0] for one in numbers if one.reading.number}
    assert len(where) == 6
    for index, wall in enumerate(SIX):
        row, column = divmod(index, 3)
        x, y = where[wall.number]
        assert column * 614 < x < (column + 1) * 614
        assert row * 474 < y < (row + 1) * 474


async def test_painted_wrong_number_is_never_certain(text_finder: OcrTextFinder) -> None:
    """Check digits that do not fit: a painter's or a stencil's mistake, read right."""
    walls = (
        Wall("CSQU3054387", "22G1", "one_line", (168, 62, 30)),
        Wall("MSKU1234560", "45G1", "two_lines", (20, 60, 110)),
        Wall("TEMU6079342", "22G1", "vertical", (24, 84, 58)),
    )
    _, numbers = await numbers_in(text_finder, png(draw_yard(walls)))
    assert len(numbers) == 3
    assert all(one.reading.needs_review for one in numbers)


@pytest.mark.parametrize("sample", ["receipt.png", "invoice.jpg", "korean.png", "letter.pdf"])
async def test_documents_without_a_number(text_finder: OcrTextFinder, sample: str) -> None:
    finding, numbers = await numbers_in(text_finder, (SAMPLES / sample).read_bytes())
    assert finding.texts
    assert numbers == []
