"""`sensorium container`: the container numbers in pictures, by one reader or by several side by side."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deployments.cli.exit_status import epilog
from deployments.cli.output import AsJson, AsTable
from deployments.cli.server import PATIENCE_S, ApiKey, Timeout, Url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from deployments.cli.inputs import Input
    from deployments.client import AsyncSensorium
    from deployments.client.container_number import ImageNumbers
    from deployments.container_number.compared_readers import ComparedReader

EXAMPLES = epilog(
    "sensorium container gate.jpg",
    "sensorium container gate/ --output results.csv",
    "sensorium container gate/ --output results.csv --compare base,ours,ocr",
)


def container(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE", help="Pictures, PDFs, folders of them; - is standard input.")
    ],
    compare: Annotated[
        str, typer.Option(help="Who reads: auto, ocr, florence, base, an adapter's name; several, side by side.")
    ] = "auto",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="results.csv or results.txt")] = None,
    as_json: AsJson = False,
    as_table: AsTable = False,
    here: Annotated[
        bool,
        typer.Option("--here", help="Without a server: load the models in this process, as when none is running."),
    ] = False,
    url: Url = "",
    api_key: ApiKey = "",
    timeout: Timeout = PATIENCE_S,
) -> None:
    """Read every container number in pictures."""
    import asyncio

    from deployments.cli.container_results import ContainerResults
    from deployments.cli.each import exit_status, for_each
    from deployments.cli.inputs import PICTURES, open_inputs
    from deployments.cli.output import Output
    from deployments.container_number.compared_readers import readers_named

    readers = readers_named(compare.split(","))
    shown = Output(as_json, as_table)
    results = ContainerResults(output, readers, shown)
    inputs, failed = open_inputs(files, PICTURES)

    async def read() -> int:
        async with _service(url, api_key, here) as client:

            async def call(work: tuple[Input, ComparedReader]) -> ImageNumbers:
                item, by = work
                reply = await client.container_number.read(
                    [item.upload], reader=by.reader, adapter=by.adapter, timeout_s=timeout
                )
                [entry] = reply.results
                return entry

            work = [(item, by) for item in inputs for by in readers]
            return await for_each(work, _name, call, results.add, shown, lost=results.lose)

    if inputs:
        failed += asyncio.run(read())
        results.end()
    raise typer.Exit(exit_status(failed + results.failed))


def _name(work: tuple[Input, ComparedReader]) -> str:
    return work[0].name


@asynccontextmanager
async def _service(url: str, api_key: str, here: bool) -> AsyncIterator[AsyncSensorium]:
    """The server; this process where it is asked for, or where nothing was named and nothing is running."""
    from deployments.cli.exit_status import complain
    from deployments.cli.server import Unreachable, connected, is_named

    async with AsyncExitStack() as opened:
        client: AsyncSensorium | None = None
        if not here:
            try:
                client = await opened.enter_async_context(connected(url, api_key, "container-number"))
            except Unreachable:
                if is_named(url) or not _can_load():
                    raise
                complain("no server is running: the models are loaded in this process (name a server with --url)")
        if client is None:
            from deployments.local_container_service import local_client

            client = await opened.enter_async_context(local_client())
        yield client


def _can_load() -> bool:
    """Whether the server's packages are installed."""
    from importlib.util import find_spec

    return all(find_spec(name) is not None for name in ("torch", "fastapi", "openvino"))
