"""The Ray side of a bulk job: a connection, the pool of engine actors, and the stream of rows out of it."""

from __future__ import annotations

import logging
import os
import signal
import warnings
from collections.abc import Iterator
from typing import Any

from deployments.serving import gpu_memory
from deployments.serving.bulk_engine import EngineRows
from deployments.serving.bulk_rows import PLACE, answer_schema
from deployments.serving.bulk_settings import JobSettings
from deployments.serving.bulk_sources import Input, Source
from deployments.serving.bulk_task import BulkTask
from deployments.serving.errors import EngineFailed, SensoriumError
from deployments.serving.ray_metrics import gpu_share


class EngineActor:
    """What Ray Data's actors are: an engine that turns blocks of inputs into blocks of rows."""

    def __init__(self, task: BulkTask, settings: JobSettings, roots: tuple[str, ...]) -> None:
        gpu_memory.claim(gpu_share())  # actor_gpus is bookkeeping: the backends hold their library to it
        self._rows = EngineRows(task, settings.batching, roots, settings.prepare_threads)
        self._schema = answer_schema(task.result_fields())

    def __call__(self, block: Any) -> Any:
        import pyarrow as pa

        rows = self._rows.rows([Input(**row) for row in block.drop_columns([PLACE]).to_pylist()])
        for row, place in zip(rows, block.column(PLACE).to_pylist(), strict=True):
            row[PLACE] = place
        return pa.Table.from_pylist(rows, schema=self._schema)


class Cluster:
    """A connection to the cluster that `RAY_ADDRESS` names, else a Ray of this process's own; closed again."""

    def __enter__(self) -> None:
        # Read when Ray is imported. The first is Ray's default, which it warns about where nobody named it; the second
        # keeps Ray's C++ side from writing notes on its own restarts (ray-project/ray#53727) into the progress bar.
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        import ray

        self._ours = not ray.is_initialized()
        if self._ours and os.environ.get("RAY_ADDRESS"):
            ray.init(address="auto", log_to_driver=False, logging_level=logging.WARNING)
        elif self._ours:
            ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level=logging.WARNING)
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.print_on_execution_start = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        # `ray job stop` and `docker stop` end a driver like this; what was done is to be kept.
        self._before = signal.signal(signal.SIGTERM, _interrupt)

    def __exit__(self, *_: object) -> None:
        import ray

        signal.signal(signal.SIGTERM, self._before)
        if self._ours:
            ray.shutdown()


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


class EnginePool:
    """Copies of a service's engine on a connected cluster: as many as the settings say, else as are free."""

    def __init__(self, task: BulkTask, settings: JobSettings, source: Source) -> None:
        import ray

        self.task = task
        self._settings = settings
        self._source = source
        free = ray.available_resources().get("CPU", 0.0)
        self._cpus = settings.actor_cpus or (1.0 if free >= 1 else max(0.1, round(0.9 * free, 2)))
        self._actors = settings.actors or max(1, int(free / self._cpus))

    def check(self) -> dict[str, str]:
        """Load the model once where it will run, before a million inputs fail for one reason; what answers.

        Raises:
            SensoriumError: it does not load, or the job's options suit no input.
        """
        import ray

        task, batching, roots = self.task, self._settings.batching, self._source.roots

        def check() -> tuple[dict[str, str] | None, SensoriumError | None]:
            try:
                gpu_memory.claim(gpu_share())
                rows = EngineRows(task, batching, roots)
                rows.check()
            except SensoriumError as error:
                return None, error
            card = rows.card
            rows.close()
            return {"model": card.model, "backend": card.backend, "version": card.version}, None

        remote = ray.remote(check).options(num_cpus=self._cpus, num_gpus=self._settings.actor_gpus, max_retries=0)
        try:
            answer, error = ray.get(remote.remote())
        except ray.exceptions.RayError as failure:
            reason = str(failure).strip().splitlines()[-1]
            raise EngineFailed(f"the model does not load on the cluster: {reason[:500]}") from failure
        if error is not None:
            raise error
        assert answer is not None
        return dict(answer)

    def stream(self, blocks: list[Any], *, alone: bool = False) -> Iterator[Any]:
        """Blocks of `answer_schema`, in any order, as actors finish them.

        Blocks on which an actor's process dies do not come.

        Args:
            blocks: Arrow tables of `input_schema`.
            alone: an actor has one block at a time, so that it takes no other with it when it dies.
        """
        import ray

        blocks = _spread(blocks, self._actors)
        context = ray.data.DataContext.get_current()
        context.max_errored_blocks = -1
        with warnings.catch_warnings():
            # Ray 2.60 warns that `max_task_retries` goes in 2.64, and offers nothing in its place.
            warnings.filterwarnings("ignore", message=".*ray_remote_args.*")
            rows = ray.data.from_arrow(blocks).map_batches(
                EngineActor,
                batch_size=None,
                batch_format="pyarrow",
                compute=ray.data.ActorPoolStrategy(
                    size=min(self._actors, len(blocks)), max_tasks_in_flight_per_actor=1 if alone else 2
                ),
                fn_constructor_args=(self.task, self._settings, self._source.roots),
                num_cpus=self._cpus,
                num_gpus=self._settings.actor_gpus or None,
                # Without an end to it, a file that kills the process would be tried for ever.
                max_task_retries=0 if alone else 1,
            )
        yield from rows.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=1)


_TASKS_PER_ACTOR = 4
"""At least, so that all end at about the same time."""


def _spread(blocks: list[Any], actors: int) -> list[Any]:
    """`blocks`, cut smaller where a few large ones would leave actors idle."""
    import pyarrow as pa

    if len(blocks) >= _TASKS_PER_ACTOR * actors:
        return blocks
    inputs = pa.concat_tables(blocks)
    length = max(1, inputs.num_rows // (_TASKS_PER_ACTOR * actors))
    return [inputs.slice(start, length) for start in range(0, inputs.num_rows, length)]
