"""The history of deployments as a table."""

from __future__ import annotations

from rich.table import Table

from deployments.launch.history import Entry, Result

COLOURS = {Result.HEALTHY: "green", Result.ROLLED_BACK: "yellow", Result.FAILED: "red", Result.FOUND: "dim"}


def render(entries: list[Entry]) -> Table:
    """Newest last, as in a log."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("no.", "time (UTC)", "who"):
        table.add_column(name, no_wrap=True)
    for name in ("configuration", "code", "result", "reason"):
        table.add_column(name, overflow="fold")
    for entry in entries:
        result = f"[{COLOURS[entry.result]}]{entry.result}[/]"
        time = entry.time[:16].replace("T", " ")
        table.add_row(str(entry.number), time, entry.who, entry.name, entry.code_version, result, entry.reason)
    return table
