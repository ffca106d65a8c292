"""`sensorium bulk ...`: the same commands as `python -m deployments.<service>.bulk`, here or as a job of a cluster."""

from __future__ import annotations

import importlib
import shlex
from typing import Annotated

import typer

bulk = typer.Typer(no_args_is_help=True, help="Whole folders, buckets and tables with Ray Data: one row per input.")

_PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
Source = Annotated[
    str, typer.Argument(help="Folder, glob, URI (s3://...), file, or table (.parquet .csv .jsonl .txt).")
]
Destination = Annotated[str, typer.Argument(help="Folder for the rows; run again to resume.")]
Address = Annotated[str, typer.Option(help="Ray dashboard to submit to, or `local`: the running instance's.")]


@bulk.command(context_settings=_PASS_ON)
def ocr(context: typer.Context, source: Source, destination: Destination, address: Address = "") -> None:
    """Text of images and PDFs; more options: python -m deployments.ocr.bulk --help

    Example: sensorium bulk ocr scans/ out/ --language en
    """
    _run("deployments.ocr.bulk", [source, destination, *context.args], address)


@bulk.command(context_settings=_PASS_ON)
def embed(context: typer.Context, source: Source, destination: Destination, address: Address = "") -> None:
    """Vectors of texts; more options: python -m deployments.embedding.bulk --help

    Example: sensorium bulk embed articles.parquet out/ --column body
    """
    _run("deployments.embedding.bulk", [source, destination, *context.args], address)


@bulk.command(context_settings=_PASS_ON)
def speech(context: typer.Context, source: Source, destination: Destination, address: Address = "") -> None:
    """Transcripts of recordings; more options: python -m deployments.speech.bulk --help

    Example: sensorium bulk speech calls/ out/ --language en
    """
    _run("deployments.speech.bulk", [source, destination, *context.args], address)


@bulk.command(context_settings=_PASS_ON)
def container(
    context: typer.Context,
    source: Source,
    destination: Destination,
    reader: Annotated[str, typer.Option(help="`ocr` for whole pictures, `florence` for crops of one number.")] = "ocr",
    address: Address = "",
) -> None:
    """Container numbers in pictures. Example: sensorium bulk container gate/ out/"""
    modules = {"ocr": "deployments.bulk_container_ocr", "florence": "deployments.container_number.bulk"}
    if reader not in modules:
        raise typer.BadParameter(f"{reader!r} is not one of {', '.join(modules)}", param_hint="--reader")
    _run(modules[reader], [source, destination, *context.args], address)


def _run(module: str, arguments: list[str], address: str) -> None:
    if address:
        from deployments.launch.jobs import submit

        raise typer.Exit(submit(shlex.join(["python", "-m", module, *arguments]), address))
    raise typer.Exit(importlib.import_module(module).main(arguments))
