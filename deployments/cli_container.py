"""`sensorium container`: a folder of pictures to a table of container numbers."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer


def container(
    folder: Annotated[Path, typer.Argument(help="Folder of pictures.")],
    output: Annotated[Path, typer.Option(help="results.csv or results.txt")] = Path("results.csv"),
    compare: Annotated[str, typer.Option(help="Readers side by side: base, an adapter's name, ocr, auto.")] = "auto",
    url: Annotated[
        str, typer.Option(help="A running service, e.g. http://host:8000; without it, in this process.")
    ] = "",
    api_key: Annotated[str, typer.Option(envvar="SENSORIUM_API_KEY")] = "",
) -> None:
    """Read every container number. Example: sensorium container gate/ --output results.csv --compare base,ours,ocr"""
    from rich.console import Console
    from rich.progress import Progress

    from deployments.container_number.batch_process import process_folder, service_client
    from deployments.local_container_service import local_client
    from deployments.serving.errors import SensoriumError

    connect = partial(service_client, f"{url.rstrip('/')}/container-number", api_key or None) if url else local_client
    readers = tuple(name.strip() for name in compare.split(","))
    try:
        with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
            task = bar.add_task("reading", total=None)
            told = process_folder(
                folder, output, compare=readers, connect=connect,
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )  # fmt: skip
    except SensoriumError as error:
        typer.echo(f"sensorium: {error.message}", err=True)
        raise typer.Exit(2) from error
    typer.echo("\n".join(told))
