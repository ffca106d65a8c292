"""An engine over many inputs: the next are read and decoded while the model runs, units of all are batched together.

Knows neither Ray nor files' formats. A bad input becomes a failed row; nothing that one input does fails another.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from deployments.serving.batching import Batching
from deployments.serving.bulk_prepare import OpenInput, Preparer
from deployments.serving.bulk_rows import Row, failed_row, long_row, success_row
from deployments.serving.bulk_sources import Input
from deployments.serving.bulk_task import AnyEngine, BulkTask
from deployments.serving.engine import ModelCard
from deployments.serving.errors import EngineFailed

_Batch = list[tuple[OpenInput, int]]


class EngineRows:
    """A loaded, warm engine that turns inputs into rows. Used from one thread.

    Args:
        batching: bounds on one call of the model, and on what is prepared ahead.
        roots: media roots that cover every input.
    """

    def __init__(self, task: BulkTask, batching: Batching, roots: tuple[str, ...], prepare_threads: int = 1) -> None:
        self._task = task
        self._batching = batching
        self._engine_thread = ThreadPoolExecutor(1, thread_name_prefix="engine")
        self._engine: AnyEngine = self._engine_thread.submit(self._load).result()
        self._preparer = Preparer(task, self._engine, batching, roots, prepare_threads)

    @property
    def card(self) -> ModelCard:
        return self._engine.card

    def check(self) -> None:
        """
        Raises:
            SensoriumError: the job's options suit no input.
        """
        self._engine.prepare(self._task.request(self._task.sample(), "sample"))

    def close(self) -> None:
        self._engine_thread.submit(self._engine.close).result()
        self._engine_thread.shutdown()
        self._preparer.close()

    def rows(self, inputs: Sequence[Input]) -> list[Row]:
        """One row per input, in order; for one that is to be cut into sections first, `long_row`."""
        rows: list[Row | None] = [None] * len(inputs)
        running: tuple[Future[None], _Batch] | None = None
        batch: _Batch = []
        cost = 0

        def start() -> None:
            """Hands `batch` to the model, once it is done with the one before."""
            nonlocal running, batch, cost
            finish()
            if batch:
                running = self._engine_thread.submit(self._infer, batch), batch
            batch, cost = [], 0

        def finish() -> None:
            nonlocal running
            if running is not None:
                future, done = running
                future.result()
                running = None
                for one in {id(one): one for one, _ in done}.values():
                    if not one.waiting:
                        rows[one.place] = self._row(one)

        for one in self._preparer.prepared(inputs):
            if not one.units or one.error:
                rows[one.place] = self._row(one)
                continue
            for index, unit_cost in enumerate(one.costs):
                if batch and (
                    len(batch) >= self._batching.max_batch_size or cost + unit_cost > self._batching.max_batch_cost
                ):
                    start()
                batch.append((one, index))
                cost += unit_cost
        start()
        finish()
        return [row if row is not None else failed_row(inputs[at], EngineFailed("lost")) for at, row in enumerate(rows)]

    def _load(self) -> AnyEngine:
        engine = self._task.load()
        engine.warm_up()
        return engine

    def _infer(self, batch: _Batch) -> None:
        live = [(one, index) for one, index in batch if one.error is None]
        started = time.perf_counter()
        outcomes = _outcomes(self._engine, [one.units[index] for one, index in live]) if live else []
        spent = 1000 * (time.perf_counter() - started)
        total = sum(one.costs[index] for one, index in live) or 1
        for (one, index), outcome in zip(live, outcomes, strict=True):
            one.outcomes[index] = outcome
            one.inference_ms += spent * one.costs[index] / total
            if isinstance(outcome, Exception) and one.error is None:
                one.error = outcome
        for one, _ in batch:
            one.waiting -= 1

    def _row(self, one: OpenInput) -> Row:
        measured: Row = {"prepare_ms": one.prepare_ms, "inference_ms": one.inference_ms}
        measured["content_hash"] = one.content_hash
        try:
            if one.error is not None:
                raise one.error
            if one.sections > 1:
                return long_row(one.item, one.sections)
            result = self._engine.assemble(one.request, one.units, one.outcomes)
            return success_row(one.item, self._task.result(result), self._engine.card, **measured)
        except Exception as error:  # noqa: BLE001
            return failed_row(one.item, error, **measured)


def _outcomes(engine: AnyEngine, units: Sequence[Any]) -> Sequence[Any]:
    """One outcome or error value a unit. A batch that raises is run again unit by unit, as online."""
    try:
        outcomes = engine.infer(units)
        if len(outcomes) != len(units):
            raise EngineFailed(f"the engine answered {len(outcomes)} outcomes to {len(units)} units")
        return outcomes
    except Exception as error:  # noqa: BLE001  (an engine may raise anything)
        return [error] if len(units) == 1 else [_outcomes(engine, [unit])[0] for unit in units]
