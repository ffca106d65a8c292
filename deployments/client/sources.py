"""What a call is about: files from here, uploaded, or paths on the server; never both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deployments.client.call import CALL_S, IMAGE_S
from deployments.client.uploads import File, Upload


@dataclass(frozen=True, slots=True)
class Images:
    """The images of a call of several."""

    uploads: tuple[tuple[str, Upload], ...]
    """In the form field `files`. Empty where paths are given."""
    paths: tuple[str, ...]

    @classmethod
    def of(cls, images: Sequence[File], private_imgs: Sequence[str]) -> Images:
        """
        Args:
            images: local files.
            private_imgs: paths or URIs on the server instead.

        Raises:
            ValueError: neither or both, or a single value instead of a list.
        """
        meanings = ("local files to upload", "paths on the server")
        return cls(several_uploads(images, private_imgs, ("images", "private_imgs"), meanings), tuple(private_imgs))

    def timeout_s(self, asked_s: float | None) -> float:
        """`asked_s`, or where that is None the time-out of a call of so many images (contracts.md)."""
        return CALL_S + IMAGE_S * (len(self.uploads) or len(self.paths)) if asked_s is None else asked_s


def several_uploads(
    files: Sequence[File], paths: Sequence[str], names: tuple[str, str], meanings: tuple[str, str]
) -> tuple[tuple[str, Upload], ...]:
    """The uploads of a call about several files, in the form field `files`; none where `paths` are given.

    Args:
        names: of the two arguments, for the message.
        meanings: of the two, likewise.

    Raises:
        ValueError: neither or both, or a single value instead of a list.
    """
    for name, value in zip(names, (files, paths), strict=True):
        if isinstance(value, (str, bytes)):
            raise ValueError(f"{name} is one value; give a list")
    if bool(files) == bool(paths):
        raise ValueError(f"give exactly one: {names[0]} ({meanings[0]}) or {names[1]} ({meanings[1]})")
    return tuple(("files", Upload.of(file)) for file in files)


def one_upload(
    file: File | None, path: str | None, *, names: tuple[str, str], what: str
) -> tuple[tuple[str, Upload], ...]:
    """The upload of a call about one file, in the form field `file`; none where `path` is given.

    Args:
        names: of the two arguments, for the message.
        what: the file is, likewise.

    Raises:
        ValueError: neither or both.
    """
    if (file is None) == (path is None):
        raise ValueError(
            f"give exactly one: {names[0]} (a local {what} to upload) or {names[1]} (a path on the server)"
        )
    return () if file is None else (("file", Upload.of(file)),)
