"""All four services' real HTTP faces behind a real socket, on models that need no weights."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from deployments.container_number.adapter_folder import AdapterFolder
from deployments.container_number.found_text import FoundText, TextFinding
from deployments.container_number.number_reader import NumberReader
from deployments.container_number.routes import build_router as container_number_router
from deployments.container_number.task_face import task_face as container_number_tasks
from deployments.container_number.task_work import ContainerNumberTaskWork
from deployments.embedding.backends.fake import FakeBackend as FakeEmbedding
from deployments.embedding.engine import EmbeddingEngine
from deployments.embedding.routes import build_router as embedding_router
from deployments.embedding.types import EmbeddingLimits
from deployments.ocr.limits import OcrLimits
from deployments.ocr.routes import build_router as ocr_router
from deployments.ocr.store.open_store import open_store
from deployments.ocr.task_face import task_face as ocr_tasks
from deployments.ocr.task_work import OcrTaskWork
from deployments.serving.batching import Batching
from deployments.serving.engine import BackendStatus, ModelCard
from deployments.serving.media import MediaPolicy
from deployments.serving.runner import EngineRunner
from deployments.speech.backends.fake import FakeBackend as FakeSpeech
from deployments.speech.engine import SpeechEngine
from deployments.speech.loaded_backends import LoadedBackends
from deployments.speech.routes import build_router as speech_router
from deployments.speech.task_face import task_face as speech_tasks
from deployments.speech.task_work import SpeechTaskWork
from deployments.speech.types import SpeechLimits
from deployments.tasks.replica_tasks import ReplicaTasks, open_tasks
from deployments.tasks.routes import TaskFace
from deployments.tasks.settings import TaskSettings
from deployments.tasks.work import TaskWork
from deployments.web.app import create_app
from deployments.web.health import Health
from deployments.web.settings import WebSettings
from tests.unit.ocr.fake_runner import FakeRunner

KEY = "open-sesame"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class RealServer:
    """Runs in a thread of its own; may be stopped and started again on the same port and database.

    Args:
        folder: for the OCR store.
        api_keys: that the services ask for.
    """

    def __init__(self, folder: Path, *api_keys: str) -> None:
        self.ocr = FakeRunner()
        self.health = Health("ready", model="fake", backends=(BackendStatus("fake", loaded=True, model="fake"),))
        self._folder = folder
        self._api_keys = api_keys
        self._port = free_port()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        assert self._ready.wait(30)

    def stop(self) -> None:
        """Without waiting for requests under way, as a killed server."""
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(30)
        assert not self._thread.is_alive()

    async def _run(self) -> None:
        async with AsyncExitStack() as closing:
            app = await self._app(closing)
            config = uvicorn.Config(app, port=self._port, ws="none", lifespan="off", log_config=None, access_log=False)
            self._server = uvicorn.Server(config)
            told = asyncio.create_task(self._tell())
            await self._server.serve()
            await told

    async def _tell(self) -> None:
        while not self._server.started:
            await asyncio.sleep(0.005)
        self._ready.set()

    async def _app(self, closing: AsyncExitStack) -> Starlette:
        store = await open_store(f"sqlite:///{self._folder}/ocr.db")
        closing.push_async_callback(store.close)
        embedding = await _runner(EmbeddingEngine(FakeEmbedding(8)), closing)
        speech = await _runner(SpeechEngine(FakeSpeech()), closing)
        gate, adapters = NoCrops(), AdapterFolder(self._folder / "adapters", "0", "nano-florence")
        backends = LoadedBackends({"fake": speech}, list)
        policy = MediaPolicy()
        tasks = {
            "ocr": await self._tasks("ocr", OcrTaskWork(self.ocr, store), ocr_tasks(OcrLimits(), policy)),
            "speech": await self._tasks(
                "speech", SpeechTaskWork(backends), speech_tasks(backends, SpeechLimits(), policy)
            ),
            "container-number": await self._tasks(
                "container-number",
                ContainerNumberTaskWork(NumberReader(gate, Gate()), policy),
                container_number_tasks("ocr", adapters, policy),
            ),
        }
        for one in tasks.values():
            await closing.enter_async_context(one.running())
        routers = {
            "ocr": ocr_router(self.ocr, store, OcrLimits(max_images=10)),
            "embedding": embedding_router(embedding, EmbeddingLimits()),
            "speech": speech_router({"fake": speech}, list, SpeechLimits()),
            "container-number": container_number_router(gate, Gate(), adapters, policy),
        }
        own_tasks = {name: [one.router] for name, one in tasks.items()}
        faces = {name: self._face(name, [router, *own_tasks.get(name, [])]) for name, router in routers.items()}
        return Starlette(routes=[Mount(f"/{name}", face) for name, face in faces.items()])

    async def _tasks(self, service: str, work: TaskWork, face: TaskFace) -> ReplicaTasks:
        settings = TaskSettings(f"sqlite:///{self._folder}/tasks.db", lease_s=2, max_queued_items=20)
        return await open_tasks(service, settings, work, face)

    def _face(self, service: str, routers: list[Any]) -> Any:
        server = self

        class Source:
            def health(self) -> Health:
                return server.health

        settings = WebSettings(api_keys=self._api_keys, access_log=False)
        return create_app(
            service=service, title=service, version="0", routers=routers, health=Source(), settings=settings
        )


class NoCrops:
    """A Florence-2 that only has a name: tests read with `reader="ocr"`."""

    card = ModelCard("nano-florence", "transformers", "sha256:0")

    async def run(self, request: Any, on_outcome: Any = None) -> Any:
        raise AssertionError("no crop was to be read")


class Gate:
    """An OCR that sees one container in every picture."""

    async def find(self, data: bytes) -> TextFinding:
        number = FoundText("CSQU 305438 3", 0.97, ((10.0, 10.0), (190.0, 10.0), (190.0, 30.0), (10.0, 30.0)))
        code = FoundText("22G1", 0.97, ((10.0, 40.0), (70.0, 40.0), (70.0, 60.0), (10.0, 60.0)))
        return TextFinding((number, code), ((320, 240),), "PP-OCRv6")


async def _runner(engine: Any, closing: AsyncExitStack) -> Any:
    runner: EngineRunner[Any, Any] = EngineRunner(lambda: engine, Batching())
    await runner.start()
    closing.push_async_callback(runner.close)
    return runner
