"""Composition root: one typed builder per Serve application, named by `import_path` in ray_configs/*.yaml.

Without `from __future__ import annotations`: Serve reads the builders' annotations as classes, to validate `args`.
"""

from functools import partial
from importlib.metadata import version
from typing import Any

from deployments.serving.batched_model import ASGIApp, BatchedModel, ModelSpec, bind
from deployments.settings import EmbeddingArgs, WebArgs
from deployments.web.app import create_app
from deployments.web.health import Health
from deployments.web.settings import WebSettings


def embedding(args: EmbeddingArgs) -> Any:
    """The embedding service: texts to vectors, under `/embedding`."""
    from deployments.embedding.engine import load_engine

    spec = ModelSpec(
        service="embedding",
        load=partial(load_engine, args.model),
        build_app=partial(_embedding_app, args),
        batching=args.batching,
        pool_threads=args.pool_threads,
    )
    return bind(spec)


async def _embedding_app(args: EmbeddingArgs, replica: BatchedModel) -> ASGIApp:
    from deployments.embedding.routes import build_router

    return create_app(
        service="embedding",
        title="Sensorium embedding",
        version=version("sensorium"),
        routers=[build_router(replica.runner, args.limits)],
        health=ReplicaHealth(replica),
        settings=_web_settings(args.web),
    )


class ReplicaHealth:
    """A replica answers only once its model is loaded and warm: what it says is the model's card."""

    def __init__(self, replica: BatchedModel) -> None:
        self._replica = replica

    def health(self) -> Health:
        return Health.of_card(self._replica.runner.card)


def _web_settings(args: WebArgs) -> WebSettings:
    # Ray Serve's own middleware sends the request id back.
    return WebSettings.from_environment(echo_request_id=False, **args.model_dump())
