"""Transcripts and subtitles, printed or written to files."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployments.cli.exit_status import USAGE, CommandFailed, note, printable
from deployments.cli.output import Output

if TYPE_CHECKING:
    from rich.console import RenderableType

    from deployments.cli.inputs import Input
    from deployments.client.speech import Transcript

_SUBTITLES = ("srt", "vtt")
_SUFFIXES = {"table": "txt", "text": "txt", "json": "json", "srt": "srt", "vtt": "vtt"}


class Transcripts:
    """
    Args:
        form: table, text, json, srt or vtt.
        target: a file, a folder, or None for stdout.
        count: recordings in all.

    Raises:
        CommandFailed: `target` does not fit the number of recordings, or cannot be written to.
    """

    def __init__(self, form: str, target: Path | None, count: int, output: Output) -> None:
        self._form = form
        self._target = target
        self._several = count > 1
        self._output = output
        if target is None:
            if self._several and form in _SUBTITLES:
                raise CommandFailed(f"the {form} of several recordings needs --output FOLDER: a file each", USAGE)
            return
        self._folder = target.is_dir() or self._several
        try:
            (target if self._folder else target.parent).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CommandFailed(f"--output {target}: {error.strerror}", USAGE) from error

    def show(self, item: Input, reply: Transcript | str) -> None:
        """Print the reply, or write its file.

        Raises:
            CommandFailed: the file cannot be written.
        """
        if self._target is not None:
            self._write(self._target, item, reply)
        elif isinstance(reply, str):
            self._output.text(reply.rstrip("\n"))
        elif self._form == "json":
            self._output.record(_record(item, reply))
        elif self._form == "text":
            self._output.text(f"{item.name}: {reply.text}" if self._several else reply.text)
        else:
            self._output.show(*_table(item, reply))

    def _write(self, target: Path, item: Input, reply: Transcript | str) -> None:
        file = target / f"{item.stem}.{_SUFFIXES[self._form]}" if self._folder else target
        if isinstance(reply, str):
            text = reply
        elif self._form == "json":
            text = json.dumps(_record(item, reply), ensure_ascii=False, indent=2) + "\n"
        else:
            text = reply.text + "\n"
        try:
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandFailed(f"cannot write {file}: {error.strerror}") from error
        note(f"wrote {file}")


def _record(item: Input, reply: Transcript) -> dict[str, Any]:
    return {"file": item.name} | asdict(reply)


def _table(item: Input, reply: Transcript) -> tuple[RenderableType, ...]:
    """What is said when, and a line about the whole."""
    from rich.table import Table
    from rich.text import Text

    title = Text(printable(item.name), "bold")
    grid = Table(title=title, title_justify="left", box=None, header_style="dim")
    grid.add_column("from", justify="right", no_wrap=True)
    grid.add_column("to", justify="right", no_wrap=True)
    grid.add_column("text")
    for segment in reply.segments:
        grid.add_row(_clock(segment.start), _clock(segment.end), Text(printable(segment.text.strip())))
    speed = f"read in {_clock(reply.processing_time)}" if reply.processing_time > 0 else ""
    facts = (
        "" if reply.text else "nobody speaks",
        f"{_clock(reply.duration)} of sound",
        reply.language,
        " ".join(part for part in (reply.backend, reply.model) if part),
        speed,
    )
    about = Text(" · ".join(fact for fact in facts if fact) + "\n", "dim")
    if reply.segments:
        return grid, about
    return (title, Text(printable(reply.text)), about) if reply.text else (title, about)


def _clock(seconds: float) -> str:
    """1:02:03.4, or 2:03.4 under an hour."""
    tenths = round(seconds * 10)
    hours, minutes = divmod(tenths // 600, 60)
    rest = f"{tenths % 600 // 10:02}.{tenths % 10}"
    return f"{hours}:{minutes:02}:{rest}" if hours else f"{minutes}:{rest}"
