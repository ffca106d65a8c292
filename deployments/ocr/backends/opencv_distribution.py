"""Telling paddlex that OpenCV is here.

paddlex asks for the *distribution* `opencv-contrib-python` before it runs anything, though OCR uses nothing that only
contrib has. Several distributions own the module `cv2`; servers have the headless one, which needs no libGL. So while
`cv2` is importable we answer for that name with the version of the one installed, by the documented way to add
distributions: https://docs.python.org/3/library/importlib.metadata.html#extending-the-search-algorithm
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import Any

_ASKED_FOR = "opencv-contrib-python"
_OTHERS = ("opencv-python-headless", "opencv-contrib-python-headless", "opencv-python")


class _Alias(metadata.Distribution):
    def __init__(self, version: str) -> None:
        self._text = f"Metadata-Version: 2.1\nName: {_ASKED_FOR}\nVersion: {version}\n"

    def read_text(self, filename: str) -> str | None:
        return self._text if filename == "METADATA" else None

    def locate_file(self, path: Any) -> Any:
        raise FileNotFoundError(path)


class _Finder(metadata.DistributionFinder):
    def __init__(self, version: str) -> None:
        self._version = version

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:
        """It finds no modules."""

    def find_distributions(
        self,
        context: metadata.DistributionFinder.Context = metadata.DistributionFinder.Context(),  # noqa: B008
    ) -> Iterator[metadata.Distribution]:
        if context.name == _ASKED_FOR:
            yield _Alias(self._version)


def answer_for_contrib() -> None:
    """Idempotent; does nothing where contrib itself is installed, or no OpenCV at all."""
    if importlib.util.find_spec("cv2") is None or _version(_ASKED_FOR):
        return
    version = next((found for found in map(_version, _OTHERS) if found), None)
    if version:
        sys.meta_path.append(_Finder(version))


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
