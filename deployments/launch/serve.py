"""`sensorium serve`: the steps from nothing to four services answering, and back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table

from deployments.launch import config as serve_config
from deployments.launch import head, instance, readiness, serve_api, table
from deployments.launch.errors import LaunchFailed

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
    started = running or _start(config_path, host, port, console)
    try:
        serve_api.put_config(started.dashboard_url, config)
        _watch(started, services, timeout_s, console)
    except LaunchFailed:
        if not running:
            instance.end(started, patience_s=10)
        raise
    table.show(console, started, services)


def stop(console: Console) -> None:
    """End this checkout's instance, and nothing else."""
    running = instance.load()
    if running is None:
        console.print("Not running.")
        return
    instance.end(running, patience_s=30)
    console.print("Stopped.")


def status(console: Console) -> bool:
    """Show what runs; True if every service is ready."""
    running = instance.load()
    if running is None:
        console.print("Not running; `make serve` starts it.")
        return False
    applications = serve_api.get_details(running.dashboard_url).get("applications", {})
    grid = Table("service", "status", "replicas", "message")
    for name, application in applications.items():
        replicas = [
            replica.get("state", "?")
            for deployment in application.get("deployments", {}).values()
            for replica in deployment.get("replicas", [])
        ]
        alive = sum(state == "RUNNING" for state in replicas)
        message = readiness.failure(application) if application["status"] in readiness.FAILED else ""
        grid.add_row(name, application["status"], f"{alive}/{len(replicas)}", message)
    console.print(f"{running.base_url}  (configuration {running.config})")
    console.print(grid)
    return bool(applications) and all(item["status"] == "RUNNING" for item in applications.values())


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
