"""One training worker among the others, on Ray Train."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from training.fine_tuning import state
from training.fine_tuning.evaluation import Share
from training.fine_tuning.loop import Loop
from training.fine_tuning.state import Progress


class RayGroup:
    """`loop.Group` on Ray Train: checkpoints through `ray.train.report`, sums through torch.distributed."""

    def __init__(self, scratch: Path) -> None:
        import ray.train

        context = ray.train.get_context()
        self.rank: int = context.get_world_rank()
        self.size: int = context.get_world_size()
        self.best = scratch / state.BEST
        self._loop: Loop | None = None

    def attach(self, loop: Loop) -> None:
        """The loop whose state `report` saves."""
        self._loop = loop

    def gather(self, share: Share) -> list[Share]:
        import torch.distributed

        if self.size == 1:
            return [share]
        shares: list[Any] = [None] * self.size
        torch.distributed.all_gather_object(shares, share)
        return shares

    def report(self, progress: Progress, metrics: dict[str, float]) -> None:
        import ray.train

        assert self._loop is not None
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            state.save_random(folder, self.rank)
            if self.rank == 0:
                loop = self._loop
                state.save_training(folder, loop.core, loop.optimizer, loop.scaler, progress, self.best)
            facts = {**metrics, "epoch": progress.epoch, "step": progress.step}
            ray.train.report(facts, checkpoint=ray.train.Checkpoint.from_directory(name))

    def keep_best(self, model: Any) -> None:
        if self.rank == 0:
            shutil.rmtree(self.best, ignore_errors=True)
            model.save_pretrained(str(self.best))
