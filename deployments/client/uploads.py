"""Files to send. They are streamed from where they lie, and rewound for each attempt."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

Source = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO
File = Source | tuple[str, Source]
"""A local path, the content itself, or a file opened for reading bytes; with a name before it, `(name, source)`."""


@dataclass(frozen=True, slots=True)
class Upload:
    """One file of a call."""

    name: str
    content: Path | bytes | BinaryIO

    @classmethod
    def of(cls, file: File) -> Upload:
        """A file that cannot be rewound (a pipe) is read here, whole: it could not be sent twice.

        Raises:
            ValueError: opened as text.
        """
        given, source = file if isinstance(file, tuple) else ("", file)
        if isinstance(source, (bytes, bytearray, memoryview)):
            return cls(given or "upload", bytes(source))
        if isinstance(source, (str, os.PathLike)):
            path = Path(source)
            return cls(given or path.name, path)
        name = given or Path(str(getattr(source, "name", "upload"))).name
        if isinstance(source.read(0), str):
            raise ValueError(f"{name!r} is open as text; open it with mode 'rb'")
        return cls(name, source if source.seekable() else source.read())

    def opened(self, closing: ExitStack) -> bytes | BinaryIO:
        """The content from its start, open until `closing` ends.

        Raises:
            OSError: there is no such file, or it cannot be read.
        """
        if isinstance(self.content, Path):
            return closing.enter_context(self.content.open("rb"))
        if not isinstance(self.content, bytes):
            self.content.seek(0)
        return self.content
