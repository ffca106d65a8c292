"""The report of a fine-tuning run: the figures as JSON, and a page for people in one HTML file."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.comparison import TUNED, Item, Readings
from training.fine_tuning.state import Progress
from training.report_page import page

WORST_SHOWN = 24
_PICTURE_PX = (360, 200)


def write_report(
    page_file: Path, figures_file: Path, manifest: dict[str, Any], progress: Progress, compared: Sequence[Readings]
) -> None:
    """Write both files. The page holds its pictures and styles itself: it opens from anywhere, without a network."""
    figures = {
        "manifest": manifest,
        "losses": progress.losses,
        "evaluations": progress.evaluations,
        "readings": [one.as_dict() for one in compared],
    }
    figures_file.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    worst = [
        {
            "picture": data_uri(item.image),
            "truth": item.truth,
            "tuned": item,
            "others": {one.reader: one.items[index] for one in first_set(compared) if one.reader != TUNED},
        }
        for index, item in worst_items(tuned_readings(compared))
    ]
    page_file.write_text(page(manifest, progress, compared, worst), encoding="utf-8")


def first_set(compared: Sequence[Readings]) -> list[Readings]:
    """All readers on the validation set."""
    return [one for one in compared if one.dataset == compared[0].dataset]


def tuned_readings(compared: Sequence[Readings]) -> Readings:
    """The tuned model on the validation set."""
    return next(one for one in first_set(compared) if one.reader == TUNED)


def worst_items(readings: Readings) -> list[tuple[int, Item]]:
    """(index, item) of wrong readings: first those that would be reported as certain, then by errors and confidence."""
    wrong = [(index, item) for index, item in enumerate(readings.items) if not item.right]
    wrong.sort(key=lambda entry: (_harmless(entry[1]), -entry[1].errors, -entry[1].confidence))
    return wrong[:WORST_SHOWN]


def _harmless(item: Item) -> bool:
    """Whether nobody is told a wrong number as certain."""
    return item.needs_review or item.reported == item.truth


def data_uri(image: Path) -> str:
    """A picture as JPEG in a `data:` address, at most 360 x 200 pixels; empty where it is gone."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(image) as picture:
            small = picture.convert("RGB")
            small.thumbnail(_PICTURE_PX)
            buffer = io.BytesIO()
            small.save(buffer, "JPEG", quality=85)
    except (OSError, UnidentifiedImageError):
        return ""
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
