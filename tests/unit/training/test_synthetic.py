from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deployments.container_number.iso6346 import parse
from deployments.serving.errors import InvalidInput
from training.annotations import check
from training.rendering.crop import render_crop
from training.rendering.fonts import PILLOW_FONT, typefaces
from training.rendering.plate import render_plate
from training.rendering.styles import DECAL, PAINTED, STYLES, VERTICAL
from training.synthetic import synthesise

NUMBER = parse("CSQU3054383")


def test_labels_pass_the_check_and_pictures_repeat_by_seed(tmp_path: Path) -> None:
    first, again, other = (
        synthesise(tmp_path / name, 5, style="decal", seed=s) for name, s in (("a", 3), ("b", 3), ("c", 4))
    )
    assert check(first).problems == ()
    pictures = [
        [(folder.parent / f"crop_0000{i}.png").read_bytes() for i in range(5)] for folder in (first, again, other)
    ]
    assert pictures[0] == pictures[1] != pictures[2]


def test_plates_carry_box_and_size_type(tmp_path: Path) -> None:
    file = synthesise(tmp_path, 3, kind="plates", owners=("msk",))
    assert check(file).ok
    for entry in json.loads(file.read_text())["images"]:
        left, top, right, bottom = entry["box"]
        with Image.open(tmp_path / entry["image_path"]) as picture:
            assert 0 <= left < right <= picture.width
            assert 0 <= top < bottom <= picture.height
        assert entry["owner_code"].startswith("MSK")


@pytest.mark.parametrize("style", STYLES.values(), ids=lambda style: style.name)
def test_letters_stand_out_from_the_wall(style: object) -> None:
    rng = np.random.default_rng(0)
    crop = np.asarray(render_crop(NUMBER, STYLES[style.name], rng).convert("L"), np.float32)  # type: ignore[attr-defined]
    assert np.percentile(crop, 97) - np.percentile(crop, 3) > 40


def test_vertical_crops_are_tall_and_the_others_wide() -> None:
    rng = np.random.default_rng(0)
    tall, wide = render_crop(NUMBER, VERTICAL, rng), render_crop(NUMBER, DECAL, rng)
    assert tall.height > 4 * tall.width
    assert wide.width > 4 * wide.height


def test_the_number_is_painted_inside_its_box() -> None:
    for layout in ("one_line", "two_lines", "vertical"):
        plate = render_plate(NUMBER, PAINTED, np.random.default_rng(1), layout)
        grey = np.asarray(plate.image.convert("L"), np.float32)
        left, top, right, bottom = plate.box
        inside, everything = grey[top:bottom, left:right].std(), grey[-60:, -60:].std()
        assert inside > 2 * everything


def test_there_is_always_a_font() -> None:
    assert typefaces()[0].name == PILLOW_FONT
    assert typefaces()[0].at(30).getbbox("CSQU")[2] > 30


@pytest.mark.parametrize(
    ("count", "style", "owners", "said"),
    [(0, "decal", (), "at least one"), (1, "comic", (), "There is no style"), (1, "decal", ("MSKU",), "three letters")],
)
def test_bad_requests_are_refused(tmp_path: Path, count: int, style: str, owners: tuple[str, ...], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        synthesise(tmp_path, count, style=style, owners=owners)
