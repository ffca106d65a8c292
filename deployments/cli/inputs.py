"""The files that a command is given: paths, folders, and `-` for standard input."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deployments.cli.exit_status import complain

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".pdf")
RECORDINGS = (".wav", ".flac", ".mp3", ".m4a", ".mp4", ".ogg", ".opus", ".webm", ".aac", ".mkv", ".mov", ".wma")
STDIN = "-"


@dataclass(frozen=True, slots=True)
class Input:
    """One file to send."""

    name: str
    """As the person wrote it; `-` is standard input."""
    content: Path | bytes

    @property
    def upload(self) -> Path | tuple[str, bytes]:
        """As the client takes it."""
        return self.content if isinstance(self.content, Path) else (Path(self.name).name or "upload", self.content)

    @property
    def stem(self) -> str:
        """To name what is made of it."""
        return "stdin" if self.name == STDIN else Path(self.name).stem


def open_inputs(arguments: Sequence[str], suffixes: Sequence[str]) -> tuple[list[Input], int]:
    """The inputs in order, and the number of arguments that are none: each is said on stderr, and the rest goes on.

    Args:
        suffixes: of the files that are taken from a folder. A file that is named is taken whatever it is called.
    """
    found: list[Input] = []
    failed = 0
    for argument in arguments:
        try:
            found += _inputs_of(argument, suffixes)
        except (OSError, ValueError) as error:
            failed += 1
            complain(unusable(argument, error))
    return found, failed


def unusable(argument: str, error: Exception) -> str:
    """What is wrong with an argument, in one line."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{'standard input' if argument == STDIN else argument}: {reason}"


def _inputs_of(argument: str, suffixes: Sequence[str]) -> list[Input]:
    if argument == STDIN:
        return [Input(STDIN, read_stdin())]
    path = Path(argument)
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.is_file() and file.suffix.lower() in suffixes)
        if not files:
            raise ValueError(f"the folder holds no file that ends in {', '.join(suffixes)}")
        return [Input(str(file), file) for file in files]
    if not path.exists():
        raise ValueError("no such file or folder")
    # A pipe, such as bash's <(...), can be read once only; the client may have to send it twice.
    return [Input(argument, path if path.is_file() else path.read_bytes())]


def read_stdin() -> bytes:
    """
    Raises:
        ValueError: it is empty, or a keyboard.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise ValueError("it is a terminal; pipe something into it")
    data = sys.stdin.buffer.read()
    if not data:
        raise ValueError("it is empty")
    return data
