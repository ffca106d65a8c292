"""What Ray Train runs in each worker process: load or resume, then the loop."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from deployments.serving import weights
from training.fine_tuning import memory, state
from training.fine_tuning.board import Board
from training.fine_tuning.examples import Collator, one_prompt, read_examples
from training.fine_tuning.loop import Loop
from training.fine_tuning.lora import trainable, with_adapter, with_saved_adapter
from training.fine_tuning.progress_line import say
from training.fine_tuning.ray_group import RayGroup
from training.fine_tuning.schedule import Plan
from training.fine_tuning.settings import FineTuneSettings
from training.fine_tuning.state import Progress

OUT_OF_MEMORY = "out_of_memory"


def train_worker(config: dict[str, Any]) -> dict[str, Any]:
    """`TorchTrainer`'s `train_loop_per_worker`.

    Args:
        config: `settings` (FineTuneSettings.as_dict()) and `base_folder`.

    Returns:
        {} or, for a single worker, {"out_of_memory": advice}: a failed return is not retried, an exception is.
    """
    settings = FineTuneSettings.from_dict(config["settings"])
    try:
        _train(settings, base_on_this_node(Path(config["base_folder"]), settings.base))
    except Exception as error:
        if not memory.is_out_of_memory(error):
            raise
        advice = memory.advice(settings.batch_size, settings.gradient_accumulation, settings.device)
        if settings.num_workers > 1:
            # The others wait for this worker's gradients: only an exception ends them.
            raise advice from error
        return {OUT_OF_MEMORY: advice.message}
    return {}


def base_on_this_node(folder: Path, source: str) -> Path:
    """The driver's folder where this node has it too, else the source resolved here (a hub model's own copy).

    Raises:
        BackendMissing: this node has neither.
    """
    return folder if folder.is_dir() else weights.resolve(source)


def _train(settings: FineTuneSettings, base_folder: Path) -> None:
    import ray.train
    import torch

    from deployments.container_number.florence import load_base
    from deployments.container_number.prompts import reading_settings

    torch.set_num_threads(max(1, int(settings.cpus_per_worker)))
    torch.manual_seed(settings.seed)
    random.seed(settings.seed)
    train, validation = read_examples(settings.train), read_examples(settings.validation)
    mix = read_examples(settings.mix) if settings.mix else ()
    base, processor = load_base(base_folder)
    checkpoint = ray.train.get_checkpoint()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        saved = scratch / "checkpoint"
        if checkpoint:
            checkpoint.to_directory(str(saved))
        resumed = (saved / state.PROGRESS).is_file()
        core = with_saved_adapter(base, saved / state.ADAPTER) if resumed else with_adapter(base, settings)
        wrapped = _placed(core, settings)
        optimizer = torch.optim.AdamW(
            trainable(core), lr=settings.learning_rate, weight_decay=settings.weight_decay, betas=(0.9, 0.98)
        )
        scaler = torch.amp.GradScaler(settings.device, enabled=settings.precision == "fp16")
        progress = Progress.read(saved) if resumed else Progress()
        progress.starts += 1
        group = RayGroup(scratch)
        # Each worker drops out its own weights; a resumed one goes on with its own generators.
        torch.manual_seed(settings.seed + 1 + group.rank)
        if resumed:
            state.load_training(saved, optimizer, scaler)
            state.load_random(saved, group.rank)
            if (saved / state.BEST).is_dir():
                shutil.copytree(saved / state.BEST, group.best)
        prompt = one_prompt(train, settings.train)
        collate = Collator(processor, replace(reading_settings(base_folder), prompt=prompt))
        plan = Plan(train, mix, settings)
        board = Board(settings.output / "tensorboard", progress.step) if group.rank == 0 else None
        loop = Loop(
            settings=settings,
            plan=plan,
            validation=validation,
            collate=collate,
            model=wrapped,
            core=core,
            optimizer=optimizer,
            scaler=scaler,
            group=group,
            progress=progress,
            on_loss=board.loss if board else _nothing,
            on_evaluation=board.evaluation if board else _nothing,
        )
        group.attach(loop)
        if group.rank == 0:
            how = f"goes on at epoch {progress.epoch + 1}, step {progress.step}" if resumed else "starts"
            parameters = sum(parameter.numel() for parameter in trainable(core))
            say(
                f"Fine-tuning {how}: {len(train)} crops, {plan.steps} steps, {parameters:,} adapter weights, "
                f"prompt {prompt!r} (worker process {os.getpid()}).",
            )
        loop.run()
        if board:
            board.close()


def _placed(core: Any, settings: FineTuneSettings) -> Any:
    """The model on its device, wrapped for gradient exchange where there are several workers."""
    import ray.train.torch

    if settings.device == "mps":
        return core.to("mps")
    return ray.train.torch.prepare_model(core)


def _nothing(*_: Any) -> None:
    """What workers other than the first do with a loss."""
