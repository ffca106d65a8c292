"""Loss and readings on held-out crops, shared out over the workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deployments.container_number.florence import CropText, read_crops
from deployments.container_number.prompts import ReadingSettings
from training.fine_tuning.examples import IGNORED, Collator, Example, open_images
from training.scoring import Scores, score


@dataclass(frozen=True, slots=True)
class Share:
    """One worker's part of an evaluation: sums, so that parts can be added."""

    loss_sum: float
    tokens: int
    texts: tuple[str, ...]
    wanted: tuple[str, ...]


def evaluate_share(
    model: Any, collate: Collator, examples: Sequence[Example], decoded: int, batch_size: int, autocast: Any
) -> Share:
    """Loss over `examples`, and greedy readings of the first `decoded` of them. The model is left in training mode."""
    import torch
    from torch.nn import functional

    model.eval()
    loss_sum, tokens = 0.0, 0
    with torch.inference_mode():
        for start in range(0, len(examples), batch_size):
            batch = {
                name: part.to(model.device) for name, part in collate(examples[start : start + batch_size]).items()
            }
            with autocast():
                logits = model(**batch).logits
            labels = batch["labels"]
            losses = functional.cross_entropy(
                logits.float().flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="sum"
            )
            loss_sum += float(losses)
            tokens += int((labels != IGNORED).sum())
    shown = examples[:decoded]
    read = read_examples_with(model, collate.processor, shown, collate.reading, batch_size)
    model.train()
    return Share(loss_sum, tokens, tuple(text.text for text in read), tuple(example.text for example in shown))


def read_examples_with(
    model: Any, processor: Any, examples: Sequence[Example], reading: ReadingSettings, batch_size: int
) -> list[CropText]:
    """Readings of the examples' pictures, in batches."""
    read: list[CropText] = []
    for start in range(0, len(examples), batch_size):
        read += read_crops(model, processor, open_images(examples[start : start + batch_size]), reading)
    return read


def join(shares: Sequence[Share]) -> tuple[float, Scores]:
    """(loss per token, scores) of all workers' parts."""
    texts = [text for share in shares for text in share.texts]
    wanted = [text for share in shares for text in share.wanted]
    return sum(share.loss_sum for share in shares) / sum(share.tokens for share in shares), score(texts, wanted)
