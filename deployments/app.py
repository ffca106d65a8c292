"""Composition root: one typed builder per Serve application, named by `import_path` in ray_configs/*.yaml.

Without `from __future__ import annotations`: Serve reads the builders' annotations as classes, to validate `args`.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI

from deployments import measures
from deployments.container_number.crop_requests import ContainerNumberConfig
from deployments.container_number.engine import ContainerNumberEngine
from deployments.ocr.engine import OcrEngine
from deployments.ocr.loading import OcrConfig
from deployments.serving.batched_model import ASGIApp, BatchedModel, ModelSpec, bind
from deployments.serving.engine import ModelCard
from deployments.serving.peers import ApplicationRunner
from deployments.settings import (
    ContainerNumberArgs,
    EmbeddingArgs,
    FrontArgs,
    OcrArgs,
    ServiceArgs,
    SpeechArgs,
    WebArgs,
)
from deployments.speech.engine import SpeechEngine
from deployments.speech.types import SpeechConfig
from deployments.web.app import create_app
from deployments.web.health import Health
from deployments.web.replica_logs import keep_logs
from deployments.web.settings import WebSettings


def ocr(args: OcrArgs) -> Any:
    """The OCR service: images and documents to text boxes, under `/ocr`."""
    load = partial(_load_ocr, args.model)
    return bind(_spec("ocr", args, load=load, build_app=partial(_ocr_app, args), measure=measures.ocr))


def _load_ocr(config: OcrConfig) -> OcrEngine:
    from deployments.ocr.loading import load_engine

    return load_engine(replace(config, policy=config.policy.with_environment(os.environ)))


async def _ocr_app(args: OcrArgs, replica: BatchedModel) -> ASGIApp:
    import ray

    from deployments.database.database_url import refuse_sqlite_on_many_nodes
    from deployments.ocr.routes import build_router
    from deployments.ocr.store.open_store import open_store
    from deployments.service_tasks import ocr_tasks

    url = None if args.database is None else os.path.expandvars(args.database)
    refuse_sqlite_on_many_nodes(url, sum(node["Alive"] for node in ray.nodes()))
    store = await open_store(url)

    tasks = await ocr_tasks(args, replica.runner, store)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with tasks.running():
            yield
        await store.close()

    router = build_router(replica.runner, store, args.limits)
    return _face("ocr", "OCR", args, replica.runner.card, router, tasks.router, lifespan=lifespan)


def embedding(args: EmbeddingArgs) -> Any:
    """The embedding service: texts to vectors, under `/embedding`."""
    from deployments.embedding.engine import load_engine

    load = partial(load_engine, args.model)
    build = partial(_embedding_app, args)
    return bind(_spec("embedding", args, load=load, build_app=build, measure=measures.embedding))


async def _embedding_app(args: EmbeddingArgs, replica: BatchedModel) -> ASGIApp:
    from deployments.embedding.routes import build_router

    return _face("embedding", "embedding", args, replica.runner.card, build_router(replica.runner, args.limits))


def speech(args: SpeechArgs) -> Any:
    """The speech service: recordings to text and subtitles, under `/speech`. A deployment a backend.

    The first backend's deployment is the ingress; it asks the others through their handles.
    """

    def spec(config: SpeechConfig, **face: Any) -> ModelSpec:
        load = partial(_load_speech, config)
        return _spec("speech", args, load=load, optional=True, measure=measures.speech, **face)

    first, *others = args.backends
    peers = {config.backend: bind(spec(config), name=f"speech-{config.backend}") for config in others}
    return bind(spec(first, build_app=partial(_speech_app, args)), **peers)


def _load_speech(config: SpeechConfig) -> SpeechEngine:
    from deployments.speech.engine import load_engine

    return load_engine(replace(config, audio=config.audio.with_environment(os.environ)))


async def _speech_app(args: SpeechArgs, replica: BatchedModel) -> ASGIApp:
    from deployments.service_tasks import speech_tasks
    from deployments.serving.backend_choice import choose_backends
    from deployments.speech.loaded_backends import LoadedBackends
    from deployments.speech.routes import build_router

    runners, statuses = await choose_backends(replica, [config.backend for config in args.backends])
    card = replace(next(iter(runners.values())).card, backends=statuses)
    tasks = await speech_tasks(args, LoadedBackends(runners, lambda: statuses))
    router = build_router(runners, lambda: statuses, args.limits)
    return _face("speech", "speech", args, card, router, tasks.router, lifespan=tasks.lifespan)


def container_number(args: ContainerNumberArgs) -> Any:
    """The container-number service: pictures to ISO 6346 numbers, under `/container-number`. Asks OCR by handle."""
    load = partial(_load_container_number, args.model)
    build = partial(_container_number_app, args)
    return bind(_spec("container-number", args, load=load, build_app=build, measure=measures.crops))


def _load_container_number(config: ContainerNumberConfig) -> ContainerNumberEngine:
    from deployments.container_number.engine import load_engine

    return load_engine(replace(config, policy=config.policy.with_environment(os.environ)))


async def _container_number_app(args: ContainerNumberArgs, replica: BatchedModel) -> ASGIApp:
    from deployments.container_number.adapter_folder import AdapterFolder
    from deployments.container_number.routes import build_router
    from deployments.ocr_text_finder import OcrTextFinder
    from deployments.service_tasks import container_number_tasks

    card = replica.runner.card
    adapters = AdapterFolder(Path(str(card.notes["adapter_folder"])), str(card.notes["weights_sha256"]), card.model)
    finder = None if args.ocr_application is None else OcrTextFinder(ApplicationRunner(args.ocr_application))
    policy = args.model.policy.with_environment(os.environ)
    found = partial(replica.runner.metrics.work, "container_numbers")
    router = build_router(replica.runner, finder, adapters, policy, args.limits, on_numbers=found)
    tasks = await container_number_tasks(args, replica.runner, finder, adapters, found)
    return _face("container-number", "container numbers", args, card, router, tasks.router, lifespan=tasks.lifespan)


def front(args: FrontArgs) -> Any:
    """The application at `/`: the list of services and their health together."""
    from ray import serve

    def build() -> ASGIApp:
        from deployments.front.app import create_front_app
        from deployments.front.probe import HttpProbe
        from deployments.front.services import entries
        from deployments.serving.ray_metrics import RayHttpMetrics, replica_name

        keep_logs()
        return create_front_app(
            services=entries(args.services),
            probe=HttpProbe(args.base_url),
            version=version("sensorium"),
            settings=_web_settings(args.web),
            public_url=args.base_url,
            metrics=RayHttpMetrics("front", replica_name()),
        )

    options = {"enable_access_log": False}  # the web layer writes its own
    return serve.deployment(serve.ingress(build)(), name="front", logging_config=options, max_surge_percent=100).bind()


class CardHealth:
    """A replica answers only once its model is loaded and warm: what it says is the model's card."""

    def __init__(self, card: ModelCard) -> None:
        self._health = Health.of_card(card)

    def health(self) -> Health:
        return self._health


def _spec(service: str, args: ServiceArgs, **rest: Any) -> ModelSpec:
    return ModelSpec(service=service, batching=args.batching, pool_threads=args.pool_threads, **rest)


def _face(
    service: str, name: str, args: ServiceArgs, card: ModelCard, *routers: APIRouter, lifespan: Any = None
) -> ASGIApp:
    from deployments.serving.ray_metrics import RayHttpMetrics, replica_name

    keep_logs()
    return create_app(
        service=service,
        title=f"Sensorium {name}",
        version=version("sensorium"),
        routers=routers,
        health=CardHealth(card),
        settings=_web_settings(args.web),
        lifespan=lifespan,
        metrics=RayHttpMetrics(service, replica_name()),
    )


def _web_settings(args: WebArgs) -> WebSettings:
    # Ray Serve's own middleware sends the request id back.
    return WebSettings.from_environment(echo_request_id=False, **args.model_dump())
