"""Which fonts there are to draw with.

Pillow carries one scalable font (Aileron), so everything here draws on a machine without any font installed.
Fonts found on the machine are used in addition: they make the drawn crops more varied.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from deployments.serving.errors import BackendMissing

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

PILLOW_FONT = "Aileron-Regular (Pillow)"

_FOLDERS = {
    "linux": ("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts"),
    "darwin": ("/System/Library/Fonts", "/Library/Fonts", "~/Library/Fonts"),
    "win32": ("C:/Windows/Fonts",),
}
# File names, so that two machines with the same fonts draw the same pictures whatever else is installed.
_FILES: dict[str, tuple[str, ...]] = {
    "sans": (
        "DejaVuSans-Bold.ttf",
        "DejaVuSans.ttf",
        "DejaVuSansCondensed-Bold.ttf",
        "DejaVuSansCondensed.ttf",
        "LiberationSans-Bold.ttf",
        "LiberationSans-Regular.ttf",
        "LiberationSansNarrow-Bold.ttf",
        "NotoSans-Bold.ttf",
        "Arial.ttf",
        "arialbd.ttf",
    ),
    "mono": ("DejaVuSansMono-Bold.ttf", "LiberationMono-Bold.ttf"),
    "serif": ("DejaVuSerif-Bold.ttf", "DejaVuSerifCondensed-Bold.ttf", "LiberationSerif-Bold.ttf"),
}


@dataclass(frozen=True, slots=True)
class Typeface:
    """A font by file, or Pillow's own where `path` is None."""

    name: str
    path: Path | None

    def at(self, size: int) -> FreeTypeFont:
        """The font at `size` pixels.

        Raises:
            BackendMissing: this Pillow was built without FreeType, so it has no scalable font.
        """
        return _load(self.path, size)


@cache
def typefaces(*kinds: str) -> tuple[Typeface, ...]:
    """Pillow's font and those of `kinds` (`sans`, `mono`, `serif`) that this machine has, in a fixed order."""
    found = _files_on_this_machine()
    names = [name for kind in kinds for name in _FILES[kind]]
    return (Typeface(PILLOW_FONT, None), *(Typeface(name, found[name]) for name in names if name in found))


@cache
def _files_on_this_machine() -> dict[str, Path]:
    files: dict[str, Path] = {}
    for folder in _FOLDERS.get(sys.platform, ()):
        root = Path(folder).expanduser()
        if root.is_dir():
            files.update({path.name: path for path in sorted(root.rglob("*.ttf"))})
    return files


@cache
def _load(path: Path | None, size: int) -> FreeTypeFont:
    from PIL import ImageFont
    from PIL.ImageFont import FreeTypeFont

    if path is not None:
        return ImageFont.truetype(str(path), size)
    font = ImageFont.load_default(size)
    if not isinstance(font, FreeTypeFont):
        raise BackendMissing("This Pillow has no FreeType, so it cannot draw text: install Pillow's own wheel.")
    return font
