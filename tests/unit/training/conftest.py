from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from deployments.container_number.iso6346 import parse
from training.annotation_template import entry_of
from training.rendering.crop import render_crop
from training.rendering.styles import DECAL

MakeAnnotations = Callable[..., Path]


@pytest.fixture(name="annotations")
def annotations_fixture(tmp_path: Path) -> MakeAnnotations:
    """Write an annotation file of drawn crops: `annotations("CSQU3054383", ...)`, or entries as dictionaries."""

    def make(*entries: str | dict[str, Any]) -> Path:
        rng = np.random.default_rng(7)
        written: list[dict[str, Any]] = []
        for index, entry in enumerate(entries):
            name = f"crop_{index}.png"
            if isinstance(entry, dict):
                written.append(entry)
                continue
            render_crop(parse(entry), DECAL, rng).save(tmp_path / name)
            written.append(entry_of(name, parse(entry)))
        file = tmp_path / "annotations.json"
        file.write_text(json.dumps({"images": written}), encoding="utf-8")
        return file

    return make


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    file = tmp_path / "picture.png"
    Image.new("RGB", (80, 20), "navy").save(file)
    return file
