"""Start a fine-tuning run on Ray Train, or go on with one that was stopped."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deployments.container_number.florence import weights_hash
from deployments.serving.errors import EngineFailed, InvalidInput
from training.dataset import dataset_hash
from training.fine_tuning import memory, state
from training.fine_tuning.preflight import check_cluster, check_inputs, find_base
from training.fine_tuning.settings import FineTuneSettings
from training.fine_tuning.state import Progress
from training.fine_tuning.worker import OUT_OF_MEMORY, train_worker

RUN_FILE = "run.json"
_RUNS, _RUN = "ray_train", "run"
# Idle OpenMP threads that spin slow shared cores down five to ten times; tokenizers must not fork threads either.
_WORKER_ENVIRONMENT = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0", "TOKENIZERS_PARALLELISM": "false"}


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run, before it is written out."""

    settings: FineTuneSettings
    base_folder: Path
    prompt: str
    dataset_hash: str
    checkpoint: Path
    """The last checkpoint; its `best/` is the adapter to keep."""
    progress: Progress


def run(settings: FineTuneSettings, fresh: bool = False) -> Run:
    """Train to the end.

    A worker that is killed is started anew from the last checkpoint. A whole job that was stopped goes on when it is
    started again with the same `output`; with more `epochs` a finished run goes on, too.

    Args:
        fresh: forget what an earlier run left in `output`.

    Raises:
        InvalidInput: bad datasets or settings, or `output` holds a run with other data or another model.
        BackendMissing: the base model is not there.
        Unavailable: the cluster is too small for the workers.
        OutOfMemory: the batch does not fit; the message says what to try.
        EngineFailed: training failed `max_failures` times.
    """
    settings = absolute(settings)
    prompt = check_inputs(settings)
    base_folder = find_base(settings)
    data = dataset_hash(settings.train, settings.validation, *([settings.mix] if settings.mix else []))
    _claim(settings, data, weights_hash(base_folder), fresh)
    checkpoint = _fit(settings, base_folder)
    return Run(settings, base_folder, prompt, data, checkpoint, Progress.read(checkpoint))


def absolute(settings: FineTuneSettings) -> FineTuneSettings:
    """The same with absolute paths: Ray's workers run in another folder."""
    return replace(
        settings,
        train=settings.train.resolve(),
        validation=settings.validation.resolve(),
        output=settings.output.resolve(),
        mix=settings.mix.resolve() if settings.mix else None,
        also_evaluate=tuple(file.resolve() for file in settings.also_evaluate),
    )


def connect() -> None:
    """Join the running cluster (RAY_ADDRESS, or one on this machine), or start one in this process."""
    import ray

    if not ray.is_initialized():
        ray.init(log_to_driver=True)


def _claim(settings: FineTuneSettings, data: str, base: str, fresh: bool) -> None:
    """Make `output` this run's, or see that it already is."""
    identity: dict[str, Any] = {**settings.identity(), "dataset_sha256": data, "base_sha256": base}
    settings.output.mkdir(parents=True, exist_ok=True)
    file = settings.output / RUN_FILE
    if fresh:
        for name in (_RUNS, "tensorboard", "adapter"):
            shutil.rmtree(settings.output / name, ignore_errors=True)
        file.unlink(missing_ok=True)
    if file.exists():
        before = json.loads(file.read_text(encoding="utf-8"))
        changed = sorted(name for name, value in identity.items() if before.get(name) != value)
        if changed:
            raise InvalidInput(
                f"{settings.output} holds a run with another {', '.join(changed)}. Give another --output, or start "
                "anew with --fresh.",
                changed=changed,
            )
    file.write_text(json.dumps(identity, indent=1) + "\n", encoding="utf-8")


def _fit(settings: FineTuneSettings, base_folder: Path) -> Path:
    """Run Ray Train; the folder of the last checkpoint."""
    os.environ.setdefault("RAY_TRAIN_V2_ENABLED", "1")
    connect()
    check_cluster(settings)
    from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig, TrainingFailedError
    from ray.train.torch import TorchTrainer

    on_gpu = settings.device == "cuda"
    resources = {"CPU": settings.cpus_per_worker} | ({"GPU": settings.gpus_per_worker} if on_gpu else {})
    trainer = TorchTrainer(
        train_worker,
        train_loop_config={"settings": settings.as_dict(), "base_folder": str(base_folder)},
        scaling_config=ScalingConfig(num_workers=settings.num_workers, use_gpu=on_gpu, resources_per_worker=resources),
        run_config=RunConfig(
            name=_RUN,
            storage_path=str(settings.output / _RUNS),
            failure_config=FailureConfig(max_failures=settings.max_failures),
            checkpoint_config=CheckpointConfig(num_to_keep=2),
            worker_runtime_env={"env_vars": _WORKER_ENVIRONMENT},
        ),
    )
    try:
        result = trainer.fit()
    except TrainingFailedError as error:
        raise _failure(error, settings) from error
    told = (result.return_value or {}).get(OUT_OF_MEMORY)
    if told:
        raise memory.OutOfMemory(told, batch_size=settings.batch_size)
    if result.checkpoint is None:
        raise EngineFailed(f"The run wrote no checkpoint; see {settings.output / _RUNS}.")
    return Path(result.checkpoint.path)


def _failure(error: Exception, settings: FineTuneSettings) -> Exception:
    """What ended the run, in our terms."""
    failures = getattr(error, "worker_failures", {})
    for failure in failures.values():
        cause = getattr(failure, "cause", None) or failure
        if memory.is_out_of_memory(cause) or memory.is_out_of_memory(failure):
            return memory.advice(settings.batch_size, settings.gradient_accumulation, settings.device)
    return EngineFailed(
        f"Training failed after {settings.max_failures} restart(s): {error}. The last checkpoint is kept: the same "
        "command goes on from it.",
    )


def best_adapter(finished: Run) -> Path:
    """The adapter with the lowest `eval_loss`."""
    best = finished.checkpoint / state.BEST
    return best if best.is_dir() else finished.checkpoint / state.ADAPTER
