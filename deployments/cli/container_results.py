"""Container numbers, printed as they come, or kept for a results file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from deployments.cli.exit_status import CommandFailed, complain, note, printable
from deployments.cli.inputs import Input
from deployments.cli.output import Output
from deployments.container_number.compared_readers import ComparedReader
from deployments.container_number.results_file import PictureResult, check_format, summary, write_results

if TYPE_CHECKING:
    from rich.console import RenderableType

    from deployments.client.container_number import ContainerNumber, ImageNumbers

Work = tuple[Input, ComparedReader]


class ContainerResults:
    """
    Args:
        target: `.csv` or `.txt`; None prints.
        readers: who reads every picture, in the order of the columns.

    Raises:
        InvalidInput: `target` cannot be used. Better said before the reading.
    """

    def __init__(self, target: Path | None, readers: Sequence[ComparedReader], output: Output) -> None:
        if target is not None:
            check_format(target)
        self.failed = 0
        """Pictures that the service could not read: each was said on stderr."""
        self._target = target
        self._names = [by.name for by in readers]
        self._output = output
        self._kept: list[PictureResult] = []

    def add(self, work: Work, entry: ImageNumbers) -> None:
        """Print it, or keep it for the file."""
        item, by = work
        if entry.failed:
            self.failed += 1
            complain(f"{item.name}: {entry.error} ({entry.error_code})")
        if self._target is not None:
            numbers = tuple(asdict(number) for number in entry.numbers)
            self._kept.append(PictureResult(Path(item.name), by.name, numbers, entry.error))
        elif entry.failed:
            return
        elif self._output.json:
            self._output.record({"file": item.name, "read_by": by.name} | asdict(entry))
        else:
            self._output.show(*_table(item, by.name if len(self._names) > 1 else "", entry))

    def lose(self, work: Work, reason: str) -> None:
        """One that has no answer at all: its row says why."""
        self._kept.append(PictureResult(Path(work[0].name), work[1].name, error=reason))

    def end(self) -> None:
        """Write the file, and print what it comes to.

        Raises:
            CommandFailed: it cannot be written.
        """
        if self._target is None:
            return
        try:
            write_results(self._target, self._kept, self._names)
        except OSError as error:
            raise CommandFailed(f"cannot write {self._target}: {error.strerror}") from error
        for line in summary(self._kept, self._names):
            self._output.text(line)
        note(f"wrote {self._target}")


def _table(item: Input, by: str, entry: ImageNumbers) -> tuple[RenderableType, ...]:
    from rich.table import Table
    from rich.text import Text

    title = Text(printable(item.name), "bold") + Text(f"  {by}" if by else "", "dim")
    if not entry.numbers:
        return title, Text("no container number found\n", "dim")
    grid = Table(title=title, title_justify="left", box=None, header_style="dim")
    for name in ("number", "size", "confidence", "read by", "remarks"):
        grid.add_column(name, justify="right" if name == "confidence" else "left", no_wrap=name != "remarks")
    for number in entry.numbers:
        sure = "yellow" if number.needs_review else "green"
        grid.add_row(
            Text(number.number or f"{printable(number.text)} ?", f"bold {sure}"),
            number.size_type or "",
            Text(f"{number.confidence:.2f}", sure),
            number.reader,
            Text(printable(_remarks(number))),
        )
    return grid, ""


def _remarks(number: ContainerNumber) -> str:
    remarks = [number.size_type_description or ""]
    if number.needs_review:
        remarks.append("needs review: " + ", ".join(number.review_reasons))
    if number.needs_review and number.alternatives:
        remarks.append("or " + ", ".join(number.alternatives))
    return "; ".join(remark for remark in remarks if remark)
