"""Calls of the OCR service."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from deployments.client.call import CALL_S, Call, given
from deployments.client.ocr_replies import BatchExtraction, Execution, ExecutionPage, Extraction, Status
from deployments.client.replies import json_reader
from deployments.client.sources import Images, one_upload
from deployments.client.uploads import File


def extract(
    image: File | None = None,
    *,
    private_img: str | None = None,
    language: str | None = None,
    confidence_threshold: float | None = None,
    use_angle_cls: bool | None = None,
    backend: str | None = None,
    chain_id: str | None = None,
    batch_id: str | None = None,
    public_file_path: str | None = None,
    image_index: int | None = None,
    timeout_s: float = CALL_S,
) -> Call[Extraction]:
    """Read one image or document: a local file that is uploaded, or a path on the server.

    Args:
        private_img: path or URI on the server, under its media roots.
        language: of the text; the server's default is `korean`.
        confidence_threshold: boxes under it are left out; 0.5 by default.
        use_angle_cls: turn lines that are upside down; true by default.
        chain_id: with `image_index` it identifies the execution: repeats make no second row. Made here where it is
            left out, so that a call that had to be sent again is not stored twice.

    Raises:
        ValueError: neither or both of `image` and `private_img`; or a RejectedRequest, the server's own refusal.
        RetryableError: no attempt succeeded.
    """
    uploads = one_upload(image, private_img, names=("image", "private_img"), what="file")
    fields = _options(
        private_img=private_img,
        language=language,
        confidence_threshold=confidence_threshold,
        use_angle_cls=use_angle_cls,
        backend=backend,
        chain_id=chain_id,
        batch_id=batch_id,
        public_file_path=public_file_path,
        image_index=image_index,
    )
    read = json_reader(Extraction)
    if not uploads:
        return Call("POST", "/ocr/extract_text", read, timeout_s, json=fields)
    return Call("POST", "/ocr/extract_text", read, timeout_s, form=_form(fields), uploads=uploads)


def extract_batch(
    images: Sequence[File] = (),
    *,
    private_imgs: Sequence[str] = (),
    language: str | None = None,
    confidence_threshold: float | None = None,
    use_angle_cls: bool | None = None,
    backend: str | None = None,
    chain_id: str | None = None,
    batch_id: str | None = None,
    public_file_paths: Sequence[str | None] = (),
    timeout_s: float | None = None,
) -> Call[BatchExtraction]:
    """Read several images (100 at most by default). One that cannot be read is a failed entry among the others.

    Args:
        images: local files, uploaded.
        private_imgs: paths or URIs on the server instead.
        public_file_paths: stored with the executions, one an image or none.
        timeout_s: 30, and 10 more an image, where it is left out.

    The others as of `extract`.

    Raises:
        ValueError: no images, or both kinds; or a RejectedRequest, the server's own refusal.
        RetryableError: no attempt succeeded.
    """
    given_images = Images.of(images, private_imgs)
    options = _options(
        language=language,
        confidence_threshold=confidence_threshold,
        use_angle_cls=use_angle_cls,
        backend=backend,
        chain_id=chain_id,
        batch_id=batch_id,
        public_file_paths=list(public_file_paths) or None,
    )
    timeout_s = given_images.timeout_s(timeout_s)
    read = json_reader(BatchExtraction)
    if given_images.paths:
        body = {"request_data": options, "private_imgs": list(given_images.paths)}
        return Call("POST", "/ocr/extract_text_batch", read, timeout_s, json=body)
    return Call("POST", "/ocr/extract_text_batch", read, timeout_s, form=_form(options), uploads=given_images.uploads)


def execution(execution_id: str) -> Call[Execution]:
    """One stored execution with its boxes.

    Raises:
        ValueError: as a RejectedRequest with code `not_found`, where there is none.
    """
    if not execution_id or "/" in execution_id:
        raise ValueError(f"{execution_id!r} is no execution's id")
    return Call("GET", f"/ocr/executions/{execution_id}", json_reader(Execution))


def executions(
    *,
    chain_id: str | None = None,
    batch_id: str | None = None,
    status: Status | None = None,
    language: str | None = None,
    since: datetime | str | None = None,
    until: datetime | str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[ExecutionPage]:
    """A page of stored executions, newest first; all conditions must hold. `iterate_executions` gives them all.

    Args:
        since: a moment, or ISO 8601; without a time zone it is UTC. `until` likewise.
        limit: of one page, 1 to 200; 50 by default.
        cursor: `next_cursor` of the page before.
    """
    params = given(
        chain_id=chain_id,
        batch_id=batch_id,
        status=status,
        language=language,
        since=since.isoformat() if isinstance(since, datetime) else since,
        until=until.isoformat() if isinstance(until, datetime) else until,
        limit=limit,
        cursor=cursor,
    )
    return Call("GET", "/ocr/executions", json_reader(ExecutionPage), params=params)


def _options(*, chain_id: str | None, **fields: Any) -> dict[str, Any]:
    """What is given, with a `chain_id` in any case: a call that had to be sent again must not be stored twice."""
    return given(chain_id=chain_id or uuid.uuid4().hex, **fields)


def _form(fields: dict[str, Any]) -> dict[str, str]:
    return {"request_data": json.dumps(fields, ensure_ascii=False)}
