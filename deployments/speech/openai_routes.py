"""OpenAI's audio paths (platform.openai.com/docs/api-reference/audio), for the official client and its kin."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Request, UploadFile
from starlette.responses import Response, StreamingResponse

from deployments.serving.errors import InvalidInput
from deployments.speech.event_stream import TranscriptStream
from deployments.speech.formats import Granularity, ResponseFormat, json_response, openai_answer
from deployments.speech.loaded_backends import LoadedBackends
from deployments.speech.types import DecodeOptions, SpeechLimits, SpeechRequest
from deployments.speech.uploads import checked_prompt, recording, spoken_language
from deployments.web.exchange import Exchange

_TEXTS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": {}, "text/vtt": {}, "text/event-stream": {}}, "description": "As asked for."}
}


def add_openai_paths(router: APIRouter, backends: LoadedBackends, limits: SpeechLimits) -> None:
    @router.post("/v1/audio/transcriptions", response_model=None, responses=_TEXTS)
    async def transcriptions(
        request: Request,
        file: Annotated[UploadFile | None, File()] = None,
        model: Annotated[str | None, Form()] = None,
        language: Annotated[str | None, Form()] = None,
        prompt: Annotated[str | None, Form()] = None,
        response_format: Annotated[ResponseFormat, Form()] = "json",
        temperature: Annotated[float, Form(ge=0, le=1)] = 0.0,
        granularities: Annotated[list[Granularity], Form(alias="timestamp_granularities[]")] = [],  # noqa: B006
        bare_granularities: Annotated[list[Granularity], Form(alias="timestamp_granularities")] = [],  # noqa: B006
        stream: Annotated[bool, Form()] = False,
    ) -> Response:
        """Speech to text. `stream=true` sends events as chunks are done, each with the times of its segments."""
        asked = {*granularities, *bare_granularities}
        if asked and not stream and response_format != "verbose_json":
            raise InvalidInput(
                "timestamp_granularities needs response_format=verbose_json", field="timestamp_granularities"
            )
        if stream and response_format in ("srt", "vtt"):
            raise InvalidInput(f"stream=true cannot be {response_format}; ask for json", field="response_format")
        runner = backends.serving(model)
        options = DecodeOptions(
            word_timestamps="word" in asked, prompt=checked_prompt(prompt, limits), temperature=temperature
        )
        source = await recording(file, None, limits)
        call = SpeechRequest(source, spoken_language(language), options=options)
        if stream:
            transcript = TranscriptStream(runner, call, Exchange.of(request.scope))
            await transcript.start()
            headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
            return StreamingResponse(transcript.events(), media_type="text/event-stream", headers=headers)
        return openai_answer(await runner.run(call), response_format, asked)

    @router.post("/v1/audio/translations", response_model=None, responses=_TEXTS)
    async def translations(
        file: Annotated[UploadFile | None, File()] = None,
        model: Annotated[str | None, Form()] = None,
        prompt: Annotated[str | None, Form()] = None,
        response_format: Annotated[ResponseFormat, Form()] = "json",
        temperature: Annotated[float, Form(ge=0, le=1)] = 0.0,
    ) -> Response:
        """Speech of any language to English text."""
        runner = backends.serving(model)
        options = DecodeOptions(task="translate", prompt=checked_prompt(prompt, limits), temperature=temperature)
        call = SpeechRequest(await recording(file, None, limits), options=options)
        return openai_answer(await runner.run(call), response_format, ())

    @router.get("/v1/models", response_model=None)
    async def models() -> Response:
        """Every loaded backend's model, the default first."""
        return json_response({"object": "list", "data": backends.models()})

    @router.get("/v1/models/{model_id:path}", response_model=None)
    async def model(model_id: str) -> Response:
        """One of them."""
        return json_response(backends.model(model_id))
