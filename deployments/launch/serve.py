"""`sensorium serve`: the steps from nothing to four services answering, and back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table

from deployments.launch import code_version, head, instance, readiness, serve_api, table
from deployments.launch import config as serve_config
from deployments.launch.deploy import Goal, deploy, write_down
from deployments.launch.destination import find
from deployments.launch.errors import LaunchFailed
from deployments.launch.history import Result

PHASES = {"waiting": "dim", "loading": "yellow", "routing": "cyan", "ready": "green"}


def serve(config_path: Path, host: str, port: int, timeout_s: float, console: Console) -> None:
    """Start (or update) this checkout's instance and wait until every service answers.

    Raises:
        LaunchFailed: with the reason; a head that was started for nothing is stopped again.
    """
    config = serve_config.read(config_path, host, port)
    services = serve_config.services(config)
    running = instance.load()
    if running and (running.host, running.port) != (host, port):
        raise LaunchFailed(
            f"already running at {running.base_url}; `make stop` first, or leave PORT and HOST as they are"
        )
    goal = Goal(str(config_path), config, code_version.present())
    if running:
        destination = find("local")
        deploy(destination, goal, console=console, confirm=lambda: True, timeout_s=timeout_s)
    else:
        running = _start(config_path, host, port, console)
        try:
            serve_api.put_config(running.dashboard_url, code_version.stamped(config, goal.code_version))
            _watch(running, services, timeout_s, console)
        except LaunchFailed:
            instance.end(running, patience_s=10)
            raise
        write_down(find("local"), goal, Result.HEALTHY, "", console)
    table.show(console, running, services)


def stop(console: Console) -> None:
    """End this checkout's instance, and nothing else."""
    running = instance.load()
    if running is None:
        console.print("Not running.")
        return
    instance.end(running, patience_s=30)
    console.print("Stopped.")


def log_files() -> list[Path]:
    """Of the running instance: Ray's start, Serve's controller, HAProxy's manager and every replica, newest last."""
    running = instance.load()
    start_log = instance.state_folder() / "ray.log"
    if running is None:
        return [start_log] if start_log.exists() else []
    files = Path(running.temp_dir, "session_latest", "logs", "serve").glob("*.log")
    return [start_log, *sorted(files, key=lambda file: file.stat().st_mtime)]


def _start(config_path: Path, host: str, port: int, console: Console) -> instance.Instance:
    with console.status("Starting Ray"):
        return head.start(host, port, config_path)


def _watch(started: instance.Instance, services: Mapping[str, str], timeout_s: float, console: Console) -> None:
    began = time.monotonic()
    if not console.is_terminal:
        said: dict[str, str] = {}

        def say(phases: Mapping[str, str]) -> None:
            for name, phase in phases.items():
                if said.get(name) != phase:
                    said[name] = phase
                    console.print(f"{time.monotonic() - began:5.0f} s  {name}: {phase}")

        readiness.await_ready(started, services, timeout_s, say)
        return
    with Live(console=console, refresh_per_second=4, transient=True) as live:

        def draw(phases: Mapping[str, str]) -> None:
            grid = Table.grid(padding=(0, 2))
            for name, phase in phases.items():
                grid.add_row(name, f"[{PHASES[phase]}]{phase}[/]")
            grid.add_row(f"{time.monotonic() - began:.0f} s", "")
            live.update(grid)

        readiness.await_ready(started, services, timeout_s, draw)
