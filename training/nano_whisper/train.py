"""Training: AdamW, a learning rate that decays to nothing over a fixed number of steps, checkpoints to resume from."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.nano_whisper.batches import IGNORED, WORD_CLASSES, Batch, make_batch
from training.nano_whisper.examples import Example
from training.nano_whisper.model import WIDTH, build, decode, encode, hold_logit_carrier
from training.nano_whisper.vocabulary import token_ids


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """About 20 minutes on a quiet CPU core; most of the accuracy comes while the learning rate decays."""

    steps: int = 7_000
    batch_size: int = 20
    learning_rate: float = 1.5e-3
    warm_up_steps: int = 150
    #: Share of the steps at the full learning rate, before the cosine.
    constant_share: float = 0.4
    #: Short utterances first: the pool grows from 30 % to all of it within the first quarter of the steps.
    first_pool_share: float = 0.3
    frame_loss: float = 0.5
    guide_loss: float = 0.3
    seed: int = 0
    checkpoint_every: int = 200


def learning_rate(settings: TrainSettings, step: int) -> float:
    """The rate at ``step``: linear warm-up, constant, then a cosine down to 1 % of the full rate."""
    fraction = step / settings.steps
    rate = settings.learning_rate * min(1.0, (step + 1) / settings.warm_up_steps)
    if fraction < settings.constant_share:
        return rate
    decay = (fraction - settings.constant_share) / (1 - settings.constant_share)
    return rate * (0.5 * (1 + math.cos(math.pi * decay)) + 0.01)


class Trainer:
    """One training run; its whole state goes into the checkpoint file, so that it can be stopped at any time."""

    def __init__(self, examples: Sequence[Example], settings: TrainSettings, checkpoint: Path) -> None:
        import torch

        self.examples, self.settings, self.checkpoint = examples, settings, checkpoint
        self.model = build(settings.seed)
        self.frame_head = torch.nn.Linear(WIDTH, 1 + len(WORD_CLASSES))
        parameters = [*self.model.parameters(), *self.frame_head.parameters()]
        self.optimiser = torch.optim.AdamW(parameters, lr=settings.learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
        self.draw = random.Random(settings.seed + 1)
        self.step = 0
        # Sorted by length, so that a batch holds utterances of like length; natural ones count twice.
        twice = [i for i, example in enumerate(examples) if example.spans is None]
        self.order = sorted([*range(len(examples)), *twice], key=lambda i: int(examples[i].log_mel.shape[1]))

    def resume(self) -> None:
        """Continue from the checkpoint, where there is one."""
        import torch

        if not self.checkpoint.exists():
            return
        state = torch.load(self.checkpoint, weights_only=False)  # our own file: it holds Python's random state
        self.model.load_state_dict(state["model"])
        self.frame_head.load_state_dict(state["frame_head"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.draw.setstate(state["draw"])
        self.step = state["step"]

    def save(self) -> None:
        """Write the checkpoint in one move."""
        import torch

        partial = self.checkpoint.with_suffix(".partial")
        torch.save(
            {
                "model": self.model.state_dict(),
                "frame_head": self.frame_head.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "draw": self.draw.getstate(),
                "step": self.step,
            },
            partial,
        )
        partial.replace(self.checkpoint)

    def _draw_batch(self) -> Batch:
        settings = self.settings
        share = min(1.0, settings.first_pool_share + 3 * self.step / settings.steps)
        pool = int(len(self.order) * share)
        start = self.draw.randint(0, max(0, pool - settings.batch_size * 8))
        window = sorted(set(self.order[start : start + settings.batch_size * 8]))
        chosen = self.draw.sample(window, min(settings.batch_size, len(window)))
        return make_batch([self.examples[i] for i in chosen], self.draw)

    def losses(self, batch: Batch) -> tuple[Any, Any, Any]:
        """Cross-entropy of the text, of the frame-wise words, and how far the last attention looks from the words."""
        import torch
        from torch.nn import functional

        states, bias = encode(self.model, batch.mel, batch.far)
        logits, attention = decode(self.model, batch.tokens, states, bias)
        text = functional.cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), ignore_index=IGNORED)
        frames = guide = torch.zeros(())
        if batch.guides:
            near = states[:, : batch.frame_words.shape[1]]
            classes = self.frame_head(near).flatten(0, 1)
            frames = functional.cross_entropy(classes, batch.frame_words.flatten(), ignore_index=IGNORED)
            cumulated = functional.pad(attention.mean(1).cumsum(-1), (1, 0))
            row, position, first, stop = torch.tensor(batch.guides).T
            inside = cumulated[row, position, stop] - cumulated[row, position, first]
            guide = -inside.clamp(min=1e-4).log().mean()
        return text, frames, guide

    def run(self, held_out: Sequence[Example], until: int | None = None) -> None:
        """Train to the last step, or to step ``until``; prints losses, and held-out exact match at every checkpoint."""
        import torch

        settings, started = self.settings, time.monotonic()
        first_step = self.step
        while self.step < (settings.steps if until is None else until):
            rate = learning_rate(settings, self.step)
            for group in self.optimiser.param_groups:
                group["lr"] = rate
            text, frames, guide = self.losses(self._draw_batch())
            self.optimiser.zero_grad()
            (text + settings.frame_loss * frames + settings.guide_loss * guide).backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimiser.step()
            hold_logit_carrier(self.model)
            self.step += 1
            if self.step % 50 == 0:
                pace = (time.monotonic() - started) / (self.step - first_step)
                losses = f"text {text:.3f} frames {frames:.3f} guide {guide:.3f}"
                print(f"step {self.step} {losses} rate {rate:.1e} {pace:.3f} s/step", flush=True)
            if self.step % settings.checkpoint_every == 0 or self.step == settings.steps:
                self.save()
                print(f"  held-out exact match {exact_match(self.model, held_out):.3f}", flush=True)


def exact_match(model: Any, examples: Sequence[Example], batch_size: int = 20) -> float:
    """Share of examples (at least one) whose greedy text, without timestamps, is exact."""
    import torch

    ids, draw, right = token_ids(), random.Random(5), 0
    compact = {token: index for index, token in enumerate(ids.used)}
    with torch.no_grad():
        for start in range(0, len(examples), batch_size):
            some = examples[start : start + batch_size]
            batch = make_batch(some, draw, augment=False)
            states, bias = encode(model, batch.mel, batch.far)
            prompts = [
                (ids.start_of_transcript, ids.languages[e.language], ids.transcribe, ids.no_timestamps) for e in some
            ]
            tokens = torch.tensor([[compact[t] for t in prompt] for prompt in prompts])
            for _ in range(24):
                best = decode(model, tokens, states, bias)[0][:, -1].argmax(-1, keepdim=True)
                tokens = torch.cat([tokens, best], dim=1)
            for example, row in zip(some, tokens[:, 4:].tolist(), strict=True):
                wanted = [*ids.of_words(example.words), ids.end_of_text]
                right += [ids.used[t] for t in row[: len(wanted)]] == wanted
    return right / len(examples)
