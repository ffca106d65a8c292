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

from fastapi import FastAPI

from deployments.container_number.crop_requests import ContainerNumberConfig
from deployments.container_number.engine import ContainerNumberEngine
from deployments.ocr.engine import OcrEngine
from deployments.ocr.loading import OcrConfig
from deployments.serving.batched_model import ASGIApp, BatchedModel, ModelSpec, bind
from deployments.serving.engine import ModelCard
from deployments.serving.peers import ApplicationRunner
from deployments.settings import ContainerNumberArgs, EmbeddingArgs, FrontArgs, OcrArgs, SpeechArgs, WebArgs
from deployments.speech.engine import SpeechEngine
from deployments.speech.types import SpeechConfig
from deployments.web.app import create_app
from deployments.web.health import Health
from deployments.web.settings import WebSettings


def ocr(args: OcrArgs) -> Any:
    """The OCR service: images and documents to text boxes, under `/ocr`."""
    spec = ModelSpec(
        service="ocr",
        load=partial(_load_ocr, args.model),
        build_app=partial(_ocr_app, args),
        batching=args.batching,
        pool_threads=args.pool_threads,
    )
    return bind(spec)


def _load_ocr(config: OcrConfig) -> OcrEngine:
    from deployments.ocr.loading import load_engine

    return load_engine(replace(config, policy=config.policy.with_environment(os.environ)))


async def _ocr_app(args: OcrArgs, replica: BatchedModel) -> ASGIApp:
    import ray

    from deployments.ocr.routes import build_router
    from deployments.ocr.store.database_url import refuse_sqlite_on_many_nodes
    from deployments.ocr.store.open_store import open_store

    url = None if args.database is None else os.path.expandvars(args.database)
    refuse_sqlite_on_many_nodes(url, sum(node["Alive"] for node in ray.nodes()))
    store = await open_store(url)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await store.close()

    return create_app(
        service="ocr",
        title="Sensorium OCR",
        version=version("sensorium"),
        routers=[build_router(replica.runner, store, args.limits)],
        health=CardHealth(replica.runner.card),
        settings=_web_settings(args.web),
        lifespan=lifespan,
    )


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
        health=CardHealth(replica.runner.card),
        settings=_web_settings(args.web),
    )


def speech(args: SpeechArgs) -> Any:
    """The speech service: recordings to text and subtitles, under `/speech`. A deployment a backend.

    The first backend's deployment is the ingress; it asks the others through their handles.
    """
    first, *others = args.backends
    peers = {config.backend: bind(_speech_spec(args, config), name=f"speech-{config.backend}") for config in others}
    spec = replace(_speech_spec(args, first), build_app=partial(_speech_app, args))
    return bind(spec, **peers)


def _speech_spec(args: SpeechArgs, config: SpeechConfig) -> ModelSpec:
    return ModelSpec(
        service="speech",
        load=partial(_load_speech, config),
        optional=True,
        batching=args.batching,
        pool_threads=args.pool_threads,
    )


def _load_speech(config: SpeechConfig) -> SpeechEngine:
    from deployments.speech.engine import load_engine

    return load_engine(replace(config, audio=config.audio.with_environment(os.environ)))


async def _speech_app(args: SpeechArgs, replica: BatchedModel) -> ASGIApp:
    from deployments.serving.backend_choice import choose_backends
    from deployments.speech.routes import build_router

    runners, statuses = await choose_backends(replica, [config.backend for config in args.backends])
    default = next(iter(runners.values()))
    card = replace(default.card, backends=statuses)
    return create_app(
        service="speech",
        title="Sensorium speech",
        version=version("sensorium"),
        routers=[build_router(runners, lambda: statuses, args.limits)],
        health=CardHealth(card),
        settings=_web_settings(args.web),
    )


def container_number(args: ContainerNumberArgs) -> Any:
    """The container-number service: pictures to ISO 6346 numbers, under `/container-number`. Asks OCR by handle."""
    spec = ModelSpec(
        service="container-number",
        load=partial(_load_container_number, args.model),
        build_app=partial(_container_number_app, args),
        batching=args.batching,
        pool_threads=args.pool_threads,
    )
    return bind(spec)


def _load_container_number(config: ContainerNumberConfig) -> ContainerNumberEngine:
    from deployments.container_number.engine import load_engine

    return load_engine(replace(config, policy=config.policy.with_environment(os.environ)))


async def _container_number_app(args: ContainerNumberArgs, replica: BatchedModel) -> ASGIApp:
    from deployments.container_number.adapter_folder import AdapterFolder
    from deployments.container_number.routes import build_router
    from deployments.ocr_text_finder import OcrTextFinder

    card = replica.runner.card
    adapters = AdapterFolder(Path(str(card.notes["adapter_folder"])), str(card.notes["weights_sha256"]), card.model)
    finder = None if args.ocr_application is None else OcrTextFinder(ApplicationRunner(args.ocr_application))
    policy = args.model.policy.with_environment(os.environ)
    return create_app(
        service="container-number",
        title="Sensorium container numbers",
        version=version("sensorium"),
        routers=[build_router(replica.runner, finder, adapters, policy, args.limits)],
        health=CardHealth(card),
        settings=_web_settings(args.web),
    )


def front(args: FrontArgs) -> Any:
    """The application at `/`: the list of services and their health together."""
    from ray import serve

    def build() -> ASGIApp:
        from deployments.front.app import create_front_app
        from deployments.front.probe import HttpProbe
        from deployments.front.services import entries

        return create_front_app(
            services=entries(args.services),
            probe=HttpProbe(args.base_url),
            version=version("sensorium"),
            settings=_web_settings(args.web),
            public_url=args.base_url,
        )

    return serve.deployment(serve.ingress(build)(), name="front", logging_config={"enable_access_log": False}).bind()


class CardHealth:
    """A replica answers only once its model is loaded and warm: what it says is the model's card."""

    def __init__(self, card: ModelCard) -> None:
        self._health = Health.of_card(card)

    def health(self) -> Health:
        return self._health


def _web_settings(args: WebArgs) -> WebSettings:
    # Ray Serve's own middleware sends the request id back.
    return WebSettings.from_environment(echo_request_id=False, **args.model_dump())
