"""How the `sensorium` command ends: its exit statuses, and the one line on stderr that says why."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

FAILED = 1
USAGE = 2
UNREACHABLE = 3
BROKEN_PIPE = 141
"""128 + SIGPIPE, as a shell reports `yes` in `yes | head`."""

EXIT_STATUSES = (
    "Exit status: 0 all went well, 1 something failed (the rest was done), 2 wrong usage, 3 no server that can answer, "
    "130 interrupted, 141 the reader of the output left."
)
"""For the epilog of every command's help."""


class CommandFailed(Exception):
    """The whole command cannot go on.

    Args:
        message: what is wrong and what to do, in one line.
        status: with which to exit.
    """

    def __init__(self, message: str, status: int = FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


def epilog(*examples: str) -> str:
    """Examples of a command, a line each, and the exit statuses."""
    word = "Example" if len(examples) == 1 else "Examples"
    return "\n\n".join([f"{word}:", *(f"  {example}" for example in examples), EXIT_STATUSES])


def complain(message: str) -> None:
    """One line (what Ray says of a service that fails has more) on stderr."""
    sys.stderr.write(f"sensorium: {printable(message.strip())}\n")
    sys.stderr.flush()


def note(message: str) -> None:
    """Good news on stderr, where it does not mix with the data."""
    sys.stderr.write(f"{printable(message)}\n")
    sys.stderr.flush()


def printable(text: str) -> str:
    """`text` without what a terminal would take as a command: it may come from a file name, a picture or a server."""
    return "".join(one if one.isprintable() or one in "\n\t" else "\N{REPLACEMENT CHARACTER}" for one in text)


def known_failure(error: Exception) -> CommandFailed | None:
    """`error` as one line, if it is of a kind that says by itself what is wrong; None for a fault of ours."""
    if isinstance(error, CommandFailed):
        return error
    if isinstance(error, ModuleNotFoundError):
        return _missing_module(error)
    from deployments.client.errors import ClientError
    from deployments.launch.errors import LaunchFailed
    from deployments.serving.errors import SensoriumError

    if isinstance(error, (LaunchFailed, ClientError)):
        return CommandFailed(str(error))
    return CommandFailed(error.message) if isinstance(error, SensoriumError) else None


@contextmanager
def writing_to_stdout() -> Iterator[None]:
    """
    Raises:
        SystemExit: whoever read stdout has gone; what is still buffered is dropped without a word.
        CommandFailed: it cannot be written to, because the disk is full, say.
    """
    try:
        yield
    except BrokenPipeError:
        _drop_output()
        sys.exit(BROKEN_PIPE)
    except OSError as error:
        _drop_output()
        raise CommandFailed(f"cannot write the output: {error.strerror or error}") from error


def _drop_output() -> None:
    """Else Python tries it again at its end, and says so."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _missing_module(error: ModuleNotFoundError) -> CommandFailed | None:
    name = (error.name or "").partition(".")[0]
    if name in ("", "deployments", "training"):
        return None
    return CommandFailed(
        f"this command needs the extra `server` ({name} is not installed): run `make install` in the checkout, or pip "
        "install '.[server]' there"
    )
