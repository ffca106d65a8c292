"""Labelled pictures, drawn: a dataset to practise on, to test with, or to mix with photographs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np

from deployments.serving.errors import InvalidInput, UnsupportedOption
from training.annotation_template import entry_of
from training.rendering.crop import random_number, render_crop
from training.rendering.plate import render_plate
from training.rendering.styles import STYLES, CropStyle

ANNOTATION_FILE = "annotations.json"


def style_named(name: str) -> CropStyle:
    """A style by its name.

    Raises:
        UnsupportedOption: there is none of that name; the message lists those there are.
    """
    if name not in STYLES:
        raise UnsupportedOption(f"There is no style {name!r}; there are {', '.join(STYLES)}.", available=list(STYLES))
    return STYLES[name]


def synthesise(
    output: str | Path,
    count: int,
    kind: Literal["crops", "plates"] = "crops",
    style: str = "painted",
    seed: int = 0,
    owners: tuple[str, ...] = (),
) -> Path:
    """Write `count` pictures and `annotations.json` (the contract's form, filled) to the folder `output`.

    Args:
        kind: `crops` hold a number alone; `plates` are container walls with number, size/type code and other text
            (their entries carry `box`, the number's [left, top, right, bottom] in pixels, and `size_type`).
        style: how the letters are painted, a key of `training.rendering.styles.STYLES`.
        seed: the same seed draws the same pictures on a machine with the same fonts.
        owners: owner codes to draw from, e.g. ("MSK", "CSQ"); any three letters where empty.

    Returns:
        The annotation file.

    Raises:
        InvalidInput: `count` is not positive, an owner code is not three letters, or the style is unknown.
    """
    look = style_named(style)
    if count < 1:
        raise InvalidInput(f"count is {count}; ask for at least one picture.", count=count)
    wrong = [owner for owner in owners if not (len(owner) == 3 and owner.isascii() and owner.isalpha())]
    if wrong:
        raise InvalidInput(f"Owner codes are three letters A-Z; got {', '.join(wrong)}.", owners=wrong)
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    codes = tuple(owner.upper() for owner in owners)
    entries: list[dict[str, Any]] = []
    for index in range(count):
        number = random_number(rng, codes)
        name = f"{kind[:-1]}_{index:05d}.png"
        if kind == "crops":
            render_crop(number, look, rng).save(folder / name)
            entries.append(entry_of(name, number))
        else:
            plate = render_plate(number, look, rng)
            plate.image.save(folder / name)
            extra = {"box": list(plate.box), "size_type": plate.size_type}
            entries.append(entry_of(name, number) | extra)
    annotations = folder / ANNOTATION_FILE
    content = {"images": entries, "made_by": {"kind": kind, "style": style, "seed": seed}}
    annotations.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return annotations
