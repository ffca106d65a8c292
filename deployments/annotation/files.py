"""Where annotated pictures go: one file, numbered files for several pages, or a folder for several inputs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deployments.annotation import pages
from deployments.annotation.drawing import draw
from deployments.annotation.fonts import Fonts
from deployments.cli.exit_status import USAGE, CommandFailed, complain, note

if TYPE_CHECKING:
    from deployments.cli.inputs import Input
    from deployments.client.ocr_replies import Extraction

_MOST_SHOWN = 20


class AnnotatedFiles:
    """
    Args:
        target: a picture's file, or a folder, which is made.
        several: whether there is more than one input: then `target` is a folder.
        font: to prefer.

    Raises:
        CommandFailed: Pillow is missing, or `target` or `font` cannot be used. Better said before the reading.
    """

    def __init__(self, target: Path, several: bool, font: Path | None) -> None:
        pages.check_installed()
        self._fonts = Fonts(font)
        self._target = target
        self._folder = target.is_dir() or (several and not _is_picture(target))
        if several and not self._folder:
            raise CommandFailed(f"--annotate {target} names one picture for several files: name a folder", USAGE)
        if self._folder:
            _make(target)
        else:
            _check(target)
        self._taken: set[str] = set()

    def draw(self, item: Input, reply: Extraction) -> None:
        """Draw every page of `item`; a line on stderr for each file.

        Raises:
            CommandFailed: a library for this kind of file is missing, or the folder cannot be written to.
        """
        sizes = [(size.width, size.height) for size in reply.page_sizes]
        try:
            images = pages.open_pages(item.content, sizes)
        except (OSError, ValueError, SyntaxError) as error:
            raise CommandFailed(f"{item.name}: cannot be drawn: {error}") from error
        for number, image in enumerate(images):
            boxes = [box for box in reply.text_boxes if box.page == number]
            file = self._file(item, number, len(images))
            picture = draw(image, boxes, self._fonts)
            try:
                picture.save(file)
            except OSError as error:
                raise CommandFailed(f"cannot write {file}: {error.strerror or error}") from error
            note(f"wrote {file} ({len(boxes)} boxes)")

    def end(self) -> None:
        """Say which characters no font had."""
        if missing := sorted(self._fonts.missing):
            more = " ..." if len(missing) > _MOST_SHOWN else ""
            complain(
                f"no font here has {' '.join(missing[:_MOST_SHOWN])}{more}: name one with --font, or install one "
                "(Debian: apt install fonts-nanum for Korean, fonts-noto-cjk for Chinese and Japanese, too)"
            )

    def _file(self, item: Input, number: int, count: int) -> Path:
        page = f"-{number + 1}" if count > 1 else ""
        if not self._folder:
            return self._target.with_stem(f"{self._target.stem}{page}")
        if number == 0:
            self._stem = self._free_stem(item.stem)
        return self._target / f"{self._stem}{page}.png"

    def _free_stem(self, stem: str) -> str:
        """a/scan.png and b/scan.png get files of their own."""
        free = next(name for name in (stem, *(f"{stem}~{n}" for n in range(2, 10**6))) if name not in self._taken)
        self._taken.add(free)
        return free


def _is_picture(target: Path) -> bool:
    from PIL import Image

    return Image.registered_extensions().get(target.suffix.lower()) in Image.SAVE


def _check(target: Path) -> None:
    if not _is_picture(target):
        raise CommandFailed(f"--annotate {target}: the name must end in .png, .jpg or .webp, or be a folder's", USAGE)
    if not target.parent.is_dir():
        raise CommandFailed(f"--annotate {target}: there is no folder {target.parent}", USAGE)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandFailed(f"--annotate {folder}: {error.strerror}", USAGE) from error
