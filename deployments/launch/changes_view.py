"""A plan of changes, as a person reads it in the terminal."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from deployments.launch.changes import MISSING, ApplicationChange, Change, Effect, Plan

SIGNS = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow")}
EFFECTS = {Effect.IN_PLACE: "green", Effect.ROLLING: "yellow", Effect.NEXT_START: "dim"}


def render(plan: Plan) -> RenderableType:
    """One line an application, one for each changed value below it: old -> new, and what it means."""
    parts: list[RenderableType] = []
    for application in plan.applications:
        parts.append(_headline(application))
        if application.changes:
            parts.append(_grid(application.changes))
    if plan.system:
        parts.append(Text("~ system", style="bold yellow"))
        parts.append(_grid(plan.system))
    return Group(*parts)


def _headline(application: ApplicationChange) -> Text:
    sign, colour = SIGNS[application.kind]
    meaning = {"added": "new", "removed": "stops, and its path answers 404"}.get(application.kind, "")
    line = Text(f"{sign} {application.name}", style=f"bold {colour}")
    return line.append(f"  {meaning}", style="not bold") if meaning else line


def _grid(changes: tuple[Change, ...]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column()
    grid.add_column(overflow="fold")
    grid.add_column(overflow="fold")
    for change in changes:
        name = "code version" if change.is_code_version else change.path
        values = Text.assemble((_value(change.old), "red"), " -> ", (_value(change.new), "green"))
        grid.add_row(f"    {name}", values, Text(change.effect, style=EFFECTS[change.effect]))
    return grid


def _value(value: Any) -> str:
    return repr(MISSING) if value is MISSING else json.dumps(value, ensure_ascii=False)
