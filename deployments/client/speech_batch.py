"""Several recordings, for a task of the speech service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from deployments.client.call import SPEECH_S, Call, form_fields, given
from deployments.client.replies import Reply, json_reader
from deployments.client.sources import several_uploads
from deployments.client.speech import Task, Transcript
from deployments.client.uploads import File


@dataclass(frozen=True, slots=True)
class BatchTranscript(Transcript):
    """One recording of a task. A failed one has no text, and says why."""

    name: str = ""
    status: Literal["success", "failed"] = "success"
    error: str | None = None
    error_code: str | None = None
    index: int | None = None
    """Position in the task."""
    content: str | None = None
    """Subtitles, where a format was asked for."""

    @property
    def failed(self) -> bool:
        return self.status == "failed"


@dataclass(frozen=True, slots=True)
class Transcripts(Reply):
    """One entry a recording, in the order they were sent."""

    results: tuple[BatchTranscript, ...]
    total_processed: int
    total_success: int
    total_failed: int
    request_id: str = ""


def transcribe_batch(
    files: Sequence[File] = (),
    *,
    paths: Sequence[str] = (),
    language: str | None = None,
    backend: str | None = None,
    task: Task | None = None,
    word_timestamps: bool = False,
    vad: bool | None = None,
    prompt: str | None = None,
    temperature: float | None = None,
    condition_on_previous_text: bool = False,
    response_format: Literal["json", "text", "srt", "vtt", "verbose_json"] | None = None,
    timeout_s: float = SPEECH_S,
) -> Call[Transcripts]:
    """Several recordings to text (1000 at most by default). One that cannot be read is a failed entry among the others.

    Args:
        files: local recordings, uploaded.
        paths: on the server instead, under its media roots.
        response_format: `srt`, `vtt` or `text` adds it to each entry as `content`.
        timeout_s: of the upload.

    The others as of `transcribe`.

    Raises:
        ValueError: no recordings, or both kinds; or a RejectedRequest, the server's own refusal.
        RetryableError: no attempt succeeded.
    """
    uploads = several_uploads(files, paths, ("files", "paths"), ("local recordings to upload", "on the server"))
    fields = given(
        language=language,
        backend=backend,
        task=task,
        word_timestamps=word_timestamps or None,
        vad=vad,
        prompt=prompt,
        temperature=temperature,
        condition_on_previous_text=condition_on_previous_text or None,
        response_format=response_format,
    )
    read = json_reader(Transcripts)
    if paths:
        return Call("POST", "/speech/tasks", read, timeout_s, json=fields | {"paths": list(paths)})
    return Call("POST", "/speech/tasks", read, timeout_s, form=form_fields(fields), uploads=uploads)
