"""Train the nano Florence-2 from nothing: `python -m training.nano_florence.train --output FOLDER`.

Plain PyTorch on one process; about 10,000 steps of 16 crops. Interrupted, it goes on from its last checkpoint.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deployments.container_number.prompts import DEFAULT_PROMPT
from training.nano_florence.architecture import NanoSize, build_model, build_processor, build_tokenizer
from training.nano_florence.crops import CropPool, draw_pool, shuffled_indices
from training.nano_florence.initialise import initialise
from training.rendering.styles import LESSON, PAINTED, VERTICAL

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import Florence2ForConditionalGeneration, Florence2Processor

    Batch = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class NanoSettings:
    """How the committed weights are trained."""

    steps: int = 10_000
    batch: int = 16
    learning_rate: float = 2e-3
    final_learning_rate_share: float = 0.02
    warm_up_steps: int = 100
    weight_decay: float = 0.01
    lesson_share: float = 0.25
    """Part of the run over which clean crops fade out of the batches."""
    painted_crops: int = 24_000
    lesson_crops: int = 3_000
    seed: int = 1
    threads: int = 1


class Batches:
    """Batches of the two pools, the lesson's share of them falling from one to zero."""

    def __init__(self, processor: Florence2Processor, settings: NanoSettings, size: NanoSize) -> None:
        import torch
        from PIL import Image

        self._rng = np.random.default_rng(settings.seed)
        self._settings = settings
        self._pad = processor.tokenizer.pad_token_id
        self._tokenizer = processor.tokenizer
        blank = Image.new("RGB", (size.image_width, size.image_height))
        prompt = processor(images=[blank], text=[DEFAULT_PROMPT], return_tensors="pt")
        self._prompt: Tensor = prompt["input_ids"]
        painted = draw_pool(settings.painted_crops, PAINTED, settings.seed, size)
        lesson = draw_pool(settings.lesson_crops, LESSON, settings.seed + 1, size)
        self._pools = [self._tensors(painted), self._tensors(lesson)]
        self._indices = [shuffled_indices(len(pool), settings.batch, self._rng) for pool in (painted, lesson)]
        self._torch: Any = torch

    def _tensors(self, pool: CropPool) -> tuple[Tensor, Tensor]:
        import torch

        labels = self._tokenizer(list(pool.numbers), return_tensors="pt", padding=True).input_ids
        return torch.from_numpy(pool.pixels), labels.masked_fill(labels == self._pad, -100)

    def next(self, progress: float) -> Batch:
        """`progress` in 0..1 is how much of the run is over."""
        share = max(0.0, 1 - progress / self._settings.lesson_share)
        which = 1 if self._rng.random() < share else 0
        index = self._torch.from_numpy(next(self._indices[which]))
        pixels, labels = self._pools[which]
        count = len(index)
        prompt = self._prompt.expand(count, -1)
        return {
            "input_ids": prompt,
            "attention_mask": self._torch.ones_like(prompt),
            "pixel_values": pixels[index].permute(0, 3, 1, 2).float() / 127.5 - 1,
            "labels": labels[index],
        }


def learning_rate(step: int, settings: NanoSettings) -> float:
    """Linear warm-up, then a cosine down to `final_learning_rate_share` of the peak."""
    warm = min(1.0, (step + 1) / settings.warm_up_steps)
    cosine = 0.5 * (1 + math.cos(math.pi * step / settings.steps))
    floor = settings.final_learning_rate_share
    return settings.learning_rate * warm * (floor + (1 - floor) * cosine)


def exact_match(model: Florence2ForConditionalGeneration, processor: Florence2Processor, pool: CropPool) -> float:
    """Share of a pool's crops that greedy decoding reads without an error."""
    import torch
    from PIL import Image

    model.eval()
    right = 0
    with torch.inference_mode():
        for start in range(0, len(pool), 64):
            images = [Image.fromarray(pixels) for pixels in pool.pixels[start : start + 64]]
            inputs = processor(images=images, text=[DEFAULT_PROMPT] * len(images), return_tensors="pt")
            tokens = model.generate(**inputs, max_new_tokens=14, num_beams=1, do_sample=False)
            texts = processor.batch_decode(tokens, skip_special_tokens=True)
            wanted = pool.numbers[start : start + 64]
            right += sum(text.strip() == number for text, number in zip(texts, wanted, strict=True))
    model.train()
    return right / len(pool)


def train(output: Path, settings: NanoSettings, checkpoint_every: int = 500) -> None:
    """Write model, processor and `history.json` to `output`."""
    import torch

    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    size = NanoSize()
    tokenizer = build_tokenizer()
    processor = build_processor(size, tokenizer)
    model = build_model(size, tokenizer)
    initialise(model)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, betas=(0.9, 0.98)
    )
    output.mkdir(parents=True, exist_ok=True)
    state_file = output / "state.pt"
    first, history, spent = 0, [], 0.0
    if state_file.exists():
        state = torch.load(state_file, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        first, history, spent = state["step"], state["history"], state["seconds"]
    held_out = {style.name: draw_pool(128, style, 999, size) for style in (PAINTED, VERTICAL)}
    batches = Batches(processor, settings, size)
    model.train()
    running, started = 0.0, time.monotonic()
    for step in range(first, settings.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, settings)
        loss = model(**batches.next(step / settings.steps)).loss
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        running = loss.item() if not running else 0.98 * running + 0.02 * loss.item()
        done = step + 1
        if done % checkpoint_every == 0 or done == settings.steps:
            scores = {name: exact_match(model, processor, pool) for name, pool in held_out.items()}
            seconds = spent + time.monotonic() - started
            history.append({"step": done, "loss": round(running, 4), "seconds": round(seconds), **scores})
            print(json.dumps(history[-1]), flush=True)
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": done}
            part = state_file.with_suffix(".part")
            torch.save({**state, "history": history, "seconds": seconds}, part)
            part.replace(state_file)
    model.save_pretrained(output)
    processor.save_pretrained(output)
    record = {"settings": asdict(settings), "size": asdict(size), "history": history}
    (output / "history.json").write_text(json.dumps(record, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=NanoSettings().steps)
    parser.add_argument("--threads", type=int, default=NanoSettings().threads)
    arguments = parser.parse_args()
    # Waiting OpenMP threads that spin slow a shared machine down five to ten times.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    train(arguments.output, replace(NanoSettings(), steps=arguments.steps, threads=arguments.threads))


if __name__ == "__main__":
    main()
