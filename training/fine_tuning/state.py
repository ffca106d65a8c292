"""What a run needs to go on exactly where it stopped: adapter, optimizer, loss scaler, random generators, place.

A checkpoint folder holds:

    adapter/          the adapter as it is
    best/             the adapter with the lowest eval_loss so far
    training.pt       optimizer and loss scaler
    random_N.pt       worker N's random generators (each worker writes its own)
    progress.json     place in the run, history, best loss

The learning rate is a function of the step, so the schedule needs no state of its own.
"""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ADAPTER, BEST, TRAINING, PROGRESS = "adapter", "best", "training.pt", "progress.json"


@dataclass(slots=True)
class Progress:
    """Where a run is. Changed by the training loop only."""

    epoch: int = 0
    """Epochs that are over."""
    batch: int = 0
    """Batches of the current epoch that are over."""
    step: int = 0
    """Optimizer steps that are over."""
    seconds: float = 0.0
    """Time spent in this run's loops so far, restarts included."""
    best_loss: float = float("inf")
    best_epoch: int = 0
    since_best: int = 0
    """Evaluations since the best."""
    starts: int = 0
    """How often the loop was entered: 1 and one for each time it went on after a stop."""
    stopped_early: bool = False
    losses: list[tuple[int, float]] = field(default_factory=list)
    """(step, mean training loss since the entry before)."""
    evaluations: list[dict[str, Any]] = field(default_factory=list)
    """One per epoch: `epoch`, `step`, `train_loss`, `eval_loss` and scores."""

    def write(self, folder: Path) -> None:
        values = asdict(self)
        if self.best_loss == float("inf"):
            values["best_loss"] = None
        (folder / PROGRESS).write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Progress:
        values = json.loads((folder / PROGRESS).read_text(encoding="utf-8"))
        values["losses"] = [(step, loss) for step, loss in values["losses"]]
        values["best_loss"] = float("inf") if values["best_loss"] is None else values["best_loss"]
        return cls(**values)


def save_training(folder: Path, model: Any, optimizer: Any, scaler: Any, progress: Progress, best: Path) -> None:
    """Everything but the random generators. `best`, this worker's copy of the best adapter, may not exist yet."""
    import torch

    model.save_pretrained(str(folder / ADAPTER))
    if best.is_dir():
        shutil.copytree(best, folder / BEST)
    torch.save({"optimizer": optimizer.state_dict(), "scaler": scaler.state_dict()}, folder / TRAINING)
    progress.write(folder)


def load_training(folder: Path, optimizer: Any, scaler: Any) -> None:
    """Put optimizer and loss scaler back, in place."""
    import torch

    state = torch.load(folder / TRAINING, weights_only=True, map_location="cpu")
    optimizer.load_state_dict(state["optimizer"])
    scaler.load_state_dict(state["scaler"])


def save_random(folder: Path, worker: int) -> None:
    """This worker's generators: torch (CPU and CUDA) and Python."""
    import torch

    version, numbers, gauss = random.getstate()
    state = {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all(),
        "python": (version, numbers, gauss),
    }
    torch.save(state, folder / f"random_{worker}.pt")


def load_random(folder: Path, worker: int) -> bool:
    """Put the generators back; False where this worker has none saved (the number of workers has grown)."""
    import torch

    file = folder / f"random_{worker}.pt"
    if not file.is_file():
        return False
    state = torch.load(file, weights_only=True, map_location="cpu")
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    return True
