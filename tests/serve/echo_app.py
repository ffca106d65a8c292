"""The echo engine as a Serve application: `import_path: tests.serve.echo_app:echo`. Two replicas, faults on demand.

Without `from __future__ import annotations`: Serve reads the builder's annotations as classes.
"""

import os
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from deployments.serving.batched_model import ASGIApp, BatchedModel, ModelSpec, bind
from deployments.serving.batching import Batching
from deployments.tasks.replica_tasks import open_tasks
from deployments.tasks.settings import TaskSettings
from deployments.web.app import create_app
from deployments.web.health import Health
from deployments.web.settings import WebSettings
from tests.serve.echo import Echo, EchoEngine
from tests.serve.echo_tasks import TASK_FACE, EchoTaskWork


class EchoArgs(BaseModel):
    max_requests: int = 1000
    fail_to_load: bool = False


def echo(args: EchoArgs) -> Any:
    spec = ModelSpec(
        service="echo",
        load=partial(_load, args),
        build_app=_build,
        batching=Batching(max_batch_size=8, max_requests=args.max_requests),
    )
    return bind(spec)


def _load(args: EchoArgs) -> EchoEngine:
    if args.fail_to_load:
        from deployments.serving.weights import resolve

        resolve("/no/such/model")
    return EchoEngine()


async def _build(replica: BatchedModel) -> ASGIApp:
    router = APIRouter()

    @router.post("/say")
    async def say(request: Request, text: str, seconds: float = 0.0) -> dict[str, Any]:
        body = await request.body()
        reply = await replica.run(Echo(text, seconds))
        return {**reply, "pid": os.getpid(), "bytes": len(body)}

    @router.get("/inside")
    async def inside() -> dict[str, int]:
        return {"requests": replica.runner.requests, "pid": os.getpid()}

    settings = TaskSettings(lease_s=2, max_queued_items=60)
    tasks = await open_tasks("echo", settings, EchoTaskWork(replica), TASK_FACE)

    class Source:
        def health(self) -> Health:
            return Health.of_card(replica.runner.card)

    return create_app(
        service="echo",
        title="Echo",
        version="1",
        routers=[router, tasks.router],
        health=Source(),
        settings=WebSettings.from_environment(echo_request_id=False),
        lifespan=tasks.lifespan,
    )
