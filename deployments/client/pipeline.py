"""The old pipeline's names: a context that stages fill one after the other, and the stage that reads text."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deployments.client.async_sensorium import AsyncSensorium
from deployments.client.errors import ContradictoryContext
from deployments.client.ocr_replies import BatchEntry, Extraction
from deployments.client.retries import RetryPolicy

URL_VARIABLE = "SENSORIUM_URL"
"""Where the server is, without a service's path."""
API_KEY_VARIABLE = "SENSORIUM_API_KEY"
_DEFAULT_URL = "http://127.0.0.1:8000"

_OCR_OPTIONS = ("language", "confidence_threshold", "use_angle_cls", "backend")


@dataclass(slots=True)
class PipelineContext:
    """What is to be done, and what was done so far. Paths are the server's."""

    chain_id: str | None = None
    """With the image's position it identifies a stored execution: repeats make no second row."""
    private_img: str | None = None
    private_imgs: Sequence[str] | None = None
    public_file_path: str | None = None
    """Stored with the execution."""
    public_file_paths: Sequence[str | None] | None = None
    is_batch: bool | None = None
    """One image or several; left out, it follows from which of the two is given."""
    batch_id: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    """`language`, `confidence_threshold`, `use_angle_cls`, `backend`. What belongs to other stages is passed over."""
    ocr_result: Extraction | None = None
    """Of a single image."""
    ocr_results: list[BatchEntry] | None = None
    """Of a batch: one entry an image, in order. A failed one has `status` "failed", `error` and no boxes."""

    @property
    def failed(self) -> list[BatchEntry]:
        """The images of a batch that could not be read."""
        return [entry for entry in self.ocr_results or () if entry.failed]

    def check(self) -> bool:
        """Whether it is a batch.

        Raises:
            ContradictoryContext: it says two things, or nothing.
        """
        if self.private_img is not None and self.private_imgs is not None:
            raise _contradiction("private_img and private_imgs are both given; give one", "private_imgs")
        if isinstance(self.private_imgs, str):
            raise _contradiction("private_imgs is one string; give a list, or private_img", "private_imgs")
        batch = self.private_imgs is not None if self.is_batch is None else bool(self.is_batch)
        (_check_batch if batch else _check_single)(self)
        return batch


class OCRStage:
    """Reads the text of a context's images.

    Args:
        connect: makes the client for one `execute`; by default to `SENSORIUM_URL` (http://127.0.0.1:8000 where it is
            not set) with the key in `SENSORIUM_API_KEY`. A client belongs to one event loop, and Celery tasks run a
            loop each, so none is kept.
    """

    def __init__(self, connect: Callable[[], AsyncSensorium] | None = None) -> None:
        self._connect = connect or connect_from_environment

    async def execute(self, context: PipelineContext) -> PipelineContext:
        """Fill `ocr_result` or `ocr_results` of `context`, and return it. What was there before is replaced.

        Images of a batch that cannot be read are failed entries among the others, and no error.

        Raises:
            ValueError: ContradictoryContext, or RejectedRequest: the server refuses the call.
            RetryableError: no attempt succeeded.
        """
        batch = context.check()
        options = {name: value for name, value in context.options.items() if name in _OCR_OPTIONS}
        async with self._connect() as client:
            if batch:
                reply = await client.ocr.extract_batch(
                    private_imgs=context.private_imgs or (),
                    public_file_paths=context.public_file_paths or (),
                    chain_id=context.chain_id,
                    batch_id=context.batch_id,
                    **options,
                )
                context.ocr_result, context.ocr_results = None, list(reply.results)
            else:
                context.ocr_result = await client.ocr.extract(
                    private_img=context.private_img,
                    public_file_path=context.public_file_path,
                    chain_id=context.chain_id,
                    batch_id=context.batch_id,
                    **options,
                )
                context.ocr_results = None
        return context


def connect_from_environment(retries: RetryPolicy | None = None) -> AsyncSensorium:
    """A client of the server that the environment names."""
    url, api_key = os.environ.get(URL_VARIABLE) or _DEFAULT_URL, os.environ.get(API_KEY_VARIABLE) or None
    return AsyncSensorium(url, api_key, retries=retries)


def _check_batch(context: PipelineContext) -> None:
    images, paths = context.private_imgs, context.public_file_paths
    if context.private_img is not None:
        raise _contradiction("is_batch is true, but private_img is given; give private_imgs", "private_img")
    if not images:
        raise _contradiction("a batch needs at least one image in private_imgs", "private_imgs")
    if not all(isinstance(image, str) and image for image in images):
        raise _contradiction("private_imgs holds something else than paths", "private_imgs")
    if context.public_file_path is not None:
        raise _contradiction("public_file_path belongs to a single image; give public_file_paths", "public_file_path")
    if isinstance(paths, str):
        raise _contradiction("public_file_paths is one string; give a list", "public_file_paths")
    if paths and len(paths) != len(images):
        raise _contradiction(
            f"there are {len(paths)} public_file_paths for {len(images)} images; give one an image, or none",
            "public_file_paths",
        )


def _check_single(context: PipelineContext) -> None:
    if context.private_imgs is not None:
        raise _contradiction("is_batch is false, but private_imgs is given; give private_img", "private_imgs")
    if not context.private_img:
        raise _contradiction("there is no image; give private_img, or private_imgs for a batch", "private_img")
    if context.public_file_paths:
        raise _contradiction("public_file_paths belongs to a batch; give public_file_path", "public_file_paths")


def _contradiction(message: str, field_name: str) -> ContradictoryContext:
    return ContradictoryContext(message, code="contradictory_context", details={"field": field_name})
