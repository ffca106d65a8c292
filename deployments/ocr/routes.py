"""OCR over HTTP: `/extract_text`, `/extract_text_batch` (contracts of the old service), `/executions`."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from deployments.ocr.batch_jobs import batch_jobs
from deployments.ocr.call_body import read_body
from deployments.ocr.execution_routes import build_execution_router
from deployments.ocr.extraction import ImageJob, OcrRunner, extract
from deployments.ocr.image_inputs import base64_image, stored_image, uploaded_image
from deployments.ocr.limits import OcrLimits
from deployments.ocr.replies import batch_entry, batch_reply, single_reply
from deployments.ocr.reply_models import ExtractTextBatchReply, ExtractTextReply
from deployments.ocr.request_docs import batch_body, single_body
from deployments.ocr.request_models import ExtractTextFields, parse_fields
from deployments.ocr.store.execution_store import ExecutionStore
from deployments.serving.errors import InvalidInput, SensoriumError
from deployments.web.form_or_json import Body
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
            jobs = batch_jobs(body, limits, current_request_id())
            done = await extract(runner, store, jobs, limits.parallel_images)
        failed = sum(outcome.error is not None for outcome, _ in done)
        entries = [batch_entry(outcome, execution_id) for outcome, execution_id in done]
        return _json(batch_reply(entries, len(done) - failed, failed, current_request_id()))

    router.include_router(build_execution_router(store))
    return router


def _single_job(body: Body, limits: OcrLimits) -> ImageJob:
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


def _with_execution(error: SensoriumError, execution_id: str | None) -> SensoriumError:
    """A copy that says where the failure is stored; the original may belong to others, too."""
    return type(error)(error.message, **error.details | {"execution_id": execution_id})


def _json(content: dict[str, Any]) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")
