"""`sensorium bench`: how fast a running server answers, from here."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from deployments.cli.exit_status import epilog
from deployments.cli.output import AsJson, AsTable
from deployments.cli.server import ApiKey, Url


class Service(StrEnum):
    """In the order in which they are measured."""

    EMBEDDING = "embedding"
    OCR = "ocr"
    SPEECH = "speech"
    CONTAINER = "container"


EXAMPLES = epilog(
    "sensorium bench",
    "sensorium bench embedding --clients 64 --seconds 10",
    "sensorium bench ocr --input page.png --language ko --clients 4",
)


def bench(
    services: Annotated[list[Service] | None, typer.Argument(help="Which; all by default.", show_default=False)] = None,
    clients: Annotated[
        int | None,
        typer.Option("--clients", "-c", min=1, max=2000, show_default="embedding 64, others 8", help="At once."),
    ] = None,
    seconds: Annotated[float, typer.Option("--seconds", "-s", min=0.1, help="For each service.")] = 10.0,
    inputs: Annotated[
        list[Path] | None,
        typer.Option("--input", "-i", help="Files to send instead of the samples; texts: one a line.", exists=True),
    ] = None,
    language: Annotated[str, typer.Option("--language", "-l", help="Of the pictures or recordings.")] = "en",
    as_json: AsJson = False,
    as_table: AsTable = False,
    url: Url = "",
    api_key: ApiKey = "",
) -> None:
    """Measure requests a second and latencies of a running server.

    Each client sends the next request as soon as it has the answer to the last. The figures are of server and network
    together. What the project promises of its speed is measured by `make bench`.
    """
    import asyncio

    from deployments.bench.run import measure_all
    from deployments.cli.output import Output

    chosen = list(dict.fromkeys(services or Service))
    if inputs and len(chosen) != 1:
        raise typer.BadParameter("--input goes with one service; name it: sensorium bench ocr --input page.png")
    output = Output(as_json, as_table)
    failed = asyncio.run(
        measure_all(chosen, clients, seconds, tuple(inputs or ()), language, url=url, api_key=api_key, output=output)
    )
    raise typer.Exit(1 if failed else 0)
