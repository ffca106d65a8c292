"""Start an annotation file from a folder of pictures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deployments.container_number.types import ContainerNumber, Reading
from deployments.serving.errors import InvalidInput
from training.annotations import PARTS, TODO, find_image, read_entries

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"})


def write_template(
    folder: str | Path, file: str | Path, reader: Callable[[Path], Reading] | None = None
) -> tuple[int, int]:
    """Start or extend an annotation file with every picture under `folder`.

    Entries that are there already, and the labels people gave them, stay as they are.

    Args:
        reader: pre-fills the labels with its guess; a guess that is not certain is marked `needs_review`, and
            `check` reports it until a person deletes the mark.

    Returns:
        (entries added, entries in the file).

    Raises:
        InvalidInput: no such folder, no picture in it, or `file` is there and is not an annotation file.
    """
    root, target = Path(folder), Path(file)
    if not root.is_dir():
        raise InvalidInput(f"{root} is not a folder.", folder=str(root))
    pictures = sorted(path for path in root.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    if not pictures:
        kinds = ", ".join(sorted(IMAGE_SUFFIXES))
        raise InvalidInput(f"There is no picture ({kinds}) in {root}.", folder=str(root))
    entries = read_entries(target) if target.exists() else []
    known = {find_image(str(entry.get("image_path")), target).resolve() for entry in entries}
    new = [path for path in pictures if path.resolve() not in known]
    entries += [_template_entry(path, target, reader) for path in new]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps({"images": entries}, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return len(new), len(entries)


def _template_entry(image: Path, file: Path, reader: Callable[[Path], Reading] | None) -> dict[str, Any]:
    resolved, base = image.resolve(), file.resolve().parent
    path = resolved.relative_to(base).as_posix() if resolved.is_relative_to(base) else str(resolved)
    reading = reader(image) if reader else None
    if reading is None or reading.number is None:
        return {"image_path": path, "container_number": TODO, **dict.fromkeys(PARTS, TODO)}
    entry = entry_of(path, reading.number)
    entry["confidence"] = round(reading.confidence, 3)
    return entry | {"needs_review": True} if reading.needs_review else entry


def entry_of(image_path: str, number: ContainerNumber) -> dict[str, Any]:
    """A filled entry; the owner code carries its category letter, as in the old files."""
    return {
        "image_path": image_path,
        "container_number": number.number,
        "owner_code": number.owner_code + number.category,
        "serial_number": number.serial_number,
        "check_digit": number.check_digit,
    }
