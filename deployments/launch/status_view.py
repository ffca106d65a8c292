"""A status report as a table in the terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from deployments.launch.status import Report, Row

COLOURS = {"RUNNING": "green", "DEPLOYING": "yellow", "NOT_STARTED": "dim", "DELETING": "dim"}
UNKNOWN = "-"


def render(report: Report) -> RenderableType:
    """One line a deployment; below it what is pending or failed, and what the figures count."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("service", no_wrap=True)
    table.add_column("status", no_wrap=True)
    for name in ("replicas", "queue", "req/s", "p50", "p95", "batch", "memory"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("errors", overflow="fold")
    for row in report.rows:
        table.add_row(*_cells(row))
    parts: list[RenderableType] = [_head(report), table]
    parts += [Text(f"{_name(row)}: {row.message}", style="red") for row in report.rows if row.message]
    parts.append(Text(_foot(report), style="dim"))
    return Group(*parts)


def _head(report: Report) -> Text:
    text = Text(report.where, style="bold")
    for detail in (report.deployed, f"code {report.code_version}" if report.code_version else ""):
        text.append(f"  {detail}" if detail else "", style="not bold dim")
    return text


def _cells(row: Row) -> list[str | Text]:
    found = row.figures
    status = Text(row.status.lower().replace("_", " "), style=COLOURS.get(row.status, "red"))
    replicas = f"{row.running}/{row.wanted}"
    if row.pending:
        replicas += f" +{row.pending} pending"
    if row.stopping:
        replicas += f" -{row.stopping} stopping"
    memory = UNKNOWN if found.memory_bytes is None else f"{found.memory_bytes / 2**20:.0f} MiB"
    if found.memory_bytes and row.running > 1 and not (row.pending or row.stopping):
        memory = f"{row.running} x {found.memory_bytes / row.running / 2**20:.0f} MiB"
    return [
        _name(row), status, replicas, _number(found.queue_units), _number(found.requests_per_s, ".1f"),
        _duration(found.p50_s), _duration(found.p95_s), _number(found.batch_mean, ".1f"), memory, _errors(found.errors),
    ]  # fmt: skip


def _foot(report: Report) -> str:
    if report.window_s is None:
        counted = "Figures since each replica started; --watch shows the last half minute."
    else:
        counted = f"Figures of the last {report.window_s:.0f} s."
    parts = [counted, "Ray's metrics lag by up to 10 s."]
    if report.unreachable:
        parts.append(f"No metrics from {', '.join(report.unreachable)}: not reachable from here.")
    return " ".join(parts)


def _name(row: Row) -> str:
    return row.application if row.application == row.deployment else f"{row.application}/{row.deployment}"


def _number(value: float | None, form: str = ".0f") -> str:
    return UNKNOWN if value is None else format(value, form)


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return UNKNOWN
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def _errors(errors: dict[str, int] | None) -> Text:
    if errors is None:
        return Text(UNKNOWN)
    told = sorted(errors.items(), key=lambda item: -item[1])
    return Text(", ".join(f"{code} {count}" for code, count in told) or "0", style="red" if errors else "")
