"""The texts that `sensorium embed` is given: in its arguments, in files, on standard input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deployments.cli.exit_status import complain
from deployments.cli.inputs import STDIN, read_stdin, unusable

_TEXT_FILES = (".txt", ".text", ".md", ".csv", ".tsv", ".json", ".jsonl", ".list", ".log")


@dataclass(frozen=True, slots=True)
class Line:
    """One text."""

    text: str
    source: str = ""
    """File and line, `names.txt:3`; empty for an argument."""

    @property
    def name(self) -> str:
        """For a message."""
        return self.source or (self.text if len(self.text) <= 40 else self.text[:39] + "…") or "an empty text"


def open_texts(arguments: Sequence[str], never_files: bool) -> tuple[list[Line], int]:
    """The texts in order, and the number of arguments that could not be read: each is said on stderr.

    An argument is a file if there is one of that name; else it is a text, unless it looks like a file's name that was
    mistyped.
    """
    found: list[Line] = []
    failed = 0
    for argument in arguments:
        try:
            found += [Line(argument)] if never_files else _lines_of(argument)
        except (OSError, ValueError) as error:
            failed += 1
            complain(unusable(argument, error))
    return found, failed


def _lines_of(argument: str) -> list[Line]:
    if argument == STDIN:
        return _split(read_stdin(), "-")
    if _exists(argument):
        return _split(Path(argument).read_bytes(), argument)
    if Path(argument).suffix.lower() in _TEXT_FILES and not any(character.isspace() for character in argument):
        raise ValueError("no such file; with --text it is taken for a text")
    return [Line(argument)]


def _exists(argument: str) -> bool:
    try:
        return bool(argument) and Path(argument).exists()
    except (OSError, ValueError):  # too long for a name, or a zero byte in it
        return False


def _split(data: bytes, name: str) -> list[Line]:
    """Blank lines are left out.

    Raises:
        ValueError: not UTF-8, or nothing but blanks.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError("not a text file in UTF-8") from error
    lines = [Line(line.strip(), f"{name}:{number}") for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise ValueError("there is no text in it")
    return lines
