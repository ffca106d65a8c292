"""Items of `train.json` and the batches made of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployments.container_number.florence import encode
from deployments.container_number.iso6346 import is_valid
from deployments.container_number.prompts import ReadingSettings
from deployments.serving.errors import InvalidInput

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

IGNORED = -100
"""Label of a padded position: cross entropy leaves it out. Florence-2 does not mask padding by itself."""


@dataclass(frozen=True, slots=True)
class Example:
    image: Path
    prompt: str
    text: str


def read_examples(file: Path) -> tuple[Example, ...]:
    """The items of a `train.json`, `val.json` or the same as `.jsonl`; relative pictures are beside the file.

    Raises:
        InvalidInput: no such file, not JSON, no item, an item without its keys, or a picture that is gone.
    """
    try:
        written = file.read_text(encoding="utf-8")
        lines = written.splitlines() if file.suffix == ".jsonl" else None
        items = [json.loads(line) for line in lines if line.strip()] if lines is not None else json.loads(written)
    except FileNotFoundError as error:
        raise InvalidInput(f"{file} does not exist. `sensorium dataset prepare` writes it.", file=str(file)) from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file} is not JSON: {error}.", file=str(file)) from error
    if not isinstance(items, list) or not items:
        raise InvalidInput(f"{file} holds no items: the dataset is empty.", file=str(file))
    return tuple(_example(item, index, file) for index, item in enumerate(items))


def _example(item: Any, index: int, file: Path) -> Example:
    missing = [key for key in ("image", "prefix", "suffix") if not isinstance(item, dict) or not item.get(key)]
    if missing:
        raise InvalidInput(f"{file}, item {index}: {', '.join(missing)} missing.", file=str(file), item=index)
    image = Path(item["image"])
    beside = file.parent / image
    image = beside if not image.is_absolute() and beside.exists() else image
    if not image.is_file():
        raise InvalidInput(f"{file}, item {index}: there is no picture at {image}.", file=str(file), item=index)
    return Example(image.resolve(), str(item["prefix"]), str(item["suffix"]))


def bad_labels(examples: Sequence[Example]) -> list[str]:
    """Texts that are no valid container numbers."""
    return [example.text for example in examples if not is_valid(example.text)]


def open_images(examples: Sequence[Example]) -> list[Image]:
    """RGB pictures.

    Raises:
        InvalidInput: one cannot be decoded.
    """
    from PIL import Image, UnidentifiedImageError

    images = []
    for example in examples:
        try:
            with Image.open(example.image) as picture:
                images.append(picture.convert("RGB"))
        except (UnidentifiedImageError, OSError) as error:
            raise InvalidInput(f"{example.image} cannot be read as a picture: {error}.") from error
    return images


@dataclass(frozen=True, slots=True)
class Collator:
    """Examples to the model's inputs and labels."""

    processor: Any
    reading: ReadingSettings
    """Its prompt is the dataset's."""

    def __call__(self, examples: Sequence[Example]) -> dict[str, Tensor]:
        """`input_ids`, `attention_mask` (batch x tokens), `pixel_values` (batch x 3 x height x width), `labels`."""
        inputs = encode(self.processor, open_images(examples), self.reading)
        return {**inputs, "labels": self.labels([example.text for example in examples])}

    def labels(self, texts: Sequence[str]) -> Tensor:
        """Token ids, batch x longest text, padded with -100."""
        tokenizer = self.processor.tokenizer
        tokens = tokenizer(list(texts), return_tensors="pt", padding=True)
        labels: Tensor = tokens["input_ids"].masked_fill(tokens["attention_mask"] == 0, IGNORED)
        return labels


def one_prompt(examples: Sequence[Example], file: Path) -> str:
    """The prompt of a dataset.

    Raises:
        InvalidInput: its items have several.
    """
    prompts = sorted({example.prompt for example in examples})
    if len(prompts) > 1:
        raise InvalidInput(f"{file} has several prompts ({', '.join(prompts)}); an adapter is asked one.")
    return prompts[0]
