"""The one Serve deployment class: an engine, its batching and its HTTP face in one replica, so that a request makes
one hop from HAProxy to the model. Knows Serve; knows neither a model library nor any service's paths."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from deployments.serving import gpu_memory
from deployments.serving.batching import Batching
from deployments.serving.engine import Engine, ModelCard
from deployments.serving.errors import BackendMissing, SensoriumError
from deployments.serving.metrics import Metrics
from deployments.serving.peers import PeerRunner
from deployments.serving.runner import EngineRunner

ASGIApp = Callable[..., Awaitable[None]]
SURGE_PERCENT = 20
"""Of the replicas, at least one more: in an upgrade a new replica answers before an old one ends. Where there is no
room for one more (a GPU packed full), the YAML says `max_surge_percent: 0`."""


def _worth_nothing(result: Any) -> Mapping[str, float]:
    return {}


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """What a replica holds. Pickled into it, so every callable is a module-level function or a `partial` of one."""

    service: str
    """Base name: `ocr`, `embedding`, ...; labels metrics and logs."""
    load: Callable[[], Engine[Any, Any, Any, Any]]
    build_app: Callable[[BatchedModel], Awaitable[ASGIApp]] | None = None
    """Builds the service's FastAPI app around the replica, once the model is warm. None: a peer, reached by handle."""
    optional: bool = False
    """A model that does not load leaves the replica up and empty, because another backend can answer."""
    batching: Batching = field(default_factory=Batching)
    measure: Callable[[Any], Mapping[str, float]] = _worth_nothing
    """What a result was worth: amounts by kind, see `deployments.serving.metrics.WORK`."""
    pool_threads: int = 2
    stuck_after_s: float = 600.0


class BatchedModel:
    """A Serve ingress. Apply with `bind` (below); undecorated, so it can be constructed without Ray in a test.

    Args:
        spec: the model and its face.
        peers: other deployments of this application by name, e.g. one per speech backend.
    """

    def __init__(self, spec: ModelSpec, peers: Mapping[str, PeerRunner] | None = None) -> None:
        self.spec = spec
        self.peers = dict(peers or {})
        self.runner: EngineRunner[Any, Any] = EngineRunner(
            spec.load,
            spec.batching,
            make_metrics=self._metrics,
            measure=spec.measure,
            pool_threads=spec.pool_threads,
            stuck_after_s=spec.stuck_after_s,
        )
        self.failure: SensoriumError | None = None
        """Why an optional model is not loaded."""

    def _metrics(self, card: ModelCard) -> Metrics:
        from deployments.serving.ray_metrics import RayMetrics, gpu_share, replica_name

        return RayMetrics(self.spec.service, card.backend, replica_name(), gpu_share())

    async def run(self, request: Any) -> Any:
        """One request from a peer deployment, through its handle.

        Raises:
            SensoriumError: as `EngineRunner.run`; errors cross the handle with their fields.
        """
        return await self.runner.run(request)

    async def run_stream(self, request: Any) -> AsyncIterator[Any]:
        """As `run`, for a peer that follows progress: (index, count, outcome) per unit, then the result, last."""
        progress: asyncio.Queue[tuple[int, int, Any]] = asyncio.Queue()
        running = asyncio.create_task(self.runner.run(request, lambda *unit: progress.put_nowait(unit)))
        try:
            while not (running.done() and progress.empty()):
                unit = asyncio.create_task(progress.get())
                await asyncio.wait((unit, running), return_when=asyncio.FIRST_COMPLETED)
                if unit.done():
                    yield unit.result()
                else:
                    unit.cancel()
            yield await running
        finally:
            running.cancel()

    async def card(self) -> ModelCard:
        """The loaded model, for peers.

        Raises:
            BackendMissing: it did not load; the message says why.
        """
        if self.failure is not None:
            raise BackendMissing(self.failure.message)
        return self.runner.card

    def reconfigure(self, user_config: Mapping[str, Any]) -> None:
        """Change batching knobs in place (Serve's `user_config`). A key left out returns to the spec's value.

        Raises:
            ValueError: an unknown key, or a value out of range.
        """
        known = {item.name for item in fields(Batching)}
        if unknown := set(user_config) - known:
            raise ValueError(f"user_config has unknown keys {sorted(unknown)}; known are {sorted(known)}")
        self.runner.configure(Batching(**{**asdict(self.spec.batching), **user_config}))

    async def check_health(self) -> None:
        """Serve replaces the replica after this raised three times."""
        if self.failure is None:
            self.runner.check_health()

    async def start(self) -> None:
        """Load and warm the model; the replica is not ready before.

        Raises:
            SensoriumError: the model does not load, and is not optional.
        """
        try:
            await self.runner.start()
        except SensoriumError as error:
            if not self.spec.optional:
                raise
            self.failure = error


def bind(spec: ModelSpec, *, name: str = "", **peers: Any) -> Any:
    """`spec` as a Serve application (or a part of one). YAML may override any option.

    Args:
        name: of the deployment; the service's by default.
        peers: other bound deployments of the application, by the names that `BatchedModel.peers` will have.
    """
    from ray import serve

    class Replica(BatchedModel):
        async def __init__(self, spec: ModelSpec, **peers: Any) -> None:  # type: ignore[misc]  # Serve awaits it
            from deployments.serving.ray_metrics import gpu_share

            BatchedModel.__init__(self, spec, {name: PeerRunner(handle) for name, handle in peers.items()})
            gpu_memory.claim(gpu_share())  # num_gpus is bookkeeping: the backends hold their library to it
            try:
                await self.start()
                if spec.build_app is not None:
                    self._app = await spec.build_app(self)
            except SensoriumError as error:
                # Serve shows the text of a failed constructor in `serve status`: give it one clear line.
                raise RuntimeError(f"{error.code}: {error.message}") from None

        def __serve_build_asgi_app__(self) -> ASGIApp:
            return self._app

        async def __del__(self) -> None:
            await asyncio.wait_for(self.runner.close(), timeout=30)

    Replica.__name__ = Replica.__qualname__ = "BatchedModel"
    deployment = serve.deployment(
        Replica if spec.build_app is None else serve.ingress()(Replica),
        name=name or spec.service,
        # Our own queue refuses first, with our envelope; Serve's must therefore never be the narrower one.
        max_ongoing_requests=4 * spec.batching.max_requests,
        max_queued_requests=-1,
        max_constructor_retry_count=2,
        max_surge_percent=SURGE_PERCENT,
        health_check_period_s=5,
        health_check_timeout_s=15,
        graceful_shutdown_timeout_s=330,
        logging_config={"enable_access_log": False},  # the web layer writes its own
    )
    return deployment.bind(spec, **peers)
