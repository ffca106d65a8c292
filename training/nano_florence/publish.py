"""Measure a trained nano Florence-2 and put it where the service finds it:
`python -m training.nano_florence.publish --input FOLDER`.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from deployments.container_number.florence import load_base, read_crops
from deployments.container_number.lookalikes import read_number
from deployments.container_number.prompts import MANIFEST, ReadingSettings
from training.nano_florence.architecture import NanoSize
from training.nano_florence.crops import draw_pool
from training.rendering.crop import faces
from training.rendering.styles import DECAL, LESSON, PAINTED, VERTICAL, CropStyle
from training.scoring import score

WEIGHTS = Path(__file__).parents[2] / "deployments/container_number/weights/nano-florence"
READING = ReadingSettings(turn_tall_crops=True)
_MEASURED_ON = (PAINTED, VERTICAL, DECAL)
# No seed of training (1, 2) or of its monitoring (999).
_SEED = 2001


def measure(folder: Path, style: CropStyle, count: int = 512) -> dict[str, Any]:
    """Scores on freshly drawn crops, and what is left wrong when readings that need review are put aside."""
    from PIL import Image

    model, processor = load_base(folder)
    pool = draw_pool(count, style, _SEED, NanoSize())
    read = []
    for start in range(0, count, 64):
        images = [Image.fromarray(pixels) for pixels in pool.pixels[start : start + 64]]
        read += read_crops(model, processor, images, READING)
    scores = score([text.text for text in read], pool.numbers)
    readings = [read_number(text.text, text.confidence, text.character_confidences) for text in read]
    certain = [
        reading.number is not None and reading.number.number == wanted
        for reading, wanted in zip(readings, pool.numbers, strict=True)
        if not reading.needs_review
    ]
    return {**scores.as_dict(), "certain": len(certain), "certain_but_wrong": certain.count(False), "seed": _SEED}


def publish(source: Path, target: Path = WEIGHTS) -> dict[str, Any]:
    """Copy the model's files, measure them, write `manifest.json`; the manifest."""
    history = json.loads((source / "history.json").read_text(encoding="utf-8"))
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for file in sorted(source.iterdir()):
        if file.suffix in (".json", ".safetensors") and file.name != "history.json":
            (target / file.name).write_bytes(file.read_bytes())
    files = {
        file.name: {"bytes": file.stat().st_size, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
        for file in sorted(target.iterdir())
    }
    manifest = {
        "model": "nano-florence",
        "architecture": "Florence-2 (transformers Florence2ForConditionalGeneration), 344,000 parameters, float32",
        "made_by": "python -m training.nano_florence.train, then python -m training.nano_florence.publish",
        "reads": "crops of drawn container numbers, 160 x 24; vertical ones turned on their side",
        "licence": "the project's; trained from random weights on pictures that the project draws",
        "reading": READING.as_dict(),
        "settings": history["settings"],
        "size": history["size"],
        "training": history["history"],
        "fonts": {style.name: [face.name for face in faces(style)] for style in (PAINTED, LESSON)},
        "styles": {style.name: asdict(style) for style in (*_MEASURED_ON, LESSON)},
        "accuracy": {style.name: measure(target, style) for style in _MEASURED_ON},
        "versions": {name: importlib.metadata.version(name) for name in ("torch", "transformers", "pillow", "numpy")},
        "files": files,
    }
    (target / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return manifest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=WEIGHTS)
    arguments = parser.parse_args()
    manifest = publish(arguments.input, arguments.output)
    print(json.dumps(manifest["accuracy"], indent=1))


if __name__ == "__main__":
    main()
