"""Florence-2 on crops: load a base model, turn crops into text with a confidence for every character.

Runs the native classes of `transformers` (https://huggingface.co/docs/transformers/model_doc/florence2), so a hub
checkpoint of `florence-community` and the embedded nano model are read by the same code.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployments.container_number.crops import turned_if_tall
from deployments.container_number.prompts import ReadingSettings
from deployments.serving import gpu_memory
from deployments.serving.errors import BackendMissing
from deployments.serving.weights import sha256

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

NANO_SOURCE = "package:deployments/container_number/weights/nano-florence"
"""The embedded default model, as `deployments.serving.weights.resolve` takes it."""


@dataclass(frozen=True, slots=True)
class CropText:
    """What the model read on one crop."""

    text: str
    confidence: float
    """0..1: probability of the whole text, the product of its tokens'."""
    character_confidences: tuple[float, ...]
    """One per character of `text`: its token's probability."""


def load_base(folder: Path, device: str = "cpu", precision: str = "float32") -> tuple[Any, Any]:
    """(Florence2ForConditionalGeneration, Florence2Processor) from a local folder, in evaluation mode.

    Raises:
        BackendMissing: the folder holds no Florence-2 in the native layout; `microsoft/Florence-2-*` is the old one.
    """
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor
    from transformers.utils import logging

    gpu_memory.cap_torch(torch, device)
    logging.disable_progress_bar()
    try:
        processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
        model = AutoModelForImageTextToText.from_pretrained(
            folder, local_files_only=True, dtype=getattr(torch, precision)
        )
    except (OSError, ValueError, KeyError) as error:
        raise BackendMissing(
            f"{folder} is no Florence-2 that transformers loads natively ({error}). Use a `florence-community/"
            "Florence-2-*` checkpoint; `microsoft/Florence-2-*` has the old layout.",
            folder=str(folder),
        ) from error
    if model.config.model_type != "florence2":
        raise BackendMissing(f"{folder} holds a {model.config.model_type}, not a Florence-2.", folder=str(folder))
    return model.eval().to(device), processor


def weights_hash(folder: Path) -> str:
    """SHA-256, hex, over the `*.safetensors` of a folder: what an adapter's manifest names its base by.

    Raises:
        BackendMissing: there is none.
    """
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise BackendMissing(f"There are no *.safetensors in {folder}.", folder=str(folder))
    return hashlib.sha256("".join(sha256(file) for file in files).encode()).hexdigest()


def encode(processor: Any, images: Sequence[Image], settings: ReadingSettings) -> Any:
    """The processor's inputs for RGB crops: `input_ids`, `attention_mask`, `pixel_values`."""
    shown = [turned_if_tall(image) if settings.turn_tall_crops else image for image in images]
    rgb = [image.convert("RGB") for image in shown]
    return processor(images=rgb, text=[settings.prompt] * len(rgb), return_tensors="pt", padding=True)


def read_crops(model: Any, processor: Any, images: Sequence[Image], settings: ReadingSettings) -> list[CropText]:
    """One text per crop, by greedy decoding in one batch; the model stays on its device."""
    import torch

    if not images:
        return []
    inputs = encode(processor, images, settings).to(model.device)
    inputs["pixel_values"] = inputs["pixel_values"].to(model.dtype)
    with torch.inference_mode():
        output = model.generate(
            **inputs,
            max_new_tokens=settings.max_new_tokens,
            num_beams=1,
            do_sample=False,
            # Hub checkpoints forbid repeated trigrams, which the serial number 111111 has.
            no_repeat_ngram_size=0,
            output_scores=True,
            return_dict_in_generate=True,
        )
    tokens = output.sequences[:, -len(output.scores) :]
    scores = torch.stack(output.scores, dim=1).float().softmax(dim=-1)
    chosen = scores.gather(2, tokens[..., None])[..., 0]
    return [_text(processor.tokenizer, row, odds) for row, odds in zip(tokens, chosen, strict=True)]


def _text(tokenizer: Any, tokens: Tensor, odds: Tensor) -> CropText:
    """Put characters and their probabilities together, up to the end token."""
    special = set(tokenizer.all_special_ids)
    characters: list[str] = []
    confidences: list[float] = []
    whole = 1.0
    for position, (token, probability) in enumerate(zip(tokens.tolist(), odds.tolist(), strict=True)):
        whole *= probability
        if token == tokenizer.eos_token_id and position:
            break
        if token not in special:
            piece = tokenizer.decode([token])
            characters += piece
            confidences += [probability] * len(piece)
    text = "".join(characters)
    start, end = len(text) - len(text.lstrip()), len(text.rstrip())
    return CropText(text[start:end], whole, tuple(confidences[start:end]))
