"""The recording of a request: an upload, or a path on the server."""

from __future__ import annotations

from starlette.datastructures import UploadFile

from deployments.serving.errors import InputTooLarge, InvalidInput
from deployments.serving.media import InlineMedia, MediaSource, StoredMedia
from deployments.speech.types import SpeechLimits


async def recording(file: UploadFile | None, path: str | None, limits: SpeechLimits) -> MediaSource:
    """
    Raises:
        InvalidInput: neither or both.
        InputTooLarge: the upload is over the limit.
    """
    path = (path or "").strip()
    if file is not None and path:
        raise InvalidInput("send either file or path, not both", field="path")
    if path:
        return StoredMedia(path)
    if file is None:
        raise InvalidInput("file is missing; upload a recording as multipart/form-data", field="file")
    if file.size is not None and file.size > limits.max_bytes:
        raise InputTooLarge(
            f"the recording has {file.size:,} bytes; the limit is {limits.max_bytes:,}. Cut it or compress it.",
            field="file",
            limit=limits.max_bytes,
            actual=file.size,
            unit="bytes",
        )
    await file.seek(0)  # a task is hashed before it is stored
    return InlineMedia(await file.read(), file.filename or "")


def spoken_language(said: str | None) -> str | None:
    """None where it is to be detected."""
    wanted = (said or "").strip()
    return None if wanted.lower() in ("", "auto", "detect") else wanted


def checked_prompt(prompt: str | None, limits: SpeechLimits) -> str:
    """
    Raises:
        InputTooLarge: longer than the limit.
    """
    prompt = prompt or ""
    if len(prompt) > limits.max_prompt_chars:
        raise InputTooLarge(
            f"prompt has {len(prompt):,} characters; at most {limits.max_prompt_chars:,} are allowed",
            field="prompt",
            limit=limits.max_prompt_chars,
            actual=len(prompt),
        )
    return prompt
