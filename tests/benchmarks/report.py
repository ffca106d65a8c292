"""Collects figures of one run and prints them as a table with the environment."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table


@dataclass
class Report:
    rows: list[tuple[str, str, str]] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def row(self, service: str, what: str, value: float, unit: str) -> None:
        self.rows.append((service, what, f"{value:,.4g} {unit}"))

    def ratio(
        self, service: str, what: str, value: float, *, at_least: float = float("-inf"), at_most: float = float("inf")
    ) -> None:
        """A ratio and what we promise of it; a miss is shown and makes `make bench` exit 1."""
        promise = f"at least {at_least}" if at_most == float("inf") else f"at most {at_most}"
        if not at_least <= value <= at_most:
            self.missed.append(f"{service}: {what} is {value:.2f}, promised {promise}")
        self.rows.append((service, f"[bold]{what}[/]", f"[bold]{value:.2f}[/] (promised {promise})"))

    def show(self, environment: str) -> None:
        table = Table("service", "what", "figure")
        for row in self.rows:
            table.add_row(*row)
        console = Console(width=110)
        console.print(environment)
        console.print(table)
        for line in self.missed:
            console.print(f"MISSED {line}")
