"""How long a run is and how its learning rate goes."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from training.fine_tuning.examples import Example
from training.fine_tuning.settings import FineTuneSettings


@dataclass(frozen=True, slots=True)
class Plan:
    """Which crops each worker sees in each epoch. All workers take the same number of batches."""

    train: Sequence[Example]
    mix: Sequence[Example]
    settings: FineTuneSettings

    @property
    def epoch_size(self) -> int:
        """Crops of one epoch, all workers together, the mixed-in ones included."""
        share = self.settings.mix_share if self.mix else 0.0
        return round(len(self.train) / (1 - share))

    @property
    def batches(self) -> int:
        """Batches of one worker in one epoch."""
        return math.ceil(self.epoch_size / (self.settings.num_workers * self.settings.batch_size))

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps in one epoch."""
        return math.ceil(self.batches / self.settings.gradient_accumulation)

    @property
    def steps(self) -> int:
        """Optimizer steps of the whole run."""
        return self.steps_per_epoch * self.settings.epochs

    def worker_batches(self, epoch: int, worker: int, first: int = 0) -> Iterator[list[Example]]:
        """One worker's batches of an epoch from batch `first` on. The order depends on seed and epoch alone, so a
        resumed run sees what it would have seen; the last batches are filled up from the front."""
        rng = random.Random(f"{self.settings.seed}/{epoch}")
        order = list(self.train)
        order += [rng.choice(self.mix) for _ in range(self.epoch_size - len(self.train))]
        rng.shuffle(order)
        size, workers = self.settings.batch_size, self.settings.num_workers
        wanted = self.batches * size * workers
        order = (order * math.ceil(wanted / len(order)))[:wanted]
        own = order[worker::workers]
        for batch in range(first, self.batches):
            yield own[batch * size : (batch + 1) * size]


def learning_rate_factor(step: int, steps: int, warm_up_share: float) -> float:
    """Factor on the peak learning rate at optimizer step `step` (from 0): linear warm-up, then a cosine to 2 %."""
    warm_up = max(1, round(steps * warm_up_share))
    if step < warm_up:
        return (step + 1) / warm_up
    progress = (step - warm_up) / max(1, steps - warm_up)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
