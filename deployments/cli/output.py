"""What a command prints: tables for a person, one JSON object a line for a program. Only data goes to stdout."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deployments.cli.exit_status import printable, writing_to_stdout

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

PIPED_WIDTH = 120

AsJson = Annotated[
    bool, typer.Option("--json", help="One JSON object a file; the default where stdout is no terminal.")
]
AsTable = Annotated[bool, typer.Option("--table", help="A table; the default in a terminal.")]


class Output:
    """Stdout.

    Args:
        as_json, as_table: what was asked for; with neither, stdout's kind decides.
    """

    def __init__(self, as_json: bool = False, as_table: bool = False) -> None:
        if as_json and as_table:
            raise typer.BadParameter("choose one of --json and --table")
        self.terminal = sys.stdout.isatty()
        self.json = as_json or not (as_table or self.terminal)
        self._console: Console | None = None

    @property
    def console(self) -> Console:
        """For tables, and for the progress bar where stdout is a terminal."""
        if self._console is None:
            from rich.console import Console

            self._console = Console(width=None if self.terminal else PIPED_WIDTH, highlight=False)
        return self._console

    def record(self, fields: dict[str, Any]) -> None:
        """One line of JSON; UTF-8 as it is."""
        self.text(json.dumps(fields, ensure_ascii=False, default=str))

    def text(self, text: str) -> None:
        """`text` and a line end; what a terminal would take as a command is made harmless there.

        Raises:
            SystemExit, CommandFailed: as of `writing_to_stdout`.
        """
        with writing_to_stdout():
            if self.terminal:
                self.console.print(printable(text), markup=False, soft_wrap=True)
            else:
                sys.stdout.write(text + "\n")
                sys.stdout.flush()

    def show(self, *what: RenderableType) -> None:
        """Tables and the like. Raises as of `text`."""
        from rich.console import Group

        with writing_to_stdout():
            self.console.print(Group(*what))
