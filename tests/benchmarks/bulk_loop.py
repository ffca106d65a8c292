"""What one would write by hand instead of a bulk job: files in batches through the engine, in one process, without Ray.

`python -m tests.benchmarks.bulk_loop ocr|speech SETTINGS THREADS LIST` prints `ready` when the model is warm, waits for
a line, then prints seconds and texts as JSON. For several processes the caller starts several.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from deployments.serving.bulk_settings import load_settings
from deployments.serving.bulk_task import BulkTask


def main(service: str, settings: str, threads: str, listing: str) -> None:
    files = json.loads(Path(listing).read_text())
    task, batch = _task(service, Path(settings), int(threads))
    engine = task.load()
    engine.warm_up()
    print("ready", flush=True)  # noqa: T201
    sys.stdin.readline()
    began = time.perf_counter()
    texts = {}
    for start in range(0, len(files), batch):
        requests = [(file, task.request(Path(file).read_bytes(), file)) for file in files[start : start + batch]]
        units = [(file, request, engine.prepare(request)) for file, request in requests]
        outcomes: list[Any] = list(engine.infer([unit for _, _, own in units for unit in own]))
        for file, request, own in units:
            result = engine.assemble(request, own, [outcomes.pop(0) for _ in own])
            texts[file] = task.result(result)["text"]
    print(json.dumps({"seconds": time.perf_counter() - began, "texts": texts}), flush=True)  # noqa: T201


def _task(service: str, settings: Path, threads: int) -> tuple[BulkTask, int]:
    """The job's own, with its own batch size, in so many threads."""
    if service == "ocr":
        from deployments.ocr import bulk as ocr
        from deployments.ocr.types import OcrOptions

        chosen = load_settings(ocr.OcrJobSettings, settings, "ocr")
        chosen = chosen.model_copy(update={"model": replace(chosen.model, threads=threads)})
        return ocr.bulk_task(chosen, OcrOptions(language="en")), chosen.batching.max_batch_size
    from deployments.speech import bulk as speech
    from deployments.speech.types import DecodeOptions

    heard = load_settings(speech.SpeechJobSettings, settings, "speech")
    heard = heard.model_copy(update={"model": replace(heard.model, threads=threads)})
    request = partial(speech.request, "en", True, DecodeOptions())
    return speech.bulk_task(heard, request), heard.batching.max_batch_size


if __name__ == "__main__":
    main(*sys.argv[1:])
