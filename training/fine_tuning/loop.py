"""The training loop of one worker. It knows PyTorch; what it needs of Ray Train comes in as `Group`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from training.fine_tuning.evaluation import Share, evaluate_share, join
from training.fine_tuning.examples import Collator, Example
from training.fine_tuning.lora import trainable
from training.fine_tuning.progress_line import ProgressLine
from training.fine_tuning.schedule import Plan, learning_rate_factor
from training.fine_tuning.settings import FineTuneSettings
from training.fine_tuning.state import Progress

_AUTOCAST = {"bf16": "bfloat16", "fp16": "float16"}


class Group(Protocol):
    """This worker among the others."""

    rank: int
    size: int

    def gather(self, share: Share) -> list[Share]:
        """Every worker's part of an evaluation, in the order of their ranks."""
        ...

    def report(self, progress: Progress, metrics: dict[str, float]) -> None:
        """Write a checkpoint and tell Ray Train; all workers call it equally often."""
        ...

    def keep_best(self, model: Any) -> None:
        """Remember the adapter as it is now as the best."""
        ...


@dataclass(slots=True)
class Loop:
    settings: FineTuneSettings
    plan: Plan
    validation: Sequence[Example]
    collate: Collator
    model: Any
    """The model with its adapter, wrapped for several workers if there are any."""
    core: Any
    """The same without the wrapper."""
    optimizer: Any
    scaler: Any
    group: Group
    progress: Progress
    on_loss: Callable[[int, float, float], None]
    """Called with (step, loss, learning rate) after each optimizer step."""
    on_evaluation: Callable[[dict[str, Any]], None]

    def run(self) -> None:
        """From `progress` to the end, or until `early_stopping` says so."""
        line = ProgressLine(self.plan.steps, self.progress.step)
        self.core.train()
        while self.progress.epoch < self.settings.epochs and not self.progress.stopped_early:
            train_loss = self._epoch(line)
            self._evaluate(train_loss)

    def autocast(self) -> Any:
        """Mixed precision as asked; nothing for fp32."""
        import torch

        name = _AUTOCAST.get(self.settings.precision)
        if name is None:
            return contextlib.nullcontext()
        return torch.autocast(self.core.device.type, dtype=getattr(torch, name))

    def _epoch(self, line: ProgressLine) -> float:
        """Train to the end of the current epoch; mean loss of its steps."""
        settings, progress = self.settings, self.progress
        progress_s = time.monotonic()
        epoch_losses: list[float] = []
        waiting: list[float] = []
        for examples in self.plan.worker_batches(progress.epoch, self.group.rank, progress.batch):
            last = progress.batch + 1 == self.plan.batches
            steps_now = last or (progress.batch + 1) % settings.gradient_accumulation == 0
            waiting.append(self._backward(examples, synchronise=steps_now))
            progress.batch += 1
            if not steps_now:
                continue
            rate = self._step()
            loss = sum(waiting) / len(waiting)
            epoch_losses.append(loss)
            waiting = []
            now = time.monotonic()
            progress.seconds += now - progress_s
            progress_s = now
            progress.losses.append((progress.step, round(loss, 5)))
            self.on_loss(progress.step, loss, rate)
            if self.group.rank == 0:
                line.step(progress.step, progress.epoch + 1, settings.epochs, loss)
            if settings.checkpoint_steps and not last and progress.step % settings.checkpoint_steps == 0:
                self.group.report(progress, {"train_loss": loss})
        return sum(epoch_losses) / max(1, len(epoch_losses))

    def _backward(self, examples: Sequence[Example], synchronise: bool) -> float:
        batch = {name: part.to(self.core.device) for name, part in self.collate(examples).items()}
        wait = contextlib.nullcontext() if synchronise or self.model is self.core else self.model.no_sync()
        with wait, self.autocast():
            loss = self.model(**batch).loss
            self.scaler.scale(loss / self.settings.gradient_accumulation).backward()
        return float(loss.detach())

    def _step(self) -> float:
        """One optimizer step; the learning rate it was made with."""
        import torch

        factor = learning_rate_factor(self.progress.step, self.plan.steps, self.settings.warm_up_share)
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.learning_rate * factor
        self.scaler.unscale_(self.optimizer)
        torch.nn.utils.clip_grad_norm_(trainable(self.core), self.settings.clip_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        self.progress.step += 1
        return self.settings.learning_rate * factor

    def _evaluate(self, train_loss: float) -> None:
        """End of an epoch: scores, best adapter, early stopping, checkpoint."""
        settings, progress = self.settings, self.progress
        started = time.monotonic()
        own = self.validation[self.group.rank :: self.group.size]
        decoded = max(1, settings.evaluate_at_most // self.group.size)
        share = evaluate_share(self.core, self.collate, own, decoded, max(8, settings.batch_size), self.autocast)
        loss, scores = join(self.group.gather(share))
        progress.epoch, progress.batch = progress.epoch + 1, 0
        progress.seconds += time.monotonic() - started
        if loss < progress.best_loss:
            progress.best_loss, progress.best_epoch, progress.since_best = loss, progress.epoch, 0
            self.group.keep_best(self.core)
        else:
            progress.since_best += 1
        progress.stopped_early = 0 < settings.early_stopping <= progress.since_best
        entry = {"epoch": progress.epoch, "step": progress.step, "train_loss": round(train_loss, 5)}
        entry |= {"eval_loss": round(loss, 5), **scores.as_dict(), "seconds": round(progress.seconds, 1)}
        progress.evaluations.append(entry)
        self.on_evaluation(entry)
        self.group.report(progress, {"eval_loss": loss, "exact_match": scores.exact_match, "train_loss": train_loss})
