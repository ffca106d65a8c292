"""HTTP paths of the speech service: the old service's `/transcribe` (contracts.md), and OpenAI's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, File, Form, UploadFile
from starlette.responses import Response

from deployments.serving.engine import BackendStatus
from deployments.speech.formats import ResponseFormat, service_answer
from deployments.speech.loaded_backends import LoadedBackends, SpeechRunner
from deployments.speech.openai_routes import add_openai_paths
from deployments.speech.types import DecodeOptions, SpeechLimits, SpeechRequest, Task
from deployments.speech.uploads import checked_prompt, recording, spoken_language
from deployments.speech.wire import TranscribeReply


def build_router(
    runners: Mapping[str, SpeechRunner], statuses: Callable[[], Sequence[BackendStatus]], limits: SpeechLimits
) -> APIRouter:
    """The paths below the service's base path. Handlers raise only `deployments.serving.errors`.

    Args:
        runners: by backend name; the first is the default.
        statuses: every configured backend, for refusals that say why one is not loaded.
    """
    router = APIRouter(tags=["speech"])
    backends = LoadedBackends(runners, statuses)

    @router.post("/transcribe", response_model=TranscribeReply)
    async def transcribe(
        file: Annotated[UploadFile | None, File()] = None,
        path: Annotated[str | None, Form()] = None,
        language: Annotated[str | None, Form()] = None,
        backend: Annotated[str | None, Form()] = None,
        task: Annotated[Task, Form()] = "transcribe",
        word_timestamps: Annotated[bool, Form()] = False,
        vad: Annotated[bool, Form()] = True,
        prompt: Annotated[str | None, Form()] = None,
        temperature: Annotated[float, Form(ge=0, le=1)] = 0.0,
        condition_on_previous_text: Annotated[bool, Form()] = False,
        response_format: Annotated[ResponseFormat, Form()] = "json",
    ) -> Response:
        """Speech to text: an upload (`file`), or a server path under the media roots (`path`).

        `language` is an ISO 639-1 code, detected where it is left out; `backend` asks for another than the default.
        """
        runner = backends.named(backend)
        options = DecodeOptions(
            task=task,
            word_timestamps=word_timestamps,
            prompt=checked_prompt(prompt, limits),
            temperature=temperature,
            condition_on_previous_text=condition_on_previous_text,
        )
        source = await recording(file, path, limits)
        result = await runner.run(SpeechRequest(source, spoken_language(language), vad, options))
        return service_answer(result, response_format)

    add_openai_paths(router, backends, limits)
    return router
