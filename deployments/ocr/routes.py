"""OCR over HTTP: `/extract_text`, `/extract_text_batch` (contracts of the old service), `/executions`."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from deployments.ocr.call_body import CallBody, read_body, too_many_files
from deployments.ocr.execution_routes import build_execution_router
from deployments.ocr.extraction import ImageJob, OcrRunner, extract
from deployments.ocr.image_inputs import PendingImage, base64_image, stored_image, uploaded_image
from deployments.ocr.limits import OcrLimits
from deployments.ocr.replies import batch_reply, single_reply
from deployments.ocr.reply_models import ExtractTextBatchReply, ExtractTextReply
from deployments.ocr.request_docs import batch_body, single_body
from deployments.ocr.request_models import ExtractTextBatchFields, ExtractTextFields, parse_fields
from deployments.ocr.store.execution_store import ExecutionStore
from deployments.serving.errors import InvalidInput, SensoriumError
from deployments.web.request_id import current_request_id


def build_router(runner: OcrRunner, store: ExecutionStore, limits: OcrLimits) -> APIRouter:
    """The routes of the OCR service, without its base path. They raise `deployments.serving.errors` only."""
    router = APIRouter()

    @router.post("/extract_text", response_model=ExtractTextReply, openapi_extra=single_body(), tags=["ocr"])
    async def extract_text(request: Request) -> Response:
        """Read one image or document. An image that cannot be read is an error, and is recorded as failed."""
        async with read_body(request, max_files=1) as body:
            job = _single_job(body, limits)
            [(outcome, execution_id)] = await extract(runner, store, [job], parallel=1)
        if outcome.error is not None:
            raise _with_execution(outcome.error, execution_id)
        return _json(single_reply(outcome, execution_id))

    @router.post("/extract_text_batch", response_model=ExtractTextBatchReply, openapi_extra=batch_body(), tags=["ocr"])
    async def extract_text_batch(request: Request) -> Response:
        """Read several images or documents. One that cannot be read is a failed entry among the others."""
        async with read_body(request, max_files=limits.max_images) as body:
            jobs = _batch_jobs(body, limits)
            done = await extract(runner, store, jobs, limits.parallel_images)
        return _json(batch_reply(done, current_request_id()))

    router.include_router(build_execution_router(store))
    return router


def _single_job(body: CallBody, limits: OcrLimits) -> ImageJob:
    fields = parse_fields(ExtractTextFields, body.values)
    images = [uploaded_image(upload, limits.max_file_bytes) for upload in body.uploads]
    if fields.private_img is not None:
        images.append(stored_image(fields.private_img))
    if fields.image is not None:
        images.append(base64_image(fields.image, limits.max_file_bytes))
    if len(images) != 1:
        raise InvalidInput(
            f"the call has {len(images) or 'no'} image{'s' * (len(images) != 1)}; send exactly one: "
            "`private_img` (a server path), an uploaded `file`, or `image` (base64)",
            field="private_img",
        )
    return ImageJob(
        images[0],
        fields.options,
        image_index=fields.image_index,
        chain_id=fields.chain_id,
        batch_id=fields.batch_id,
        public_file_path=fields.public_file_path,
        request_id=current_request_id(),
    )


def _batch_jobs(body: CallBody, limits: OcrLimits) -> list[ImageJob]:
    fields = parse_fields(ExtractTextBatchFields, body.values)
    images = _batch_images(body, fields, limits)
    public_paths = fields.public_file_paths or [None] * len(images)
    if len(public_paths) != len(images):
        raise InvalidInput(
            f"there are {len(public_paths)} `public_file_paths` for {len(images)} images; send one an image, or none",
            field="public_file_paths",
        )
    request_id = current_request_id()
    return [
        ImageJob(image, fields.options, index, fields.chain_id, fields.batch_id, public_path or None, request_id)
        for index, (image, public_path) in enumerate(zip(images, public_paths, strict=True))
    ]


def _batch_images(body: CallBody, fields: ExtractTextBatchFields, limits: OcrLimits) -> list[PendingImage]:
    kinds: dict[str, list[PendingImage]] = {
        "private_imgs": [stored_image(uri) for uri in fields.private_imgs],
        "files": [uploaded_image(upload, limits.max_file_bytes) for upload in body.uploads],
        "images": [base64_image(text, limits.max_file_bytes) for text in fields.images],
    }
    sent = [name for name, images in kinds.items() if images]
    if len(sent) != 1:
        raise InvalidInput(
            "the call has no images; "
            if not sent
            else f"the order of {' and '.join(sent)} is not known; "
            "send one of `private_imgs` (server paths), uploaded `files`, or `images` (base64)",
            field="private_imgs",
        )
    images = kinds[sent[0]]
    if len(images) > limits.max_images:
        raise too_many_files(limits.max_images, len(images))
    return images


def _with_execution(error: SensoriumError, execution_id: str | None) -> SensoriumError:
    """A copy that says where the failure is stored; the original may belong to others, too."""
    return type(error)(error.message, **error.details | {"execution_id": execution_id})


def _json(content: dict[str, Any]) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")
