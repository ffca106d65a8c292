"""Fonts for the texts of a picture: one that has every character, wherever the machine has one."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from deployments.cli.exit_status import USAGE, CommandFailed

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

_FOLDERS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".local/share/fonts",
            Path("/System/Library/Fonts"), Path("/Library/Fonts"))  # fmt: skip
_KNOWN = (
    "NanumGothic.ttf", "NotoSansCJK-Regular.ttc", "NotoSansKR-Regular.otf", "AppleSDGothicNeo.ttc", "UnDotum.ttf",
    "NotoSansCJKkr-Regular.otf", "wqy-zenhei.ttc", "DroidSansFallbackFull.ttf", "DejaVuSans.ttf", "Arial Unicode.ttf",
)  # fmt: skip
"""In order of preference. Nanum has Korean and Latin, Noto CJK and WenQuanYi all of Korean, Chinese and Japanese."""
_NO_CHARACTER = "\U0010ffff"
"""A noncharacter (Unicode 23.7): every font draws its mark for missing glyphs."""
_PROBE_SIZE = 24


class Fonts:
    """Chooses a font for a text.

    Args:
        preferred: a font file to use wherever it has the characters.

    Raises:
        CommandFailed: `preferred` is no font.
    """

    def __init__(self, preferred: Path | None = None) -> None:
        self.missing: set[str] = set()
        """Characters that no font had; they were drawn as the font's empty box."""
        self._paths: list[str] = []
        if preferred is not None:
            try:
                _probe(str(preferred))
            except OSError as error:
                reason = error.strerror or "not a font that can be read"
                raise CommandFailed(f"--font {preferred}: {reason}", USAGE) from error
            self._paths.append(str(preferred))
        self._paths += _known_fonts()
        self._asked: set[str] = set()

    def font(self, text: str, size: float) -> FreeTypeFont:
        """The first font with all characters of `text`, or the one with the most."""
        return _at_size(self._choose(text), max(1, round(size)))

    def _choose(self, text: str) -> str:
        wanted = {character for character in text if not character.isspace()}
        lacking = {path: _lacking(path, wanted) for path in self._paths}
        if (full := next((path for path, without in lacking.items() if not without), None)) is not None:
            return full
        for character in sorted(wanted - self._asked):
            self._asked.add(character)
            for path in _fontconfig_fonts(character):
                if path not in self._paths:
                    self._paths.append(path)
                lacking[path] = _lacking(path, wanted)
                if not lacking[path]:
                    return path
        if not lacking:
            self.missing |= {character for character in wanted if not character.isascii()}
            return ""
        best = min(lacking, key=lambda path: len(lacking[path]))
        self.missing |= lacking[best]
        return best


def _lacking(path: str, characters: set[str]) -> set[str]:
    return {character for character in characters if not _has(path, character)}


@cache
def _has(path: str, character: str) -> bool:
    font = _probe(path)
    drawn, none = font.getmask(character), font.getmask(_NO_CHARACTER)
    return drawn.size != none.size or bytes(drawn) != bytes(none)


@cache
def _probe(path: str) -> FreeTypeFont:
    return _at_size(path, _PROBE_SIZE)


@cache
def _at_size(path: str, size: int) -> FreeTypeFont:
    """Without a path: Pillow's own font, which is Latin only."""
    from PIL import ImageFont

    if not path:
        return ImageFont.load_default(size)  # type: ignore[return-value]  # with a size it is a FreeTypeFont
    return ImageFont.truetype(path, size)


@cache
def _known_fonts() -> tuple[str, ...]:
    """Those of `_KNOWN` that this machine has."""
    found: dict[str, str] = {}
    for folder in _FOLDERS:
        for file in folder.rglob("*") if folder.is_dir() else ():
            if file.name in _KNOWN:
                found.setdefault(file.name, str(file))
    return tuple(found[name] for name in _KNOWN if name in found)


def _fontconfig_fonts(character: str) -> Iterator[str]:
    """Fonts that, by fontconfig's word, have `character`: whatever else the machine has."""
    program = shutil.which("fc-list")
    if program is None:
        return
    query = [program, f":charset={ord(character):x}:scalable=true", "file"]
    listed = subprocess.run(query, capture_output=True, text=True, check=False, timeout=20)  # noqa: S603
    for line in sorted(listed.stdout.splitlines()):
        path = line.rstrip(" :")
        if Path(path).suffix.lower() in (".ttf", ".otf", ".ttc"):
            yield path
