"""The images of a batch, from the body of the call."""

from __future__ import annotations

from deployments.ocr.call_body import too_many_files
from deployments.ocr.extraction import ImageJob
from deployments.ocr.image_inputs import PendingImage, base64_image, stored_image, uploaded_image
from deployments.ocr.limits import OcrLimits
from deployments.ocr.request_models import ExtractTextBatchFields, parse_fields
from deployments.serving.errors import InvalidInput
from deployments.web.form_or_json import Body


def batch_jobs(body: Body, limits: OcrLimits, request_id: str) -> list[ImageJob]:
    """
    Raises:
        InvalidInput: a field is wrong, there are no images, or images of several kinds, whose order is not known.
        InputTooLarge: more than `limits.max_images`.
    """
    fields = parse_fields(ExtractTextBatchFields, body.values)
    images = _batch_images(body, fields, limits)
    public_paths = fields.public_file_paths or [None] * len(images)
    if len(public_paths) != len(images):
        raise InvalidInput(
            f"there are {len(public_paths)} `public_file_paths` for {len(images)} images; send one an image, or none",
            field="public_file_paths",
        )
    return [
        ImageJob(image, fields.options, index, fields.chain_id, fields.batch_id, public_path or None, request_id)
        for index, (image, public_path) in enumerate(zip(images, public_paths, strict=True))
    ]


def _batch_images(body: Body, fields: ExtractTextBatchFields, limits: OcrLimits) -> list[PendingImage]:
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
