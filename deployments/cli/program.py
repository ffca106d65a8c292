"""The `sensorium` command: thin, each verb calls one function elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from deployments.cli import bench, bulk, container, deploy, embedding, ocr, speech, training
from deployments.cli.exit_status import EXIT_STATUSES, complain, epilog, known_failure, writing_to_stdout

USE, RUN, MAKE = "Use a server", "Run a server", "Whole folders and training"

app = typer.Typer(
    no_args_is_help=True, pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXIT_STATUSES,
)  # fmt: skip
app.command(rich_help_panel=USE, epilog=ocr.EXAMPLES)(ocr.ocr)
app.command(rich_help_panel=USE, epilog=speech.EXAMPLES)(speech.transcribe)
app.command(rich_help_panel=USE, epilog=embedding.EXAMPLES)(embedding.embed)
app.command(rich_help_panel=USE, epilog=container.EXAMPLES)(container.container)
app.command(rich_help_panel=USE, epilog=bench.EXAMPLES)(bench.bench)
app.add_typer(bulk.bulk, name="bulk", rich_help_panel=MAKE)
app.add_typer(training.dataset, name="dataset", rich_help_panel=MAKE)
app.command(rich_help_panel=MAKE, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(
    training.train
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"sensorium {version('sensorium')}")
        raise typer.Exit


@app.callback()
def sensorium(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """OCR, embedding, speech and container numbers on one Ray cluster: use a server, or run one."""


console = Console(width=None if sys.stdout.isatty() else 120)


@app.command(rich_help_panel=RUN, epilog=epilog("sensorium serve --port 8001"))
def serve(
    config: Annotated[Path, typer.Option(help="Serve configuration.")] = Path("ray_configs/embedded.yaml"),
    port: Annotated[int, typer.Option(help="Port of the HTTP face.")] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 opens it to the network.")] = "127.0.0.1",
    timeout: Annotated[float, typer.Option(help="Seconds to wait for every service.")] = 300,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Stay, and end everything on SIGTERM: for containers and systemd.")
    ] = False,
) -> None:
    """Start every service on this machine and wait until they answer."""
    from deployments.launch import foreground as staying
    from deployments.launch import serve as launch

    start = staying.serve_in_foreground if foreground else launch.serve
    start(config, host, port, timeout, console)


@app.command(rich_help_panel=RUN, epilog=epilog("sensorium stop"))
def stop() -> None:
    """End what `sensorium serve` started."""
    from deployments.launch import serve as launch

    launch.stop(console)


app.command(rich_help_panel=RUN, epilog=deploy.DEPLOY_EXAMPLES)(deploy.deploy)
app.command(rich_help_panel=RUN, epilog=deploy.ROLLBACK_EXAMPLES)(deploy.rollback)
app.command(rich_help_panel=RUN, epilog=deploy.HISTORY_EXAMPLES)(deploy.history)
app.command(rich_help_panel=RUN, epilog=deploy.STATUS_EXAMPLES)(deploy.status)


@app.command(rich_help_panel=RUN, epilog=epilog("sensorium logs --lines 100"))
def logs(
    lines: Annotated[int, typer.Option(help="Lines from the end of each file.")] = 40,
) -> None:
    """Print the end of every log of the running instance."""
    from deployments.launch import serve as launch

    for file in launch.log_files():
        console.rule(str(file))
        text = file.read_text(errors="replace").splitlines()[-lines:]
        console.print("\n".join(text), markup=False, highlight=False, soft_wrap=True)


def main() -> None:
    """Entry point: a failure that has a name is one line on stderr and an exit status, see `exit_status`."""
    try:
        try:
            app()
        finally:
            with writing_to_stdout():  # here, because what fails when Python does it at its end is a traceback
                sys.stdout.flush()
    except Exception as error:
        failure = known_failure(error)
        if failure is None:
            raise
        complain(failure.message)
        sys.exit(failure.status)


if __name__ == "__main__":
    main()
