"""A Florence-2's guess for a picture that nobody has labelled yet: what `write_template` takes as its reader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from deployments.container_number.adapters import BASE, FlorenceReader, find_adapters
from deployments.container_number.florence import NANO_SOURCE
from deployments.container_number.lookalikes import read_number
from deployments.container_number.types import Reading
from deployments.serving import weights
from deployments.serving.errors import NotFound


def florence_guess(
    base: str = NANO_SOURCE, adapter: Path | None = None, device: str = "cpu"
) -> Callable[[Path], Reading]:
    """A function from a crop's file to a reading.

    Args:
        base: a model source, see `deployments.serving.weights.resolve`.
        adapter: a fine-tuning run's output folder, or an adapter folder.

    Raises:
        BackendMissing: no such base model.
        NotFound: no adapter in `adapter`.
        InvalidInput: it was made for another base.
    """
    reader = FlorenceReader(weights.resolve(base), device)
    name = BASE
    if adapter is not None:
        found = find_adapters(adapter.resolve().parent).get(adapter.resolve().name)
        if found is None:
            raise NotFound(f"There is no adapter in {adapter} (adapter_config.json and adapter_model.safetensors).")
        reader.load_adapter(found)
        name = found.name

    def guess(image: Path) -> Reading:
        from PIL import Image, UnidentifiedImageError

        try:
            with Image.open(image) as picture:
                (text,) = reader.read([picture.convert("RGB")], name)
        except (UnidentifiedImageError, OSError):
            return read_number("", 0.0)
        return read_number(text.text, text.confidence, text.character_confidences)

    return guess
