"""A folder of pictures through the container-number service: one reader, or several side by side.

The service is asked over HTTP, wherever it runs: in a cluster, or in this process (`httpx.ASGITransport`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from deployments.container_number.results_file import PictureResult, check_format, summary, write_results
from deployments.serving.errors import InvalidInput, SensoriumError, Unavailable

if TYPE_CHECKING:
    import httpx

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".pdf")
Progress = Callable[[int, int], None]
"""Told after every picture: (pictures done, pictures in all)."""

Connect = Callable[[], "AbstractAsyncContextManager[httpx.AsyncClient]"]
LOCAL_SERVICE = "http://127.0.0.1:8000/container-number"

_TIMEOUT_S = 60.0
_READERS = ("ocr", "auto", "florence")
_ATTEMPTS = 4
_LONGEST_PAUSE_S = 10.0


class ServiceRefused(SensoriumError):
    """The service answered that the whole call cannot succeed: an unknown adapter, a missing key, ..."""

    code = "service_refused"


@dataclass(frozen=True, slots=True)
class Source:
    """Who reads: a reader of the service, with an adapter where it is Florence-2."""

    name: str
    """As the person wrote it: heads its columns."""
    reader: str
    adapter: str = "base"


def source_named(name: str) -> Source:
    """`ocr`, `auto` or `florence` is that reader; any other name, such as `base`, is Florence-2 with that adapter."""
    cleaned = name.strip()
    if not cleaned:
        raise InvalidInput("a reader to compare has no name; write e.g. base,gate-7,ocr", field="compare")
    return Source(cleaned, cleaned) if cleaned in _READERS else Source(cleaned, "florence", cleaned)


def pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder, by name; subfolders are not entered.

    Raises:
        InvalidInput: it is no folder, or holds no picture.
    """
    if not folder.is_dir():
        raise InvalidInput(f"{folder} is not a folder; name the one that holds the pictures", folder=str(folder))
    found = sorted(file for file in folder.iterdir() if file.is_file() and file.suffix.lower() in SUFFIXES)
    if not found:
        raise InvalidInput(f"{folder} holds no picture ({', '.join(SUFFIXES)})", folder=str(folder))
    return found


def process_folder(
    folder: Path,
    output: Path,
    compare: Sequence[str] = ("auto",),
    connect: Connect | None = None,
    progress: Progress | None = None,
) -> list[str]:
    """Read every picture of `folder`, write the table `output`; what it comes to, in lines for a person.

    Args:
        output: `.csv` or `.txt`.
        compare: who reads, see `source_named`; several stand side by side.
        connect: opens a client of the service; None connects to the one on this machine.

    Raises:
        InvalidInput: the folder, the output or a name in `compare` cannot be used; nothing was read yet.
        ServiceRefused, Unavailable: see `read_pictures`; nothing is written.
    """
    check_format(output)
    sources = [source_named(name) for name in dict.fromkeys(compare)]
    pictures = pictures_in(folder)

    async def run() -> list[PictureResult]:
        async with (connect or partial(service_client, LOCAL_SERVICE))() as client:
            return await read_pictures(client, pictures, sources, progress)

    results = asyncio.run(run())
    names = [source.name for source in sources]
    write_results(output, results, names)
    return summary(results, names)


def service_client(url: str, api_key: str | None = None) -> AbstractAsyncContextManager[httpx.AsyncClient]:
    """A client of the service at `url`, e.g. `http://127.0.0.1:8000/container-number`."""
    import httpx

    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    return httpx.AsyncClient(base_url=url, headers=headers, timeout=_TIMEOUT_S)


async def read_pictures(
    client: httpx.AsyncClient,
    pictures: Sequence[Path],
    sources: Sequence[Source],
    progress: Progress | None = None,
    parallel: int = 4,
) -> list[PictureResult]:
    """Every picture by every source, in that order. A picture that cannot be read has its error, the others go on.

    Args:
        client: its base URL is the service's, e.g. `http://127.0.0.1:8000/container-number`; keys are in its headers.
        parallel: pictures under way at once.

    Raises:
        ServiceRefused: an answer of 4xx: no picture would fare better.
        Unavailable: the service did not answer in four attempts.
    """
    turn = asyncio.Semaphore(parallel)
    done = 0

    async def read(picture: Path) -> list[PictureResult]:
        nonlocal done
        async with turn:
            results = [await _read(client, picture, source) for source in sources]
        done += 1
        if progress is not None:
            progress(done, len(pictures))
        return results

    tasks = [asyncio.create_task(read(picture)) for picture in pictures]
    try:
        return [result for results in await asyncio.gather(*tasks) for result in results]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read(client: httpx.AsyncClient, picture: Path, source: Source) -> PictureResult:
    try:
        data = await asyncio.to_thread(picture.read_bytes)
    except OSError as error:
        return PictureResult(picture, source.name, error=f"cannot be read: {error.strerror}")
    reply = await _post(client, picture, data, source)
    if reply.status_code == 413:
        return PictureResult(picture, source.name, error=_message(reply))
    if reply.is_error:
        raise ServiceRefused(f"{source.name}: the service answered {reply.status_code}: {_message(reply)}")
    [result] = reply.json()["results"]
    return PictureResult(picture, source.name, tuple(result["numbers"]), result["error"])


async def _post(client: httpx.AsyncClient, picture: Path, data: bytes, source: Source) -> httpx.Response:
    """The answer, asked for again while the service is away or busy."""
    import httpx

    fields = {"reader": source.reader, "adapter": source.adapter}
    for attempt in range(_ATTEMPTS):
        pause = min(2.0**attempt, _LONGEST_PAUSE_S)
        try:
            reply = await client.post("read", files={"files": (picture.name, data)}, data=fields)
            if reply.status_code < 500:
                return reply
            problem = f"{reply.status_code}: {_message(reply)}"
            pause = min(float(reply.headers.get("retry-after", pause)), _LONGEST_PAUSE_S)
        except httpx.TransportError as error:
            problem = f"{type(error).__name__}: {error}"
        if attempt < _ATTEMPTS - 1:
            await asyncio.sleep(pause)
    raise Unavailable(f"{client.base_url} does not answer ({problem}); is it running? See `sensorium status`")


def _message(reply: httpx.Response) -> str:
    try:
        return str(reply.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return reply.text[:200] or reply.reason_phrase
