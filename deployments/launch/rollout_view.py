"""A rollout on the terminal: live where there is one, else a line for each change."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from deployments.launch.destination import Destination
from deployments.launch.rollout import Progress, await_healthy

COLOURS = {"building": "yellow", "rolling": "cyan", "healthy": "green", "missing": "dim"}


def follow(console: Console, destination: Destination, goal: dict[str, Any], timeout_s: float) -> None:
    """Show the rollout until it is over.

    Raises:
        NotHealthy, Superseded: as `rollout.await_healthy`.
    """
    began = time.monotonic()
    if not console.is_terminal:
        said: dict[str, str] = {}

        def say(progress: Mapping[str, Progress]) -> None:
            for name, item in progress.items():
                if said.get(name) != (text := _said(item)):
                    said[name] = text
                    console.print(f"{time.monotonic() - began:5.0f} s  {name}: {text}", highlight=False)

        await_healthy(destination.details, goal, timeout_s, say)
        return
    with Live(console=console, refresh_per_second=4, transient=True) as live:

        def draw(progress: Mapping[str, Progress]) -> None:
            grid = Table.grid(padding=(0, 2))
            for name, item in progress.items():
                grid.add_row(name, f"[{COLOURS[item.phase]}]{_said(item)}[/]", f"[dim]{item.message[:90]}[/]")
            grid.add_row(f"{time.monotonic() - began:.0f} s of {timeout_s:g} s", "", "")
            live.update(grid)

        await_healthy(destination.details, goal, timeout_s, draw)
    console.print(f"Healthy after {time.monotonic() - began:.0f} s.", highlight=False)


def _said(progress: Progress) -> str:
    if progress.phase in ("building", "missing"):
        return progress.phase
    counts = f"{progress.running} of {progress.wanted} running"
    counts += f", {progress.starting} starting" if progress.starting else ""
    counts += f", {progress.stopping} stopping" if progress.stopping else ""
    return f"{progress.phase} ({counts})"
