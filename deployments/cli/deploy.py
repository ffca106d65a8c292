"""`sensorium deploy`, `rollback`, `history`, `status`: what is done to services that run, here or on a cluster."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from deployments.cli.exit_status import epilog

if TYPE_CHECKING:
    from deployments.launch.deploy import Goal
    from deployments.launch.destination import Destination
    from deployments.launch.status import Report

DEPLOY_EXAMPLES = epilog(
    "sensorium deploy ray_configs/gpu.yaml --dry-run",
    "sensorium deploy ray_configs/gpu.yaml --address http://head:8265",
)
ROLLBACK_EXAMPLES = epilog("sensorium rollback", "sensorium rollback --to 3 --yes")
HISTORY_EXAMPLES = epilog("sensorium history --address http://head:8265")
STATUS_EXAMPLES = epilog("sensorium status --watch", "sensorium status --json")
WINDOW_S = 30
"""Of `status --watch`: at least two of Ray's reports, which come every 10 s."""

Address = Annotated[str, typer.Option(help="A cluster's Ray dashboard, http://host:8265; without it, this checkout's.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Timeout = Annotated[float, typer.Option(help="Seconds until the new configuration must be healthy.")]
Code = Annotated[
    str,
    typer.Option(help="Version of the code on the nodes; another one replaces replicas. Default: of these sources."),
]
console = Console(width=None if sys.stdout.isatty() else 120)


def deploy(
    config: Annotated[Path, typer.Argument(help="Serve configuration, e.g. ray_configs/gpu.yaml.")],
    address: Address = "",
    yes: Yes = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and stop.")] = False,
    timeout: Timeout = 300,
    code_version: Code = "",
) -> None:
    """Show what a configuration changes, apply it, wait until it is healthy; else go back to what ran."""
    from deployments.launch import code_version as code
    from deployments.launch import config as serve_config
    from deployments.launch.deploy import Goal
    from deployments.launch.destination import find

    destination = find(address)
    here = destination.instance
    document = serve_config.read(config, here.host, here.port) if here else serve_config.load(config)
    _deploy(destination, Goal(str(config), document, code_version or code.present()), yes, dry_run, timeout)


def rollback(
    to: Annotated[int, typer.Option(help="Number in `sensorium history`; without it, the one before.")] = 0,
    address: Address = "",
    yes: Yes = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and stop.")] = False,
    timeout: Timeout = 300,
    code_version: Code = "",
) -> None:
    """Go back to a configuration that was healthy."""
    from deployments.launch import code_version as code
    from deployments.launch.deploy import rollback_goal
    from deployments.launch.destination import find

    destination = find(address)
    goal = rollback_goal(destination, to or None, code_version or code.present())
    _deploy(destination, goal, yes, dry_run, timeout)


def history(address: Address = "") -> None:
    """Show what was deployed, when, by whom, and how it ended."""
    from deployments.launch import history_view
    from deployments.launch.destination import find

    entries = find(address).history.entries()
    console.print(history_view.render(entries) if entries else "Nothing was deployed yet by `sensorium`.")


def _deploy(destination: Destination, goal: Goal, yes: bool, dry_run: bool, timeout: float) -> None:
    from deployments.launch import deploy as launch
    from deployments.launch.errors import LaunchFailed

    def confirm() -> bool:
        if yes:
            return True
        if not sys.stdin.isatty():
            raise LaunchFailed("nobody to ask here: add --yes to apply this, or --dry-run to see it only")
        return typer.confirm("Apply?")

    launch.deploy(destination, goal, console=console, confirm=confirm, dry_run=dry_run, timeout_s=timeout)


def status(
    address: Address = "",
    as_json: Annotated[bool, typer.Option("--json", help="Everything, for programs.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Refresh until interrupted; figures of the last half minute.")
    ] = False,
    every: Annotated[float, typer.Option(min=0.5, help="Seconds between refreshes.")] = 5,
) -> None:
    """Show replicas, queue, rate, latency, errors, batches and memory; exit status 1 unless all services run."""
    from deployments.launch.destination import NothingRuns, find
    from deployments.launch.status import observe

    try:
        destination = find(address)
    except NothingRuns as error:
        console.print(str(error), highlight=False)
        raise typer.Exit(1) from None
    if watch:
        _watch(destination, every, as_json)
        return
    report, _ = observe(destination)
    _print_report(report, as_json)
    if not report.all_run:
        raise typer.Exit(1)


def _watch(destination: Destination, every: float, as_json: bool) -> None:
    from rich.live import Live

    from deployments.launch import status_view
    from deployments.launch.status import windows

    reports = windows(destination, WINDOW_S, every)
    with contextlib.suppress(KeyboardInterrupt):
        if as_json or not console.is_terminal:
            for report in reports:
                _print_report(report, as_json)
            return
        with Live(console=console, auto_refresh=False) as live:
            for report in reports:
                live.update(status_view.render(report), refresh=True)


def _print_report(report: Report, as_json: bool) -> None:
    from deployments.launch import status_view

    if as_json:
        typer.echo(json.dumps(report.as_json()))
    else:
        console.print(status_view.render(report))
