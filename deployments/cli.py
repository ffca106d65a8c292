"""The `sensorium` command: thin, each verb calls one function elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from deployments import cli_bulk, cli_container, cli_training

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(cli_training.dataset, name="dataset")
app.add_typer(cli_bulk.bulk, name="bulk")
app.command()(cli_container.container)
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(cli_training.train)
console = Console(width=None if sys.stdout.isatty() else 120)


@app.command()
def serve(
    config: Annotated[Path, typer.Option(help="Serve configuration.")] = Path("ray_configs/embedded.yaml"),
    port: Annotated[int, typer.Option(help="Port of the HTTP face.")] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 opens it to the network.")] = "127.0.0.1",
    timeout: Annotated[float, typer.Option(help="Seconds to wait for every service.")] = 300,
) -> None:
    """Start every service on this machine and wait until they answer. Example: sensorium serve --port 8001"""
    from deployments.launch import serve as launch

    launch.serve(config, host, port, timeout, console)


@app.command()
def stop() -> None:
    """End what `sensorium serve` started. Example: sensorium stop"""
    from deployments.launch import serve as launch

    launch.stop(console)


@app.command()
def status() -> None:
    """Show services and replicas; exit status 1 unless all run. Example: sensorium status"""
    from deployments.launch import serve as launch

    if not launch.status(console):
        raise typer.Exit(1)


@app.command()
def logs(
    lines: Annotated[int, typer.Option(help="Lines from the end of each file.")] = 40,
) -> None:
    """Print the end of every log of the running instance. Example: sensorium logs --lines 100"""
    from deployments.launch import serve as launch

    for file in launch.log_files():
        console.rule(str(file))
        text = file.read_text(errors="replace").splitlines()[-lines:]
        console.print("\n".join(text), markup=False, highlight=False, soft_wrap=True)


def main() -> None:
    """Entry point: a `LaunchFailed` is one line on stderr and exit status 1."""
    from deployments.launch.errors import LaunchFailed

    try:
        app()
    except LaunchFailed as error:
        Console(stderr=True).print(f"sensorium: {error}", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
