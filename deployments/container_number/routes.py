"""Container numbers over HTTP: `/read` and `/adapters`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from deployments.container_number.adapter_folder import AdapterFolder
from deployments.container_number.call_body import read_call
from deployments.container_number.found_text import TextFinder
from deployments.container_number.limits import ContainerNumberLimits
from deployments.container_number.number_reader import CropRunner, NumberReader, PictureNumbers, ReaderName
from deployments.container_number.picture_batch import read_pictures
from deployments.container_number.replies import adapters_reply, image_reply, read_reply
from deployments.container_number.reply_models import AdaptersReply, ReadReply
from deployments.container_number.request_docs import read_body
from deployments.serving.media import MediaPolicy
from deployments.web.request_id import current_request_id


def build_router(
    runner: CropRunner,
    text_finder: TextFinder | None,
    adapters: AdapterFolder,
    policy: MediaPolicy,
    limits: ContainerNumberLimits | None = None,
    on_numbers: Callable[[int], None] = lambda count: None,
) -> APIRouter:
    """The routes of the container-number service, without its base path. They raise `deployments.serving.errors` only.

    Args:
        text_finder: the OCR service; None leaves `reader=florence` alone, which is then the default.
        adapters: the same folder as the engine's.
        policy: limits on the images; its `media_roots` are where `private_imgs` may lie.
        on_numbers: told how many numbers a call found, for the metrics.
    """
    limits = limits or ContainerNumberLimits()
    reader = NumberReader(runner, text_finder, policy)
    default: ReaderName = "florence" if text_finder is None else "auto"
    router = APIRouter(tags=["container number"])

    @router.post("/read", response_model=ReadReply, openapi_extra=read_body(default))
    async def read(request: Request) -> Response:
        """Every container number in each image. One that cannot be read is a failed entry among the others."""
        async with read_call(request, limits.max_images, default) as call:
            await asyncio.to_thread(adapters.choose, call.adapter)
            outcomes = await read_pictures(reader, call, policy, limits.parallel_images)
        on_numbers(sum(len(outcome.found.numbers) for outcome in outcomes if isinstance(outcome.found, PictureNumbers)))
        images = [image_reply(outcome.name, outcome.found, outcome.duration_ms) for outcome in outcomes]
        failed = sum(image["status"] == "failed" for image in images)
        shared = {"reader": call.reader, "adapter": call.adapter, "request_id": current_request_id()}
        return _json(read_reply(images, len(images) - failed, failed, **shared))

    @router.get("/adapters", response_model=AdaptersReply)
    async def list_adapters() -> Response:
        """What `adapter` may name now. A fine-tuned adapter appears as soon as it lies in the folder."""
        return _json(await asyncio.to_thread(adapters_reply, adapters, runner.card))

    return router


def _json(content: dict[str, Any]) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")
