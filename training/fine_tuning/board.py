"""TensorBoard files of a run, and one line per epoch for the person who watches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from training.fine_tuning.progress_line import say


class Board:
    """TensorBoard files; a resumed run overwrites what the stopped one wrote after its last checkpoint."""

    def __init__(self, folder: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder), purge_step=step or None)

    def loss(self, step: int, loss: float, rate: float) -> None:
        self._writer.add_scalar("loss/train", loss, step)
        self._writer.add_scalar("learning_rate", rate, step)

    def evaluation(self, entry: dict[str, Any]) -> None:
        step = entry["step"]
        self._writer.add_scalar("loss/eval", entry["eval_loss"], step)
        for name in ("exact_match", "character_error_rate", "valid_check_digits"):
            self._writer.add_scalar(f"eval/{name}", entry[name], step)
        self._writer.flush()
        say(
            f"epoch {entry['epoch']}: eval_loss {entry['eval_loss']:.4f}, exact match {entry['exact_match']:.1%}, "
            f"character error {entry['character_error_rate']:.2%}",
        )

    def close(self) -> None:
        self._writer.close()
