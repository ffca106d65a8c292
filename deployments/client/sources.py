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
        for name, value in (("images", images), ("private_imgs", private_imgs)):
            if isinstance(value, (str, bytes)):
                raise ValueError(f"{name} is one value; give a list")
        if bool(images) == bool(private_imgs):
            raise ValueError("give exactly one: images (local files to upload) or private_imgs (paths on the server)")
        return cls(tuple(("files", Upload.of(image)) for image in images), tuple(private_imgs))

    def timeout_s(self, asked_s: float | None) -> float:
        """`asked_s`, or where that is None the time-out of a call of so many images (contracts.md)."""
        return CALL_S + IMAGE_S * (len(self.uploads) or len(self.paths)) if asked_s is None else asked_s


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
