"""Recordings of a task, transcribed as those of a synchronous call."""

from __future__ import annotations

from deployments.serving.errors import SensoriumError
from deployments.speech.formats import plain_text, transcript
from deployments.speech.loaded_backends import LoadedBackends
from deployments.speech.types import DecodeOptions, SpeechRequest
from deployments.tasks.types import Item, Json


class SpeechTaskWork:
    """Implements `deployments.tasks.work.TaskWork`."""

    def __init__(self, backends: LoadedBackends) -> None:
        self._backends = backends

    async def perform(self, item: Item) -> Json:
        kept = item.options
        options = DecodeOptions(
            task=kept["task"],
            word_timestamps=kept["word_timestamps"],
            prompt=kept["prompt"],
            temperature=kept["temperature"],
            condition_on_previous_text=kept["condition_on_previous_text"],
        )
        request = SpeechRequest(await item.load(), kept["language"], kept["vad"], options)
        result = await self._backends.named(kept["backend"]).run(request)
        wanted = kept["response_format"]
        entry = _head(item, None) | transcript(result, verbose=wanted == "verbose_json")
        return entry if wanted in ("json", "verbose_json") else entry | {"content": plain_text(result, wanted)}

    async def fail(self, item: Item, error: SensoriumError) -> Json:
        return _head(item, error) | {
            "success": False,
            "text": "",
            "language": "",
            "duration": 0.0,
            "backend": item.options["backend"] or "",
            "model": "",
            "task": item.options["task"],
            "language_probability": None,
            "processing_time": 0.0,
            "real_time_factor": 0.0,
            "segments": [],
        }


def _head(item: Item, error: SensoriumError | None) -> Json:
    return {
        "name": item.name,
        "status": "failed" if error else "success",
        "error": error.message if error else None,
        "error_code": error.code if error else None,
    }
